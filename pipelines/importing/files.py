"""Checking where a model is to be written, before any long work."""

from __future__ import annotations

import os
from pathlib import Path

from errors import ArgumentError


def check_model_output(path: str | os.PathLike) -> None:
    """Check that a `.keras` file can be written to `path`.

    Raises:
        ArgumentError: the path does not end in `.keras`, or its folder does not exist.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise ArgumentError(f"--output {path}: a Keras model file must end in .keras")
    if not path.parent.is_dir():
        raise ArgumentError(f"--output {path}: there is no folder {path.parent}")
