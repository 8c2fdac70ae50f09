"""Where the positions of octaves and of the descriptor's layers lie in a picture, along one of its axes."""

from __future__ import annotations

from losses.positions import Positions
from model.layer_names import LAYER_NAMES
from model.random_filters import FILTER_SIZES, RANDOM_LAYER


def octave_positions(size: int, octave: int, pyramid_mode: str) -> Positions:
    """Return where the pixels of an octave lie along an axis of the picture."""
    positions = Positions(0.0, 1.0, size)
    for _ in range(octave):
        positions = positions.halved(2 if pyramid_mode == "valid" else 0)
    return positions


def layer_positions(layer: str, mode: str, pixels: Positions) -> Positions:
    """Return where the positions of a descriptor's layer lie, given the pixels that the descriptor sees."""
    if layer == RANDOM_LAYER:
        return pixels.convolved(FILTER_SIZES[-1] // 2 if mode == "valid" else 0)
    positions = pixels
    for name in LAYER_NAMES[: LAYER_NAMES.index(layer) + 1]:
        if name.startswith("pool"):
            positions = positions.pooled()
        elif name.startswith("conv") and mode == "valid":
            positions = positions.convolved(1)
    return positions


def receptive_field(layer: str) -> int:
    """Return how many neighbouring pixels one position of a layer sees."""
    if layer == RANDOM_LAYER:
        return FILTER_SIZES[-1]
    size, step = 1, 1
    for name in LAYER_NAMES[: LAYER_NAMES.index(layer) + 1]:
        if name.startswith("pool"):
            size += step
            step *= 2
        elif name.startswith("conv"):
            size += 2 * step
    return size
