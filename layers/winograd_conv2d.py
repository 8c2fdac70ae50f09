"""3x3 convolutions of many channels by Winograd's algorithm: a quarter of the multiplications."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import require_simple_convolution
from layers.registration import registered
from layers.winograd import EDGES, KERNEL, convolve, convolve_constant, grown, transform_kernel

ZEROS = "zeros"
# With fewer positions of a batch a frozen layer computes the usual sums: there are too few tiles to multiply at a time,
# and every size brings graphs of its own, which take longer to make than they save.
MIN_POSITIONS = 1024


@registered
class WinogradConv2D(keras.layers.Conv2D):
    """A 3x3 keras.layers.Conv2D with stride 1, of the picture grown by a pixel at each edge: the same weights, faster.

    Lavin & Gray 2016, "Fast Algorithms for Convolutional Neural Networks", F(4x4, 3x3), with points that lose fewer
    digits (layers.winograd.POINTS). Tiles are gathered together with the border, so that no padded copy is made, and
    some at a time, so that it needs little memory. On a CPU it pays from 128 channels on; for inference, as its
    gradient is slow unless the layer is frozen. Half precision rounds several times as much as in the usual
    convolution.

    Args:
        filters: channels of the result.
        edges: "replication", "reflection" or "circular": how the picture is grown, as the padding layers of these
            names do it; "zeros". None: not at all, so that the result is two pixels smaller than the input.
        options: further arguments of keras.layers.Conv2D: `activation`, `use_bias` and the like.

    Raises:
        ValueError: `edges` is unknown; padding, strides, dilation or groups are not the usual ones.
    """

    def __init__(self, filters: int, *, edges: str | None = None, **options: Any) -> None:
        super().__init__(filters, KERNEL, **{"data_format": "channels_last", **options})
        require_simple_convolution(self)
        if edges not in (None, ZEROS, *EDGES):
            known = ", ".join((*EDGES, ZEROS))
            raise ValueError(f"WinogradConv2D {self.name!r}: edges must be one of {known}, not {edges!r}")
        self.edges = edges
        self._constants: tuple[Any, Any] | None = None

    def freeze(self) -> None:
        """Make constants of the weights, which must not change any more: the kernel is transformed once for all.

        The gradient by the inputs then takes no longer than the layer itself. Small maps take the usual sums.
        """
        self.trainable = False
        self._constants = tuple(map(ops.copy, self._factors()))

    def call(self, inputs: Any) -> Any:
        """Return the convolution of `inputs` (batch, height, width, channels)."""
        inputs = ops.cast(inputs, self.compute_dtype)  # Keras casts no integers
        if self._constants is not None and _positions(inputs) < MIN_POSITIONS:
            return super().call(self._grown(inputs))
        rectified = self.activation is keras.activations.relu
        outputs = self._convolve(inputs, rectified)
        return outputs if rectified or self.activation is None else self.activation(outputs)

    def _convolve(self, inputs: Any, rectified: bool) -> Any:
        if self._constants is None:
            if self.edges == ZEROS:
                return convolve(self._grown(inputs), *self._factors(), rectified=rectified)
            return convolve(inputs, *self._factors(), edges=self.edges, rectified=rectified)
        if self.edges == ZEROS:
            return convolve_constant(inputs, *self._constants, margin=1, rectified=rectified)
        return convolve_constant(self._grown(inputs), *self._constants, margin=0, rectified=rectified)

    def _grown(self, inputs: Any) -> Any:
        if self.edges in EDGES:
            return EDGES[self.edges](1, dtype=self.dtype_policy)(inputs)
        return grown(inputs, 1 if self.edges == ZEROS else 0)

    def _factors(self) -> tuple[Any, Any]:
        """Return the transformed kernel and the bias, of the compute type."""
        kernel = ops.cast(self.kernel, self.compute_dtype)
        bias = ops.cast(self.bias, self.compute_dtype) if self.use_bias else ops.zeros(self.filters, kernel.dtype)
        return transform_kernel(kernel), bias

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the result, None where a size is unknown."""
        if self.edges is None:
            return super().compute_output_shape(input_shape)
        return (*input_shape[:3], self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        fixed = ("kernel_size", "strides", "padding", "dilation_rate", "groups", "data_format")
        config = {name: value for name, value in super().get_config().items() if name not in fixed}
        return {**config, "edges": self.edges}


def _positions(inputs: Any) -> float:
    """Return how many there are in all pictures, infinity where that is not known."""
    sizes = inputs.shape[:3]
    return math.inf if None in sizes else math.prod(sizes)
