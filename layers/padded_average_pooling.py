"""Average pooling by Torch's and Caffe's rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from layers.padded_pooling import PaddedPooling2D
from layers.registration import registered


@registered
class PaddedAveragePooling2D(PaddedPooling2D):
    """The mean of each window: nn.SpatialAveragePooling, Caffe's AVE.

    Args:
        pool_size: int or (height, width).
        strides: int or (height, width); None for `pool_size`.
        padding: int, (height, width) or ((top, bottom), (left, right)).
        ceil_mode: whether a last, partial window counts. One that would start beyond the picture (and the
            padding before it) is dropped where there is any padding.
        count_include_pad: divide by the part of the window inside the picture and its padding (as Caffe
            always does) rather than by the part inside the picture alone. What overhangs in ceil mode never
            counts.
        divide: if not, the mean is multiplied by the window's height and width, which gives the sum where the
            window is whole. (Torch7's `divide` field, missing in old files, does this.)

    Input: (batch, height, width, channels); output: (batch, windows, windows, channels).
    """

    def __init__(
        self,
        pool_size: int | Sequence[int],
        strides: int | Sequence[int] | None = None,
        padding: int | Sequence[int] | Sequence[Sequence[int]] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divide: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, ceil_mode, **kwargs)
        self.count_include_pad = count_include_pad
        self.divide = divide

    def call(self, inputs: Any) -> Any:
        """Return the means, or with `divide` off the means times the window's size."""
        self.windows.output_shape(inputs.shape)
        padded = self.windows.pad(ops.cast(inputs, self.compute_dtype), 0.0)
        pooled = ops.average_pool(padded, self.pool_size, self.strides, "valid", "channels_last")
        pooled = self.windows.crop(pooled, ops.shape(inputs))
        area = float(self.pool_size[0] * self.pool_size[1])
        if not self._windows_are_whole:
            pooled = pooled * ops.cast(area / self._counted(ops.shape(inputs)), pooled.dtype)
        return pooled if self.divide else pooled * area

    @property
    def _windows_are_whole(self) -> bool:
        padded = any(sum(self.padding, ()))
        return not self.ceil_mode and (self.count_include_pad or not padded)

    def _counted(self, shape: Sequence[Any]) -> Any:
        rows, columns = (self._counted_along(shape[axis + 1], axis) for axis in (0, 1))
        return rows[:, None, None] * columns[None, :, None]

    def _counted_along(self, size: Any, axis: int) -> Any:
        before, after = self.padding[axis]
        start = ops.arange(self.windows.count(size, axis)) * self.strides[axis] - before
        end = ops.minimum(start + self.pool_size[axis], size + after)
        if not self.count_include_pad:
            start, end = ops.maximum(start, 0), ops.minimum(end, size)
        return ops.cast(end - start, "float32")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "count_include_pad": self.count_include_pad, "divide": self.divide}
