"""Decoding and encoding in threads while the network computes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

# Frames that wait between decoder, network and encoder.
WAITING = 4

T = TypeVar("T")


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield `items`, which another thread takes from their iterator up to WAITING of them ahead."""
    waiting: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(WAITING)
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
        with suppress(queue.Empty):
            while True:
                waiting.get_nowait()  # or the thread would wait for ever where there is no room for the next one


class Worker:
    """Another thread that does jobs in order."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Callable[[], object] | None] = queue.Queue(WAITING)
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
