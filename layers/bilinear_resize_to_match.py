"""Resizing one picture to the size of another, bilinearly with aligned corners."""

from __future__ import annotations

from typing import Any

from layers.bilinear_upsampling import resized
from layers.registration import registered
from layers.resize_to_match import MatchingResize


@registered
class BilinearResizeToMatch(MatchingResize):
    """Resizes `x` to the height and width of `reference`, the corners aligned: call([x, reference]).

    As torch.nn.functional.interpolate(x, size, mode="bilinear", align_corners=True): the first and last rows and
    columns of input and output coincide.

    Input: both (batch, height, width, channels).
    """

    def resize(self, inputs: Any, axis: int, size: Any, target: Any) -> Any:
        """Return `inputs` with `target` rows or columns, of which the first and the last stay."""
        return resized(inputs, axis, size, target)
