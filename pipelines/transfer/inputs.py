"""The pictures that a style transfer is given, and the sizes at which it works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from errors import ArgumentError
from images.color import LUMA
from images.proofing import soft_proof
from images.reading import read_image
from optimize.schedule import fitting_size, root_two_scales, safe_scale
from pipelines.transfer.settings import INITS, TransferSettings


@dataclass(frozen=True, eq=False)
class TransferInputs:
    """Pictures in memory, float32 in [0, 1].

    Attributes:
        content: (height, width, 3).
        styles: (height, width, 3) each.
        init: (height, width, 3) of any size, or None.
        masks: for each style a pair (of the content, of the style), (height, width) each, of any size; or empty.
    """

    content: np.ndarray
    styles: list[np.ndarray]
    init: np.ndarray | None
    masks: list[tuple[np.ndarray, np.ndarray]]


def read_inputs(settings: TransferSettings) -> TransferInputs:
    """Read everything that the settings name.

    Raises:
        ImageError: a picture or profile cannot be read.
        ArgumentError: a mask is all black.
    """

    def read(path: str | Path) -> np.ndarray:
        pixels = read_image(path).pixels
        return pixels if settings.proof is None else soft_proof(pixels, settings.proof)

    return TransferInputs(
        content=read(settings.content),
        styles=[read(path) for path in settings.styles],
        init=None if str(settings.init) in INITS else read_image(settings.init).pixels,
        masks=[tuple(_read_mask(path) for path in pair) for pair in settings.masks],
    )


def _read_mask(path: str | Path) -> np.ndarray:
    mask = read_image(path).pixels @ LUMA
    if not mask.max() > 0:
        raise ArgumentError(f"--mask {path}: it is all black")
    return mask


def plan_sizes(settings: TransferSettings, content: np.ndarray) -> list[tuple[int, int]]:
    """Return the (height, width) of every scale, from coarse to fine."""
    height, width = content.shape[:2]
    end = settings.end_scale
    if isinstance(end, str):
        end = safe_scale(height, width, int(end.removesuffix("+")))
    return [fitting_size(height, width, longer) for longer in root_two_scales(min(settings.min_scale, end), end)]


def style_size(settings: TransferSettings, style: np.ndarray, size: tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) of a style for a scale of (height, width); styles are never enlarged."""
    height, width = style.shape[:2]
    longer = settings.style_size or max(1, round(max(size) * settings.style_scale_fac))
    return (height, width) if max(height, width) <= longer else fitting_size(height, width, longer)


def check_sizes(
    settings: TransferSettings, inputs: TransferInputs, sizes: Sequence[tuple[int, int]], least: int
) -> None:
    """Check that the descriptor has an activation of everything at every scale.

    Args:
        settings: of the run.
        inputs: its pictures.
        sizes: of the scales.
        least: side of the smallest picture of which the deepest layer sees something.

    Raises:
        ArgumentError: a picture is too small.
    """
    if min(sizes[0]) < least:
        raise ArgumentError(
            f"the content is {sizes[0][1]} x {sizes[0][0]} at the first scale, too small for the layers asked for, "
            f"which need {least} pixels a side: choose a larger --min-scale and --end-scale"
        )
    for path, style in zip(settings.styles, inputs.styles, strict=True):
        height, width = style_size(settings, style, sizes[0])
        if min(height, width) < least:
            raise ArgumentError(
                f"{path}: the style is {width} x {height} at the first scale, too small for the layers asked for, "
                f"which need {least} pixels a side: choose a larger --min-scale, --style-scale-fac or --style-size"
            )
