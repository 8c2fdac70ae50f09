"""Positions and number of pooling windows, by the rules of Torch and Caffe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from keras import ops

from layers.arguments import Border, Pair
from layers.spatial import crop, divide_up, pad


@dataclass(frozen=True)
class PoolingWindows:
    """Windows of `size` every `strides` pixels over a picture with `padding` around it.

    In ceil mode a last, partial window is kept unless it would start beyond the picture and the padding
    before it. (Torch7 and Caffe look for such windows only where there is some padding; so does this.)
    """

    size: Pair
    strides: Pair
    padding: Border
    ceil_mode: bool

    @property
    def _drops_windows(self) -> bool:
        return self.ceil_mode and any(sum(self.padding, ()))

    def count(self, size: Any, axis: int) -> Any:
        """Return the number of windows along `axis` (0: height) of a picture of `size`.

        Like `size` it is an int, a tensor or None.
        """
        if size is None:
            return None
        window, stride, (before, after) = self.size[axis], self.strides[axis], self.padding[axis]
        room = size + before + after - window
        count = (divide_up(room, stride) if self.ceil_mode else room // stride) + 1
        if not self._drops_windows:
            return count
        starting_inside = divide_up(size + before, stride)
        both_known = isinstance(size, int)
        return min(count, starting_inside) if both_known else ops.minimum(count, starting_inside)

    def counts(self, shape: Sequence[Any]) -> tuple[Any, Any]:
        """Return the number of windows in height and width of a picture of `shape`."""
        return self.count(shape[1], 0), self.count(shape[2], 1)

    def pad(self, inputs: Any, value: float) -> Any:
        """Return `inputs` with `value` around it, such that every window lies inside.

        Where a size is unknown there may be room for one window more than there are.
        """
        rows, columns = (self._widths(inputs.shape[axis + 1], axis) for axis in (0, 1))
        return pad(inputs, rows, columns, value)

    def _widths(self, size: int | None, axis: int) -> Pair:
        before, after = self.padding[axis]
        if not self.ceil_mode:
            return before, after
        if size is None:
            return before, after + self.strides[axis] - 1
        end = (self.count(size, axis) - 1) * self.strides[axis] + self.size[axis]
        return before, max(0, end - size - before)

    def crop(self, pooled: Any, shape: Sequence[Any]) -> Any:
        """Return `pooled`, the windows of a padded picture, without those that `counts` drops."""
        return crop(pooled, 0, 0, *self.counts(shape)) if self._drops_windows else pooled

    def offsets(self) -> Iterator[tuple[int, int, int]]:
        """Yield (number, row, column) of each position in a window, in row-major order."""
        height, width = self.size
        for number in range(height * width):
            yield number, number // width, number % width

    def output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the pooled picture, None where a size is unknown.

        Raises:
            ValueError: the picture is smaller than a window.
        """
        counts = self.counts(input_shape)
        if any(count is not None and count < 1 for count in counts):
            raise ValueError(
                f"a picture of height and width {tuple(input_shape[1:3])} with padding {self.padding} is "
                f"smaller than the pooling window {self.size}"
            )
        return (input_shape[0], *counts, input_shape[3])
