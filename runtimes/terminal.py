"""Arguments, standard streams, signals, and text that is safe to print."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from runtimes.interruption import ENDINGS, is_usual


def printable(text: str) -> str:
    """Return `text` with escapes for the characters that a terminal cannot show, or that would steer it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


# Longer than any path: what a message does not show whole. Numbers of many digits are none.
LONG_NUMBER, LONG_WORD = re.compile(r"\d{50,}"), re.compile(r"\S{5000,}")


def shortened(text: str) -> str:
    """Return `text` with the beginning and the length in place of numbers and words that nobody reads to their end."""
    for pattern in (LONG_NUMBER, LONG_WORD):
        text = pattern.sub(lambda found: f"{found[0][:20]}... ({len(found[0]):,} characters)", text)
    return text


def reason_of(error: Exception) -> str:
    """Return the message of an error; those of the system tell the file first, and no number."""
    if isinstance(error, OSError) and error.strerror is not None:
        return error.strerror if error.filename is None else f"{os.fsdecode(error.filename)}: {error.strerror}"
    return str(error)


def prepare_standard_streams() -> None:
    """Let standard output and error take any text, and open those that the caller has closed.

    Else the next file that is opened would take their place, and what libraries tell would go into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def tell(line: str) -> None:
    """Print a line on standard error, with escapes and shortened, if anybody is left to read it."""
    with suppress(OSError, ValueError):
        print(printable(shortened(line)), file=sys.stderr, flush=True)


def say(text: str) -> None:
    """Print on standard output at once, if anybody is left to read it."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        discard_output()


def discard_output() -> None:
    """Let what is still to be printed go nowhere: Python would try once more as it ends, and complain."""
    with suppress(OSError, ValueError):  # a stream that somebody has put in its place is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# The signals that have come while `signals_as_interrupts` lasts.
_arrived: list[int] = []


@contextmanager
def signals_as_interrupts() -> Iterator[None]:
    """Raise KeyboardInterrupt inside at SIGTERM (docker stop) and SIGHUP (a closed ssh session) too.

    It is raised at the end as well, in place of another error that a library has made of it. A signal that the caller
    ignores, as nohup does SIGHUP, stays ignored.
    """

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        _arrived.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDINGS)}
    changed = {number: handler for number, handler in found.items() if is_usual(handler)}
    _arrived.clear()
    for number in changed:
        signal.signal(number, interrupt)
    try:
        yield
    except Exception:
        raise_lost_interrupt()
        raise
    finally:
        for number, handler in changed.items():
            signal.signal(number, handler)
        _arrived.clear()


def raise_lost_interrupt() -> None:
    """Raise the KeyboardInterrupt that a library has swallowed; call it between the steps of a long run.

    Libraries have `except:` without a class, and Python itself swallows what is raised in `__del__`.
    """
    if _arrived:
        raise KeyboardInterrupt


class RunError(Exception):
    """What a user can mend; it is told in one line."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ArgumentParser(argparse.ArgumentParser):
    """argparse's parser, but wrong arguments raise RunError."""

    def error(self, message: str) -> NoReturn:
        """Raise RunError where argparse would print its usage and end the program."""
        raise RunError(message, exit_code=2)
