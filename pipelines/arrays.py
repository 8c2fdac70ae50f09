"""Pictures as Python programs hold them: arrays, Pillow's images and paths become arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from errors import ArgumentError, unknown_name
from images.reading import read_image, to_picture

PictureLike = str | os.PathLike | np.ndarray | Image.Image


def as_pixels(picture: PictureLike, name: str = "picture") -> np.ndarray:
    """Return a picture as float32 (height, width, 3), RGB, sRGB-encoded, in [0, 1]; transparency is left out.

    Args:
        picture: such an array, of any floating-point type; a path; or one of Pillow's images, whose colour profile is
            converted and whose orientation is applied as those of files are.
        name: of the parameter, for errors.

    Raises:
        ArgumentError: an array has another shape, type or range.
        ImageError: a file or an image cannot be read.
    """
    if isinstance(picture, np.ndarray):
        return _checked(picture, name)
    if isinstance(picture, Image.Image):
        return to_picture(picture, name=f"`{name}`").pixels
    if isinstance(picture, str | os.PathLike):
        return read_image(picture).pixels
    raise ArgumentError(f"`{name}` must be an array, a path or a Pillow image, not {type(picture).__name__}")


def all_pixels(pictures: Any, name: str) -> list[np.ndarray]:
    """Return one picture, or each of a sequence of them, as `as_pixels` does."""
    return [as_pixels(picture, name) for picture in ([pictures] if is_picture(pictures) else pictures)]


def _checked(pixels: np.ndarray, name: str) -> np.ndarray:
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ArgumentError(f"`{name}` must have the shape (height, width, 3), not {pixels.shape}")
    if not np.issubdtype(pixels.dtype, np.floating):
        raise ArgumentError(f"`{name}` must be a floating-point array in [0, 1], not {pixels.dtype} (divide by 255?)")
    if not (pixels.min() >= 0 and pixels.max() <= 1):  # not a number fails too
        raise ArgumentError(f"`{name}` must be in [0, 1], not from {pixels.min():.4g} to {pixels.max():.4g}")
    return np.ascontiguousarray(pixels, np.float32)


@contextmanager
def workplace() -> Iterator[Path]:
    """Yield an empty folder that is removed in the end: for tasks that go from file to file."""
    with TemporaryDirectory(prefix="texture_nets_") as folder:
        yield Path(folder)


def is_picture(value: Any) -> bool:
    """Return whether a value is of a type that a picture can be given as; a sequence of pictures is not."""
    return isinstance(value, PictureLike)


def check_options(options: Iterable[str], known: Iterable[str]) -> None:
    """Check that all names of options are among the `known` ones.

    Raises:
        ArgumentError: one is not; the nearest is named.
    """
    for name in options:
        if name not in known:
            raise ArgumentError(unknown_name("option", name, known))
