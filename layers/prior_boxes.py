"""The prior boxes of a single-shot detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.registration import registered


@registered
class PriorBoxes(keras.layers.Layer):
    """Boxes of fixed sizes around every position of a feature map: call([features, picture]).

    Liu et al. 2016, "SSD: Single Shot MultiBox Detector"; the numbers and their order are those of its Caffe.

    Args:
        sizes: (width, height) of the boxes at each position, in pixels of the picture.
        variances: four numbers, which the decoding of boxes multiplies by.
        step: pixels from one position to the next, (vertical, horizontal); None: the picture's size over the map's.
        offset: of the first position, in steps.
        picture_size: (height, width) that the boxes are divided by; None: those of the picture.
        clip: limit the boxes to the picture.

    Input: features (batch, height, width, channels) and picture (batch, height, width, channels).
    Output: (1, 2, 4 * boxes): xmin, ymin, xmax, ymax of each box, in shares of the picture; then the variances;
    float32 whatever the precision.
    """

    def __init__(
        self,
        sizes: Sequence[Sequence[float]],
        variances: Sequence[float],
        step: Sequence[float] | None = None,
        offset: float = 0.5,
        picture_size: Sequence[int] | None = None,
        clip: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sizes = [tuple(size) for size in sizes]
        self.variances = tuple(variances)
        if not self.sizes or len(self.variances) != 4:
            raise ValueError(f"PriorBoxes needs sizes and four variances, not {sizes!r} and {variances!r}")
        self.step = None if step is None else tuple(step)
        self.offset = offset
        self.picture_size = None if picture_size is None else tuple(picture_size)
        self.clip = clip
        self.input_spec = [keras.InputSpec(ndim=4), keras.InputSpec(ndim=4)]

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the boxes and their variances."""
        features, picture = inputs
        rows, columns = ops.shape(features)[1:3]
        height, width = self.picture_size or ops.shape(picture)[1:3]
        vertical, horizontal = self._steps((rows, columns), (height, width))
        y = (ops.arange(rows, dtype="float32") + self.offset) * vertical
        x = (ops.arange(columns, dtype="float32") + self.offset) * horizontal
        boxes = self._boxes(ops.reshape(y, (-1, 1, 1)), ops.reshape(x, (1, -1, 1)))
        boxes = ops.reshape(boxes / _floats([width, height, width, height]), (1, 1, -1))
        if self.clip:
            boxes = ops.clip(boxes, 0.0, 1.0)
        variances = ops.reshape(ops.zeros_like(ops.reshape(boxes, (-1, 4))) + _floats(self.variances), (1, 1, -1))
        return ops.concatenate([boxes, variances], axis=1)

    def _steps(self, positions: Sequence[Any], size: Sequence[Any]) -> tuple[Any, ...]:
        if self.step is not None:
            return self.step
        return tuple(ops.cast(b, "float32") / ops.cast(a, "float32") for a, b in zip(positions, size, strict=True))

    def _boxes(self, y: Any, x: Any) -> Any:
        """Return the corners in pixels, (rows, columns, sizes, 4), of boxes around `y` and `x`."""
        half_widths = _floats([width for width, _ in self.sizes]) / 2.0
        half_heights = _floats([height for _, height in self.sizes]) / 2.0
        zero = ops.zeros_like(y) + ops.zeros_like(x)
        corners = [x - half_widths, y - half_heights, x + half_widths, y + half_heights]
        return ops.stack([corner + zero for corner in corners], axis=-1)

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return (1, 2, 4 * boxes)."""
        rows, columns = input_shape[0][1:3]
        if rows is None or columns is None:
            return (1, 2, None)
        return (1, 2, rows * columns * len(self.sizes) * 4)

    def compute_output_spec(self, inputs: Sequence[Any]) -> keras.KerasTensor:
        """Return shape and type of the output."""
        shape = self.compute_output_shape([value.shape for value in inputs])
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        names = ("sizes", "variances", "step", "offset", "picture_size", "clip")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _floats(values: Sequence[Any]) -> Any:
    return ops.stack([ops.cast(value, "float32") for value in values])
