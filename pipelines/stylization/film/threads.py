"""Decoding and encoding in threads while the network computes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

# Frames that wait between decoder, network and encoder.
WAITING = 4

T = TypeVar("T")


class Passage(Generic[T]):
    """From one thread to another, with room for WAITING items.

    Ctrl-C may come at any place of the main thread. Where it comes while a `queue.Queue` wakes a thread, that one may
    sleep for ever; a SimpleQueue is not written in Python, and is never left half done.
    """

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[T] = queue.SimpleQueue()
        self._places: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(WAITING):
            self.widen()

    def widen(self) -> None:
        """Make room for one more item."""
        self._places.put(None)

    def put(self, item: T) -> None:
        """Add an item as soon as there is room."""
        self._places.get()
        self._items.put(item)

    def get(self) -> T:
        """Take the next item as soon as there is one."""
        item = self._items.get()
        self.widen()
        return item


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield `items`, which another thread takes from their iterator up to WAITING of them ahead."""
    waiting: Passage[tuple[T] | BaseException | None] = Passage()
    is_over = threading.Event()

    def take() -> None:
        end = None
        try:
            for item in items:
                waiting.put((item,))
                if is_over.is_set():
                    return
        except BaseException as error:  # raised where the items are used
            end = error
        waiting.put(end)

    threading.Thread(target=take, daemon=True).start()
    try:
        while (taken := waiting.get()) is not None:
            if isinstance(taken, BaseException):
                raise taken
            yield taken[0]
    finally:
        is_over.set()
        waiting.widen()  # or the thread would wait for ever where there is no room for the next one


class Worker:
    """Another thread that does jobs in order."""

    def __init__(self) -> None:
        self._jobs: Passage[Callable[[], object] | None] = Passage()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._error is None:
                try:
                    job()
                except BaseException as error:  # raised at the next job
                    self._error = error

    def do(self, job: Callable[[], object]) -> None:
        """Have a job done when those before are; raise what one of them raised."""
        if self._error is not None:
            raise self._error
        self._jobs.put(job)

    def close(self) -> None:
        """Wait for all jobs; raise what one of them raised."""
        self._jobs.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error
