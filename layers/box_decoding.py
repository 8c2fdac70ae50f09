"""Decoding the predictions of a single-shot detector into boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import whole_number
from layers.registration import registered

CODES = ("corner", "center_size", "corner_size")


@registered
class BoxDecoding(keras.layers.Layer):
    """Moves and sizes prior boxes: call([locations, priors]), or boxes instead: call([locations, priors, boxes]).

    Args:
        code: what the four numbers of a box are: "corner" (shifts of the corners), "center_size" (shift of the centre
            in sizes of the prior, logarithms of the factors of its size), "corner_size" (shifts of the corners in
            sizes of the prior).
        variance_encoded: whether the locations have the variances in them already.
        sets: how many sets of boxes there are: 1 shared by all classes, or one for each.

    Input: locations (batch, boxes * sets * 4), priors (1, 2, boxes * 4) as PriorBoxes makes them, and boxes (batch, 1,
    boxes, 4): what a first step made of the priors, of which then the variances count alone.
    Output: (batch, sets, boxes, 4): xmin, ymin, xmax, ymax, in shares of the picture.

    Raises:
        ValueError: `code` is unknown, or `sets` below 1.
    """

    def __init__(self, code: str = "center_size", variance_encoded: bool = False, sets: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if code not in CODES:
            raise ValueError(f"BoxDecoding: code must be one of {CODES}, not {code!r}")
        self.code = code
        self.variance_encoded = variance_encoded
        self.sets = whole_number(sets, "sets")

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the boxes."""
        locations, priors, *moved = inputs
        locations = ops.reshape(locations, (ops.shape(locations)[0], -1, self.sets, 4))
        locations = ops.transpose(locations, (0, 2, 1, 3))
        corners, variances = (ops.reshape(priors[0, row], (1, 1, -1, 4)) for row in (0, 1))
        if not self.variance_encoded:
            locations = locations * variances
        return getattr(self, f"_{self.code}")(locations, *(moved or [corners]))

    @staticmethod
    def _corner(locations: Any, corners: Any) -> Any:
        return corners + locations

    @staticmethod
    def _corner_size(locations: Any, corners: Any) -> Any:
        size = corners[..., 2:] - corners[..., :2]
        return corners + ops.concatenate([size, size], axis=-1) * locations

    @staticmethod
    def _center_size(locations: Any, corners: Any) -> Any:
        size = corners[..., 2:] - corners[..., :2]
        center = (corners[..., :2] + corners[..., 2:]) / 2.0 + locations[..., :2] * size
        half = ops.exp(locations[..., 2:]) * size / 2.0
        return ops.concatenate([center - half, center + half], axis=-1)

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return (batch, sets, boxes, 4)."""
        batch, numbers = input_shape[0]
        return (batch, self.sets, None if numbers is None else numbers // (4 * self.sets), 4)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        names = ("code", "variance_encoded", "sets")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
