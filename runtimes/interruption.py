"""What signals do while a script loads its modules; imports almost nothing, to be there as early as possible."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

# That end a program: docker stop, and a closed ssh session (which Windows does not have).
ENDINGS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
# The exit code of an interrupted run: 128 + SIGINT, as shells have it.
INTERRUPTED = 130


def exit_on_signals() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP end the program silently: what scripts do before they load their modules.

    Python would print where in the modules it was. A signal that the caller ignores stays ignored.
    """
    for number in (signal.SIGINT, *ENDINGS):
        if is_usual(signal.getsignal(number)):
            signal.signal(number, _exit)


def is_usual(handler: object) -> bool:
    """Say whether a signal's handler is Python's own or that of `exit_on_signals`."""
    return handler in (signal.SIG_DFL, signal.default_int_handler, _exit)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    """End without Python's own end, which modules that are loaded by half could disturb."""
    os._exit(INTERRUPTED)
