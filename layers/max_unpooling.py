"""The counterpart of max pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import border, pair
from layers.registration import registered
from layers.spatial import crop, pad


def _positive(difference: Any) -> Any:
    return max(difference, 0) if isinstance(difference, int) else ops.maximum(difference, 0)


@registered
class MaxUnpooling2D(keras.layers.Layer):
    """Puts each value where its window had its maximum, zeros elsewhere: nn.SpatialMaxUnpooling.

    call([x, indices, reference]): `x` and `indices` (batch, rows, columns, channels), the indices from
    PaddedMaxPooling2D(..., return_indices=True) with the same arguments; the output has the height and width
    of `reference`, which is what was pooled. Where windows overlap and several have their maximum at one
    pixel, the last of them in row-major order wins, as in Torch7.

    Args:
        pool_size: int or (height, width).
        strides: int or (height, width); None for `pool_size`.
        padding: int, (height, width) or ((top, bottom), (left, right)).
    """

    def __init__(
        self,
        pool_size: int | Sequence[int],
        strides: int | Sequence[int] | None = None,
        padding: int | Sequence[int] | Sequence[Sequence[int]] = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = pair(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else pair(strides, "strides")
        self.padding = border(padding)
        self.input_spec = [keras.InputSpec(ndim=4)] * 3

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the values at their places.

        The pixels that are equal modulo the strides form a plane with one pixel a window (and some more at
        the end where windows overlap). The planes are filled one by one and then interleaved.
        """
        x, indices, reference = inputs
        rows, columns = self.strides
        planes = [self._plane(x, indices, row, column) for row in range(rows) for column in range(columns)]
        return self._fit(self._interleave(planes), ops.shape(reference))

    @property
    def _extra(self) -> tuple[int, int]:
        """How many more windows than its own a plane's pixel can lie in, by axis."""
        (rows, columns), (down, right) = self.pool_size, self.strides
        return (rows - 1) // down, (columns - 1) // right

    def _plane(self, x: Any, indices: Any, row: int, column: int) -> Any:
        """Return the plane of the pixels at (row, column) modulo the strides.

        Later windows reach a pixel with their earlier positions: these are written last.
        """
        (height, width), (down, right) = self.pool_size, self.strides
        plane = ops.zeros_like(self._spread(x, 0, 0))
        for i in reversed(range(row, height, down)):
            for j in reversed(range(column, width, right)):
                here = self._spread(indices, i // down, j // right, value=-1)
                values = self._spread(x, i // down, j // right)
                plane = ops.where(ops.equal(here, i * width + j), values, plane)
        return plane

    def _spread(self, values: Any, below: int, right: int, value: int = 0) -> Any:
        rows, columns = self._extra
        return pad(values, (below, rows - below), (right, columns - right), value)

    def _interleave(self, planes: Sequence[Any]) -> Any:
        rows, columns = self.strides
        _, height, width, channels = ops.shape(planes[0])
        grid = ops.reshape(ops.stack(planes, axis=3), (-1, height, width, rows, columns, channels))
        grid = ops.transpose(grid, (0, 1, 3, 2, 4, 5))
        return ops.reshape(grid, (-1, height * rows, width * columns, channels))

    def _fit(self, canvas: Any, shape: Sequence[Any]) -> Any:
        """Return `canvas` without its padding, in the height and width of `shape`.

        What of the picture no window reached is missing at the end of the canvas.
        """
        (top, _), (left, _) = self.padding
        _, height, width, _ = ops.shape(canvas)
        missing = [_positive(top + shape[1] - height), _positive(left + shape[2] - width)]
        canvas = pad(canvas, (0, missing[0]), (0, missing[1]))
        return crop(canvas, top, left, shape[1], shape[2])

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the shape of `x` with the height and width of `reference`."""
        x, _, reference = input_shape
        return (x[0], reference[1], reference[2], x[3])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
        }
