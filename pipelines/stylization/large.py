"""Stylising a picture in strips: read, computed and written row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from errors import UserError
from images.color import luma_difference, shift_luma, smooth_luma
from images.large.mapped import mapped_zeros
from images.large.tiff import to_deep_levels
from images.picture import Picture
from images.rows import PictureRows, rows_of
from images.writing import to_bytes
from pipelines.stylization.brush import parts, with_brush
from pipelines.stylization.picture_plan import Pass, PicturePlan
from runs.machine import return_memory_at_once
from strips.run import Observer, Sink, run_strips


@dataclass(frozen=True)
class Look:
    """What becomes of the network's answer; see `StylizationSettings`."""

    strength: float
    keep_colors: bool
    brush_size: float = 1.0


def stylize_rows(
    content: PictureRows, plan: PicturePlan, look: Look, *, channels: np.ndarray, folder: Path, observe: Observer
) -> None:
    """Stylise a picture in strips.

    Args:
        content: the picture.
        plan: with passes.
        look: what becomes of the network's answer.
        channels: where the result goes: (height, width, 3 or 4), of floats in [0, 1], or of levels as uint8 or uint16;
            the fourth one is the picture's alpha.
        folder: for the files of maps; they have no names there.
        observe: told the share of the work that is done.

    Raises:
        UserError: the network returns values that are not numbers.
    """
    return_memory_at_once()
    finish = _finisher(content, look, channels)
    lumas = mapped_zeros((content.height, content.width), np.float32, str(folder)) if look.keep_colors else None

    def sink(rows: range, stylized: np.ndarray) -> None:
        if lumas is None:
            finish(rows, stylized)
        else:
            lumas[rows.start : rows.stop] = luma_difference(stylized, content.read_rows(rows))

    if look.brush_size == 1:
        _run(plan.passes[0], content, sink, folder, observe)
    else:
        painted = with_brush(content, look.brush_size, _Painter(plan.passes, folder, observe))
        for rows in parts(painted):
            sink(rows, painted.read_rows(rows))
    if lumas is not None:
        _keep_colors(content, lumas, finish)


def _run(one: Pass, content: PictureRows, sink: Sink, folder: Path, observe: Observer) -> None:
    """Take a picture through the network in strips; the sink gets values in [0, 1]."""

    def take(rows: range, stylized: np.ndarray) -> None:
        if not np.isfinite(stylized).all():
            raise UserError("the model returned NaN or infinite values")
        sink(rows, np.clip(stylized, 0, 1))

    run_strips(one.cut, one.plan, content.read_rows, take, folder=str(folder), observe=observe)


class _Painter:
    """The network in strips for pictures of several sizes, with its inputs and answers in mapped files.

    Args:
        passes: one for each size.
        folder: for the files.
        observe: told the share of all pictures' pixels that is done.
    """

    def __init__(self, passes: Sequence[Pass], folder: Path, observe: Observer) -> None:
        self.passes = {one.size: one for one in passes}
        self.folder = folder
        self.observe = observe
        self.pixels = sum(height * width for height, width in self.passes)
        self.done = 0

    def __call__(self, content: PictureRows) -> np.ndarray:
        """Return a picture stylised, float32 (height, width, 3)."""
        height, width = content.height, content.width
        kept, result = (mapped_zeros((height, width, 3), np.float32, str(self.folder)) for _ in range(2))
        for rows in parts(content):
            kept[rows.start : rows.stop] = content.read_rows(rows)

        def keep(rows: range, stylized: np.ndarray) -> None:
            result[rows.start : rows.stop] = stylized

        def observe(share: float) -> None:
            self.observe((self.done + share * height * width) / self.pixels)

        _run(self.passes[height, width], rows_of(Picture(kept)), keep, self.folder, observe)
        self.done += height * width
        return result


def _finisher(content: PictureRows, look: Look, channels: np.ndarray) -> Sink:
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


def _keep_colors(content: PictureRows, lumas: np.ndarray, finish: Sink) -> None:
    smooth = smooth_luma(lumas)
    for rows in parts(content):
        shift = lumas[rows.start : rows.stop] - smooth[rows.start : rows.stop]
        finish(rows, shift_luma(content.read_rows(rows), shift))
