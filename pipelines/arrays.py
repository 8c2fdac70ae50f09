"""Pictures as Python programs hold them: arrays, Pillow's images and paths become arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from errors import ArgumentError, unknown_name
from images.errors import ImageError
from images.reading import read_image, to_picture
from pipelines.arguments import path_of

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
        if picture.mode == "F" or picture.mode.startswith("I"):  # 16 bits and more, which images.reading reads of files
            raise ImageError(f"`{name}`: a Pillow image of type {picture.mode} is not supported; pass its path")
        return to_picture(picture, name=f"`{name}`").pixels
    if isinstance(picture, str | os.PathLike):
        return read_image(path_of(picture, name)).pixels
    raise ArgumentError(f"`{name}` must be an array, a path or a Pillow image, not {type(picture).__name__}")


def all_pixels(pictures: Any, name: str) -> list[np.ndarray]:
    """Return one picture, or each of a sequence of them, as `as_pixels` does.

    Raises:
        ArgumentError: there is none, or it is neither; see `as_pixels` for the others.
    """
    found = [as_pixels(picture, name) for picture in several_pictures(pictures, name)]
    if not found:
        raise ArgumentError(f"`{name}` must have at least one picture")
    return found


def several_pictures(pictures: Any, name: str) -> list[Any]:
    """Return a sequence of pictures as a list, or one picture as a list of one, as they are.

    Raises:
        ArgumentError: it is neither.
    """
    if is_picture(pictures):
        return [pictures]
    if not isinstance(pictures, Iterable) or isinstance(pictures, Mapping | bytes | bytearray | memoryview):
        raise ArgumentError(f"`{name}` must be a picture or a sequence of pictures, not {type(pictures).__name__}")
    return list(pictures)


def pixel_pair(pictures: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return two pictures as `as_pixels` does.

    Raises:
        ArgumentError: there are not two; see `as_pixels` for the others.
    """
    found = [] if is_picture(pictures) else several_pictures(pictures, name)
    if len(found) != 2:
        raise ArgumentError(f"`{name}` must be a pair of pictures, not {_described(pictures)}")
    first, second = (as_pixels(picture, name) for picture in found)
    return first, second


def pixel_pairs(pairs: Any, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return each of a sequence of pairs of pictures as `pixel_pair` does.

    Raises:
        ArgumentError: it is no such sequence; see `as_pixels` for the others.
    """
    if is_picture(pairs):
        raise ArgumentError(f"`{name}` must be a sequence of pairs of pictures, not {_described(pairs)}")
    return [pixel_pair(pair, name) for pair in several_pictures(pairs, name)]


def _described(pictures: Any) -> str:
    return "a single one" if is_picture(pictures) else str(len(pictures))


def height_and_width(size: Any) -> tuple[int, int]:
    """Return the sides of a square, or of (height, width), in pixels.

    Raises:
        ArgumentError: `size` is neither, or a side is below 1.
    """
    sides = (size, size) if isinstance(size, Integral) else size
    if isinstance(sides, Sequence) and len(sides) == 2 and all(map(_is_side, sides)):
        return int(sides[0]), int(sides[1])
    raise ArgumentError(f"`size` must be a whole number of at least 1, or (height, width), not {size!r}")


def _is_side(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def check_observers(observers: Any) -> None:
    """Check that observers are a sequence of functions.

    Raises:
        ArgumentError: they are not.
    """
    if not isinstance(observers, Sequence) or not all(map(callable, observers)):
        raise ArgumentError(f"`observers` must be a sequence of functions, not {observers!r}")


def check_unmasked(values: np.ndarray, name: str) -> None:
    """Raise ArgumentError where an array is masked: what is masked would count."""
    if isinstance(values, np.ma.MaskedArray):
        raise ArgumentError(f"`{name}` is a masked array, whose mask would be ignored; fill it (numpy.ma.filled)")


def _checked(pixels: np.ndarray, name: str) -> np.ndarray:
    check_unmasked(pixels, name)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ArgumentError(f"`{name}` must have the shape (height, width, 3), not {pixels.shape}")
    if not np.issubdtype(pixels.dtype, np.floating):
        raise ArgumentError(f"`{name}` must be a floating-point array in [0, 1], not {pixels.dtype} (divide by 255?)")
    if not (pixels.min() >= 0 and pixels.max() <= 1):  # not a number fails too
        raise ArgumentError(f"`{name}` must be in [0, 1], not from {pixels.min()!s} to {pixels.max()!s}")
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


def with_pixels(options: Mapping[str, Any], **readers: Callable[[Any, str], Any]) -> dict[str, Any]:
    """Return options with arrays in place of pictures, and tuples, which settings hold, in place of lists.

    Args:
        options: by name; None: not given.
        readers: by the names of those that are pictures: what makes arrays of them, from the value and the name.

    Raises:
        ArgumentError: see `as_pixels`, as for ImageError.
    """
    values: dict[str, Any] = {}
    for name, value in options.items():
        if name in readers:
            if value is None:
                continue
            value = readers[name](value, name)
        values[name] = tuple(value) if isinstance(value, list) else value
    return values
