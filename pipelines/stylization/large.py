"""A picture through the network in strips: read, computed and kept row by row."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from errors import UserError
from images.color import luma_difference, shift_luma, smooth_luma
from images.rows import PictureRows
from images.tiff import to_deep_levels
from images.writing import to_bytes
from pipelines.stylization.way import Way
from runs.machine import return_memory_at_once
from strips.run import Observer, run_strips


@dataclass(frozen=True)
class Look:
    """What becomes of the network's answer; see `StylizationSettings`."""

    strength: float
    keep_colors: bool


def stylize_rows(
    content: PictureRows, way: Way, look: Look, *, channels: np.ndarray, folder: Path, observe: Observer
) -> None:
    """Stylise a picture in strips.

    Args:
        content: the picture.
        way: with a plan.
        look: what becomes of the network's answer.
        channels: where the result goes: (height, width, 3 or 4), of floats in [0, 1], or of levels as uint8 or uint16;
            the fourth one is the picture's alpha.
        folder: for the files of maps; they have no names there.
        observe: told the share of the work that is done.

    Raises:
        UserError: the network returns values that are not numbers.
    """
    assert way.cut is not None
    assert way.plan is not None
    return_memory_at_once()
    finish = _finisher(content, look, channels)
    lumas = mapped((content.height, content.width), np.float32, folder) if look.keep_colors else None

    def sink(rows: range, stylized: np.ndarray) -> None:
        if not np.isfinite(stylized).all():
            raise UserError("the model returned NaN or infinite values")
        stylized = np.clip(stylized, 0, 1)
        if lumas is None:
            finish(rows, stylized)
        else:
            lumas[rows.start : rows.stop] = luma_difference(stylized, content.read_rows(rows))

    run_strips(way.cut, way.plan, content.read_rows, sink, folder=str(folder), observe=observe)
    if lumas is not None:
        _keep_colors(content, lumas, way.plan.rows, finish)


def _finisher(content: PictureRows, look: Look, channels: np.ndarray) -> Callable[[range, np.ndarray], None]:
    """Return what mixes some stylised rows with the content and puts them into `channels`."""

    def finish(rows: range, stylized: np.ndarray) -> None:
        mixed = np.float32(1 - look.strength) * content.read_rows(rows) + np.float32(look.strength) * stylized
        channels[rows.start : rows.stop, :, :3] = _as_levels(mixed, channels.dtype)
        if channels.shape[2] > 3 and content.read_alpha is not None:
            channels[rows.start : rows.stop, :, 3] = _as_levels(content.read_alpha(rows), channels.dtype)

    return finish


def _as_levels(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype == np.uint8:
        return to_bytes(values)
    return to_deep_levels(values) if dtype == np.uint16 else values


def _keep_colors(
    content: PictureRows, lumas: np.ndarray, step: int, finish: Callable[[range, np.ndarray], None]
) -> None:
    smooth = smooth_luma(lumas)
    for start in range(0, content.height, step):
        rows = range(start, min(start + step, content.height))
        shift = lumas[rows.start : rows.stop] - smooth[rows.start : rows.stop]
        finish(rows, shift_luma(content.read_rows(rows), shift))


def mapped(shape: tuple[int, ...], dtype: type[np.generic], folder: Path) -> np.ndarray:
    """Return zeros in a file without a name, mapped into memory: gone as soon as the process is."""
    with tempfile.TemporaryFile(dir=str(folder)) as file:
        file.truncate(int(np.prod(shape)) * np.dtype(dtype).itemsize)
        return np.memmap(file, dtype, "r+", shape=shape)
