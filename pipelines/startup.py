"""Starting Keras and TensorFlow without their notes."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from runtimes.quiet import notes_are_wanted, stderr_to

# TensorFlow 2.21 prints these while it starts, whatever TF_CPP_MIN_LOG_LEVEL says; the last where there is no GPU.
NOTE = re.compile(rb"WARNING: All log messages before absl::InitializeLog|I0000 |E0000 .* failed call to cuInit")


@contextmanager
def quiet_startup() -> Iterator[None]:
    """Import Keras and TensorFlow inside: their start-up notes stay off standard error, all else is passed on.

    Where TF_CPP_MIN_LOG_LEVEL asks for notes nothing is held back. Child processes inherit the variable as it is set
    here, and start as quietly.
    """
    if notes_are_wanted():
        yield
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its warnings are for programmers
    with tempfile.TemporaryFile() as held_back:
        try:
            with stderr_to(held_back):
                yield
                _look_for_devices()
        finally:
            held_back.seek(0)
            for line in held_back:
                if not NOTE.match(line):
                    with suppress(OSError):  # standard error may be closed
                        os.write(2, line)


def _look_for_devices() -> None:
    """Let TensorFlow look for GPUs now, where it is there: what it says about none stays among the notes."""
    if (tensorflow := sys.modules.get("tensorflow")) is not None:
        tensorflow.config.list_physical_devices()
