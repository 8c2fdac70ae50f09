"""Stopping a run by Ctrl-C, SIGTERM or SIGHUP, but never within a change of its state."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from runtimes.interruption import ENDINGS
from runtimes.terminal import raise_lost_interrupt


class UnsavedInterrupt(KeyboardInterrupt):
    """A second signal ended the run at once: what it has done since it was saved last is lost."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold signals that would interrupt the run back until the end, so that what is done inside is done whole.

    Raises:
        KeyboardInterrupt: there was a signal before, and a library has swallowed the interrupt.
    """
    raise_lost_interrupt()
    with signals_held():
        yield


@contextmanager
def signals_held() -> Iterator[None]:
    """Hold signals back as `uninterrupted` does, also where one before has interrupted the run, which is then saved."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[tuple[int, FrameType | None]] = []
    numbers = [signal.SIGINT, *ENDINGS]
    found = {number: signal.getsignal(number) for number in numbers}
    # SIG_DFL and SIG_IGN are integers; None stands for a handler that Python did not set.
    handlers = {number: handler for number, handler in found.items() if not isinstance(handler, int | None)}
    for number in handlers:
        signal.signal(number, lambda *arrived: held.append(arrived))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for number, frame in held:
        handlers[number](number, frame)


@contextmanager
def interrupts_noted() -> Iterator[Callable[[], bool]]:
    """Note the first signal that would interrupt the run, so that it can end after a whole step.

    Yields a function that says whether there was one. A second signal interrupts at once, by an UnsavedInterrupt.
    """
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        for each in handlers:
            signal.signal(each, interrupt)

    def interrupt(number: int, frame: FrameType | None) -> None:
        try:
            handlers[number](number, frame)
        except KeyboardInterrupt as error:
            raise UnsavedInterrupt from error

    raise_lost_interrupt()
    numbers = [signal.SIGINT, *ENDINGS]
    found = {number: signal.getsignal(number) for number in numbers}
    handlers = {number: handler for number, handler in found.items() if not isinstance(handler, int | None)}
    for number in handlers:
        signal.signal(number, note)
    try:
        yield lambda: bool(noted)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
