"""Checks of what Python programs pass beside pictures: paths, shapes, names of parameters in errors."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any

from errors import ArgumentError, UserError


def path_of(value: Any, name: str, *, kind: str = "a path") -> str:
    """Return a path as text.

    Args:
        value: text, or an object with a path, such as pathlib's.
        name: of the parameter, for errors.
        kind: what may be given, for errors.

    Raises:
        ArgumentError: it is neither, such as bytes, or no file can be called so.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str):
        raise ArgumentError(f"`{name}` must be {kind}, not {type(value).__name__}")
    if not text:
        raise ArgumentError(f"`{name}` is empty, not {kind}")
    if "\0" in text:
        raise ArgumentError(f"`{name}` {text!r}: no file can have this name")
    return text


def check_paths(**paths: Any) -> None:
    """Check arguments that are paths, or None where none is given; errors name the keywords.

    Raises:
        ArgumentError: see `path_of`.
    """
    for name, path in paths.items():
        if path is not None:
            path_of(path, name)


def check_texts(**texts: Any) -> None:
    """Check arguments that are texts, sequences of texts, or None; errors name the keywords.

    Raises:
        ArgumentError: one is something else.
    """
    for name, value in texts.items():
        parts = value if isinstance(value, list | tuple) else [value]
        if value is not None and not all(isinstance(part, str) for part in parts):
            raise ArgumentError(f"`{name}` must be text, not {value!r}")


def check_shapes(shapes: Any, name: str) -> None:
    """Check a sequence of shapes, whose sizes are whole numbers, or None.

    Raises:
        ArgumentError: it is no such sequence.
    """
    if not isinstance(shapes, Sequence) or not all(map(_is_shape, shapes)):
        raise ArgumentError(f"`{name}` must be a list of shapes, such as [(224, 224, 3)], not {shapes!r}")


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, list | tuple) and all(size is None or isinstance(size, Integral) for size in shape)


@contextmanager
def renamed(**names: str) -> Iterator[None]:
    """Let errors name other parameters than those of the tasks: `renamed(input="path")` makes `path` of `input`."""
    try:
        yield
    except UserError as error:
        error.args = (re.sub("`([a-z_]+)`", lambda found: f"`{names.get(found[1], found[1])}`", str(error)),)
        raise
