"""Importing Keras and TensorFlow without their start-up messages."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from types import ModuleType

from runtimes.quiet import notes_are_wanted, stderr_to

# TensorFlow 2.21 prints these while it starts, whatever TF_CPP_MIN_LOG_LEVEL says; the last where there is no GPU.
NOTE = re.compile(rb"WARNING: All log messages before absl::InitializeLog|I0000 |E0000 .* failed call to cuInit")
# Packages that Keras and TensorFlow import where they are there, to offer more to those who use them: about 40 % of the
# time that both take to start.
OFFERS = ("cv2", "jax", "matplotlib", "pandas", "sklearn")
# Whether the process is a script's, which needs none of those offers.
in_script: ContextVar[bool] = ContextVar("in_script", default=False)


@contextmanager
def quiet_startup() -> Iterator[None]:
    """Import Keras and TensorFlow inside: their start-up notes stay off standard error, all else is passed on.

    Where TF_CPP_MIN_LOG_LEVEL asks for notes nothing is held back. Child processes inherit the variable as it is set
    here, and start as quietly. A script imports Keras before its own lines, without OFFERS.
    """
    if notes_are_wanted():
        _start_script()
        yield
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its warnings are for programmers
    with tempfile.TemporaryFile() as held_back:
        try:
            with stderr_to(held_back):
                _start_script()
                yield
                _look_for_devices()
        finally:
            held_back.seek(0)
            for line in held_back:
                if not NOTE.match(line):
                    with suppress(OSError):  # standard error may be closed
                        os.write(2, line)


def _start_script() -> None:
    """Import Keras, and with it its backend, without OFFERS; what is imported later finds those packages."""
    if not in_script.get() or "keras" in sys.modules:
        return
    kept = {"jax"} if _backend_is_jax() else set()
    withheld = [name for name in OFFERS if name not in kept and name not in sys.modules]
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]  # None: Python raises ImportError
    modules.update(dict.fromkeys(withheld))
    try:
        import_module("keras")
    finally:
        for name in withheld:
            del sys.modules[name]


def _backend_is_jax() -> bool:
    """Return what Keras will find: its environment variable, or its file of settings."""
    if name := os.environ.get("KERAS_BACKEND"):
        return name == "jax"
    home = Path(os.environ.get("KERAS_HOME", Path("~/.keras").expanduser()))
    try:
        return '"jax"' in (home / "keras.json").read_text(errors="replace")
    except OSError:
        return False


def _look_for_devices() -> None:
    """Let TensorFlow look for GPUs now, where it is there: what it says about none stays among the notes."""
    if (tensorflow := sys.modules.get("tensorflow")) is not None:
        tensorflow.config.list_physical_devices()
