"""Pixels at places that a grid gives, as PyTorch samples them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.bilinear_sampling import Neighbours, mixed_pixels, pixels_around
from layers.registration import registered

INTERPOLATIONS = ("bilinear", "nearest")
PADDING_MODES = ("zeros", "border", "reflection")


@registered
class GridSampling2D(keras.layers.Layer):
    """Takes the pixels at the places of a grid: torch.nn.functional.grid_sample.

    Places are (x, y) from -1 to 1: from the middle of the first pixel to that of the last with `align_corners`, else
    from the outer edge of the first to that of the last.

    Args:
        interpolation: "bilinear" (the four pixels around are mixed) or "nearest" (halves go to the even pixel).
        padding_mode: what is outside of the picture: "zeros", "border" (the pixel at the edge) or "reflection" (the
            picture mirrored: at the middle of the pixels at the edge with `align_corners`, else at their outer edge).
        align_corners: what -1 and 1 are.

    Input: pictures (batch, height, width, channels) and the grid (batch, rows, columns, 2); of both one may have a
    batch of 1, which then stands for all.
    Output: (batch, rows, columns, channels).

    Raises:
        ValueError: there is no such interpolation, or padding.
    """

    def __init__(
        self,
        interpolation: str = "bilinear",
        padding_mode: str = "zeros",
        align_corners: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}, not {interpolation!r}")
        if padding_mode not in PADDING_MODES:
            raise ValueError(f"padding_mode must be one of {', '.join(PADDING_MODES)}, not {padding_mode!r}")
        self.interpolation = interpolation
        self.padding_mode = padding_mode
        self.align_corners = align_corners
        self.input_spec = [keras.InputSpec(ndim=4), keras.InputSpec(ndim=4, axes={-1: 2})]

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the pixels at the places."""
        pictures, grid = inputs
        pictures = ops.cast(pictures, self.compute_dtype)  # Keras casts no integers
        _, height, width, _ = ops.shape(pictures)
        grid = ops.cast(grid, "float32")
        return mixed_pixels(pictures, self._pixels(grid[..., 1], height), self._pixels(grid[..., 0], width))

    def _pixels(self, places: Any, size: Any) -> Neighbours:
        """Return the numbers of the pixels at places along an axis of `size`, and their weights."""
        length = ops.cast(size, "float32")
        if self.align_corners:
            position = (places + 1.0) * 0.5 * (length - 1.0)
        else:
            position = ((places + 1.0) * length - 1.0) * 0.5
        if self.padding_mode == "reflection":
            position = self._reflected(position, length)
        if self.padding_mode != "zeros":
            position = ops.clip(position, 0.0, length - 1.0)
        if self.interpolation == "bilinear":
            return pixels_around(position, size)
        return _nearest(position, length - 1.0)

    def _reflected(self, position: Any, length: Any) -> Any:
        """Return positions mirrored to and fro between the first pixel and the last."""
        low, span = (0.0, length - 1.0) if self.align_corners else (-0.5, length)
        span = ops.maximum(span, 1e-6)  # of a single pixel, where it is 0
        distance = ops.abs(position - low)
        distance = distance - 2.0 * span * ops.floor(distance / (2.0 * span))
        return low + span - ops.abs(distance - span)

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the batch and size of the grid with the channels of the pictures."""
        pictures, grid = input_shape
        return (pictures[0] if grid[0] == 1 else grid[0], grid[1], grid[2], pictures[3])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            **super().get_config(),
            "interpolation": self.interpolation,
            "padding_mode": self.padding_mode,
            "align_corners": self.align_corners,
        }


def _nearest(position: Any, last: Any) -> Neighbours:
    """Return the number of the nearest pixel of each place, and its weight: 0 outside of the picture, else 1."""
    pixel = ops.round(ops.clip(position, -1.0, last + 1.0))
    inside = ops.logical_and(pixel >= 0.0, pixel <= last)
    return [(ops.cast(ops.clip(pixel, 0.0, last), "int32"), ops.cast(inside, "float32"))]
