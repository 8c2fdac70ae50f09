"""Resizing one picture to the size of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.registration import registered

INTERPOLATIONS = ("nearest", "bilinear")


class MatchingResize(keras.layers.Layer):
    """Resizes `x` to the height and width of `reference`: call([x, reference]), both (batch, height, width, channels).

    Derived classes say how, along one axis.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.input_spec = [keras.InputSpec(ndim=4), keras.InputSpec(ndim=4)]

    def resize(self, inputs: Any, axis: int, size: Any, target: Any) -> Any:
        """Return `inputs` with `target` rows (axis 1) or columns (axis 2), where they have `size`."""
        raise NotImplementedError

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return `x` with the height and width of `reference`."""
        x, reference = inputs
        outputs = ops.cast(x, self.compute_dtype)  # Keras casts no integers
        for axis in (1, 2):
            outputs = self.resize(outputs, axis, ops.shape(x)[axis], ops.shape(reference)[axis])
        return outputs

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the shape of `x` with the height and width of `reference`."""
        x, reference = input_shape
        return (x[0], reference[1], reference[2], x[3])


@registered
class ResizeToMatch(MatchingResize):
    """Resizes `x` to the height and width of `reference`: call([x, reference]).

    As torch.nn.functional.interpolate(x, size, mode=interpolation): pixel i of n lies at (i + 1/2) s / n - 1/2 in a
    side of s pixels with "bilinear" (align_corners=False), and is pixel floor(i s / n) with "nearest". Places are
    computed in float32, as there. For aligned corners see BilinearResizeToMatch.

    Args:
        interpolation: "nearest" or "bilinear".

    Input: both (batch, height, width, channels).

    Raises:
        ValueError: there is no such interpolation.
    """

    def __init__(self, interpolation: str = "bilinear", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}, not {interpolation!r}")
        self.interpolation = interpolation

    def resize(self, inputs: Any, axis: int, size: Any, target: Any) -> Any:
        """Return `inputs` with `target` rows or columns."""
        return (_nearest if self.interpolation == "nearest" else _bilinear)(inputs, axis, size, target)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "interpolation": self.interpolation}


def _nearest(inputs: Any, axis: int, size: Any, target: Any) -> Any:
    """Return `inputs` with the nearest rows or columns."""
    factor = ops.cast(size, "float32") / ops.cast(target, "float32")
    places = ops.cast(ops.floor(ops.cast(ops.arange(target), "float32") * factor), "int32")
    return ops.take(inputs, ops.minimum(places, size - 1), axis=axis)


def _bilinear(inputs: Any, axis: int, size: Any, target: Any) -> Any:
    """Return `inputs` with mixtures of the two nearest rows or columns."""
    factor = ops.cast(size, "float32") / ops.cast(target, "float32")
    places = ops.maximum((ops.cast(ops.arange(target), "float32") + 0.5) * factor - 0.5, 0.0)
    lower = ops.minimum(ops.cast(ops.floor(places), "int32"), size - 1)
    upper = ops.minimum(lower + 1, size - 1)
    share = ops.cast(places - ops.cast(lower, "float32"), inputs.dtype)
    share = ops.reshape(share, (1, -1, 1, 1) if axis == 1 else (1, 1, -1, 1))
    near, far = ops.take(inputs, lower, axis=axis), ops.take(inputs, upper, axis=axis)
    return near + (far - near) * share
