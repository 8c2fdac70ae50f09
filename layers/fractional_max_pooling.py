"""Max pooling over windows at random places."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import whole_numbers
from layers.registration import registered


@registered
class FractionalMaxPooling(keras.layers.Layer):
    """Maxima of windows whose distances are a random sequence of two whole numbers (Graham 2014, 1412.6071).

    nn.SpatialFractionalMaxPooling and nn.VolumetricFractionalMaxPooling, in float32 as they do: along a side of s
    pixels with n windows of p pixels, a = (s - p) / (n - 1), and window i begins at int((i + u) a) - int(u a) with one
    random u in [0, 1) for each sample, channel and side; the last one begins at s - p.

    Args:
        pool_size: size of the windows along each spatial axis (two or three of them).
        output_size: number of windows along each axis, or None.
        ratio: in place of `output_size` its ratio to the input's size, rounded down.
        samples_shape: shape (batch, channels, axes) of a weight `samples` with fixed random numbers, used in turn
            for the samples of a batch; None draws them.
        seed: of the random numbers that are drawn; at inference they are always the same.

    Input: (batch, ..., channels), or this and the random numbers (batch, channels, axes), the last axis's first.
    """

    def __init__(
        self,
        pool_size: Sequence[int],
        output_size: Sequence[int] | None = None,
        ratio: Sequence[float] | None = None,
        samples_shape: Sequence[int] | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (output_size is None) == (ratio is None):
            raise ValueError("FractionalMaxPooling needs either output_size or ratio")
        self.pool_size = whole_numbers(pool_size, "pool_size")
        self.output_size = None if output_size is None else whole_numbers(output_size, "output_size")
        self.ratio = None if ratio is None else tuple(ratio)
        if len(self.output_size or self.ratio or ()) != len(self.pool_size):
            raise ValueError("FractionalMaxPooling needs output_size or ratio for each number of pool_size")
        self.samples_shape = None if samples_shape is None else tuple(samples_shape)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.samples = None

    def build(self, input_shape: Any) -> None:
        """Make the weight with fixed random numbers, if there is one."""
        if self.samples_shape is not None:
            self.samples = self.add_weight(name="samples", shape=self.samples_shape, trainable=False)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the maxima."""
        x, noise = inputs if isinstance(inputs, (list, tuple)) else (inputs, None)
        self.compute_output_shape(x.shape)
        axes = len(self.pool_size)
        if noise is None:
            noise = self._drawn(ops.shape(x), training)
        x = ops.moveaxis(x, -1, 1)
        for axis in range(axes):
            x = self._pool(x, axis, noise[:, :, axes - 1 - axis])
        return ops.moveaxis(x, 1, -1)

    def _drawn(self, shape: Sequence[Any], training: bool | None) -> Any:
        if self.samples is not None:
            numbers = ops.arange(shape[0], dtype="int32") % self.samples_shape[0]
            return ops.take(ops.convert_to_tensor(self.samples), numbers, axis=0)
        seed = self.seed_generator if training else self.seed
        return keras.random.uniform((shape[0], shape[-1], len(self.pool_size)), seed=seed)

    def _pool(self, x: Any, axis: int, noise: Any) -> Any:
        """Pool (batch, channels, ...) along one of its further axes."""
        size, pool = ops.shape(x)[axis + 2], self.pool_size[axis]
        starts = self._starts(size, self._count(size, axis), pool, noise)
        for other in range(len(self.pool_size)):
            starts = starts if other == axis else ops.expand_dims(starts, other + 2)
        values = (ops.take_along_axis(x, starts + i, axis=axis + 2) for i in range(pool))
        return functools.reduce(ops.maximum, values)

    def _starts(self, size: Any, count: Any, pool: int, noise: Any) -> Any:
        """Return where the windows begin: (batch, channels, windows)."""
        gaps = ops.cast(ops.maximum(count - 1, 1), "float32")
        step = ops.cast(size - pool, "float32") / gaps
        number, offset = ops.arange(count, dtype="float32"), ops.cast(noise, "float32")[..., None]
        starts = ops.cast((number + offset) * step, "int32") - ops.cast(offset * step, "int32")
        last = ops.equal(ops.arange(count, dtype="int32"), count - 1)
        return ops.where(last, size - pool, starts)

    def _count(self, size: Any, axis: int) -> Any:
        if self.output_size is not None:
            return self.output_size[axis]
        ratio = (self.ratio or ())[axis]
        if isinstance(size, int):
            return math.floor(size * ratio)
        return ops.cast(ops.floor(ops.cast(size, "float32") * ratio), "int32")

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[int | None, ...]:
        """Return the shape with the number of windows along each axis, None where it is unknown.

        Args:
            input_shape: that of the input, or a list of it and the random numbers'.

        Raises:
            ValueError: the picture has another number of axes, or no room for so many windows.
        """
        nested = isinstance(input_shape[0], (list, tuple))
        batch, *sizes, channels = input_shape[0] if nested else input_shape
        if len(sizes) != len(self.pool_size):
            raise ValueError(
                f"FractionalMaxPooling {self.name!r}: pool_size {self.pool_size} does not fit a picture of shape "
                f"{(batch, *sizes, channels)}"
            )
        counts = [None if size is None else self._count(size, axis) for axis, size in enumerate(sizes)]
        for size, count, pool in zip(sizes, counts, self.pool_size, strict=True):
            if count is not None and not 1 <= count <= size - pool + 1:
                raise ValueError(
                    f"FractionalMaxPooling {self.name!r}: {count} windows of {pool} pixels do not fit into {size}"
                )
        return (batch, *(self.output_size or counts), channels)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "output_size": self.output_size,
            "ratio": self.ratio,
            "samples_shape": self.samples_shape,
            "seed": self.seed,
        }
