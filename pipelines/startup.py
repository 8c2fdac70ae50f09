"""Starting Keras and TensorFlow without their notes."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

# TensorFlow 2.21 prints these while it starts, whatever TF_CPP_MIN_LOG_LEVEL says; the last where there is no GPU.
NOTE = re.compile(rb"WARNING: All log messages before absl::InitializeLog|I0000 |E0000 .* failed call to cuInit")


@contextmanager
def quiet_startup() -> Iterator[None]:
    """Import Keras and TensorFlow inside: their start-up notes stay off standard error, all else is passed on.

    Someone who sets TF_CPP_MIN_LOG_LEVEL wants to see what TensorFlow says: then nothing is held back.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    with tempfile.TemporaryFile() as held_back:
        try:
            with stderr_to(held_back):
                yield
        finally:
            held_back.seek(0)
            for line in held_back:
                if not NOTE.match(line):
                    os.write(2, line)


@contextmanager
def stderr_to(file: IO[bytes]) -> Iterator[None]:
    """Write to `file` what goes to standard error inside, from C++ too."""
    sys.stderr.flush()
    standard_error = os.dup(2)
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(standard_error, 2)
        os.close(standard_error)
