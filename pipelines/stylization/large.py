"""Stylising a picture in strips: read, computed and written row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path

import numpy as np

from errors import UserError
from images.color import luma_difference, shift_luma, smooth_luma
from images.large.mapped import mapped_zeros
from images.large.tiff import to_deep_levels
from images.picture import Picture, warn_of_range
from images.rows import PictureRows, rows_of
from images.writing import to_bytes
from pipelines.stylization.brush import parts, with_brush
from pipelines.stylization.generator import Stylizer
from pipelines.stylization.masks import masks_of, soft_shares
from pipelines.stylization.picture_plan import Pass, PicturePlan
from pipelines.stylization.settings import StylizationSettings
from runs.machine import return_memory_at_once
from strips.run import Observer, Sink, run_strips


@dataclass(frozen=True)
class Look:
    """What becomes of the network's answer.

    Attributes:
        strength: see `StylizationSettings`, as `keep_colors` and `brush_size`.
        keep_colors: keep the content's colours.
        brush_size: size of the strokes.
        masks: where each of several networks' answers goes, see `MaskedGenerator`; none: one network for the picture.
    """

    strength: float
    keep_colors: bool
    brush_size: float = 1.0
    masks: Sequence[np.ndarray] = ()


def look_of(settings: StylizationSettings, stylizer: Stylizer) -> Look:
    """Return what becomes of the answers of `stylizer`'s networks."""
    return Look(settings.strength, settings.keep_colors, settings.brush_size, masks_of(stylizer))


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

    painter = _Painter(plan.passes, look.brush_size, folder, observe)
    if look.masks:
        _paint_under_masks(painter, look.masks, content, sink)
    else:
        painter.run(plan.passes, content, sink)
    if lumas is not None:
        _keep_colors(content, lumas, finish)


class _Painter:
    """Networks in strips, with strokes of any size.

    Args:
        passes: all that there will be.
        brush_size: see `Look`.
        folder: for the files.
        observe: told the share of all passes' pixels that is done.
    """

    def __init__(self, passes: Sequence[Pass], brush_size: float, folder: Path, observe: Observer) -> None:
        self.passes, self.brush_size, self.folder, self.observe = passes, brush_size, folder, observe
        self.pixels = sum(height * width for height, width in (one.size for one in passes))
        self.done = 0
        self._is_range_told = False

    def run(self, passes: Sequence[Pass], content: PictureRows, sink: Sink) -> None:
        """Stylise a picture with one network's passes, one for each size; the sink gets values in [0, 1]."""
        if self.brush_size == 1:
            self._run(passes, content, sink)
            return
        painted = with_brush(content, self.brush_size, partial(self._painted, passes))
        for rows in parts(painted):
            sink(rows, painted.read_rows(rows))

    def _painted(self, passes: Sequence[Pass], content: PictureRows) -> np.ndarray:
        """Return a picture of a planned size stylised, float32 (height, width, 3), in a mapped file."""
        kept, result = (self.new((content.height, content.width, 3)) for _ in range(2))
        for rows in parts(content):
            kept[rows.start : rows.stop] = content.read_rows(rows)

        def keep(rows: range, stylized: np.ndarray) -> None:
            result[rows.start : rows.stop] = stylized

        self._run(passes, rows_of(Picture(kept)), keep)
        return result

    def _run(self, passes: Sequence[Pass], content: PictureRows, sink: Sink) -> None:
        pixels = content.height * content.width
        one = next(one for one in passes if one.size == (content.height, content.width))

        def take(rows: range, stylized: np.ndarray) -> None:
            if not np.isfinite(stylized).all():
                raise UserError("the model returned NaN or infinite values")
            self._is_range_told = self._is_range_told or warn_of_range(stylized)
            sink(rows, np.clip(stylized, 0, 1))

        def observe(share: float) -> None:
            self.observe((self.done + share * pixels) / self.pixels)

        run_strips(one.cut, one.plan, content.read_rows, take, folder=str(self.folder), observe=observe)
        self.done += pixels

    def new(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return a mapped array of zeros, float32."""
        return mapped_zeros(shape, np.float32, str(self.folder))


def _paint_under_masks(painter: _Painter, masks: Sequence[np.ndarray], content: PictureRows, sink: Sink) -> None:
    """Stylise a picture with several networks, whose passes come one after the other."""
    shares = soft_shares(masks, content.height, content.width, painter.new)
    mixed = painter.new((content.height, content.width, 3))
    for rows in parts(content):
        rest = 1 - reduce(np.add, [share[rows.start : rows.stop] for share in shares])
        mixed[rows.start : rows.stop] = rest[..., None] * content.read_rows(rows)
    each = len(painter.passes) // len(masks)
    for number, share in enumerate(shares):
        painter.run(painter.passes[number * each : (number + 1) * each], content, partial(_add, mixed, share))
    for rows in parts(content):
        sink(rows, mixed[rows.start : rows.stop])


def _add(mixed: np.ndarray, share: np.ndarray, rows: range, stylized: np.ndarray) -> None:
    mixed[rows.start : rows.stop] += share[rows.start : rows.stop, :, None] * stylized


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
