"""A thread that does jobs in their order while the main one computes.

Ctrl-C may come at any place of the main thread. The executors of `concurrent.futures` may then wait for ever for a lock
that nobody gives back; a SimpleQueue is not written in Python, and is never left half done.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")


class Job(Generic[T]):
    """What a worker calls, and what came of it.

    Args:
        call: returns the result.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._outcome: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run(self) -> None:
        """Call, in the worker's thread."""
        try:
            self._outcome.put((self._call(), None))
        except BaseException as error:  # raised where the result is used
            self._outcome.put((None, error))

    def result(self) -> T:
        """Wait for the result, which can be taken once; raise what the call raised."""
        value, error = self._outcome.get()
        if error is not None:
            raise error
        return cast(T, value)


class Worker:
    """Another thread that does jobs in order."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job[Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.run()

    def submit(self, call: Callable[[], T]) -> Job[T]:
        """Have a job done when those before are."""
        job = Job(call)
        self._jobs.put(job)
        return job

    def close(self) -> None:
        """Wait for all jobs."""
        self._jobs.put(None)
        self._thread.join()
