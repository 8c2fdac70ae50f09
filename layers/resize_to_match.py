"""Resizing one picture to the size of another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from layers.registration import registered

INTERPOLATIONS = ("nearest", "bilinear", "bicubic")


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
    side of s pixels with "bilinear" and "bicubic" (align_corners=False), and is pixel floor(i s / n) with "nearest".
    Places are computed in float32, as there. For aligned corners see BilinearResizeToMatch.

    Args:
        interpolation: "nearest", "bilinear" (the two nearest rows and columns) or "bicubic" (the four nearest, by Keys'
            filter with a = -0.75).
        scale_factor: factors (down, across) that replace n / s in the places, as where a size was rounded down; None:
            the quotient of the sizes. As in PyTorch, n / s stays where it is 1 ("bicubic" apart), or 2 with "nearest".

    Input: both (batch, height, width, channels).

    Raises:
        ValueError: there is no such interpolation, or a factor is not above 0.
    """

    def __init__(
        self, interpolation: str = "bilinear", scale_factor: Sequence[float] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation must be one of {', '.join(INTERPOLATIONS)}, not {interpolation!r}")
        if scale_factor is not None and not (len(scale_factor) == 2 and min(scale_factor) > 0):
            raise ValueError(f"scale_factor must be two numbers above 0, or None, not {scale_factor!r}")
        self.interpolation = interpolation
        self.scale_factor = None if scale_factor is None else tuple(map(float, scale_factor))

    def resize(self, inputs: Any, axis: int, size: Any, target: Any) -> Any:
        """Return `inputs` with `target` rows or columns."""
        if self.scale_factor is not None:
            step = self._step(1.0 / self.scale_factor[axis - 1], size, target)
        else:
            step = ops.cast(size, "float32") / ops.cast(target, "float32")
        return _RESIZES[self.interpolation](inputs, axis, size, ops.cast(ops.arange(target), "float32"), step)

    def _step(self, step: float, size: Any, target: Any) -> Any:
        """Return `step`, or that of the sizes where PyTorch takes it whatever the factor: where pixels are copied."""
        if self.interpolation == "bicubic":
            return step
        step = ops.where(ops.equal(target, size), 1.0, step)
        return ops.where(ops.equal(target, 2 * size), 0.5, step) if self.interpolation == "nearest" else step

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "interpolation": self.interpolation, "scale_factor": self.scale_factor}


def _nearest(inputs: Any, axis: int, size: Any, numbers: Any, step: Any) -> Any:
    """Return `inputs` with the nearest rows or columns."""
    places = ops.cast(ops.floor(numbers * step), "int32")
    return ops.take(inputs, ops.minimum(places, size - 1), axis=axis)


def _bilinear(inputs: Any, axis: int, size: Any, numbers: Any, step: Any) -> Any:
    """Return `inputs` with mixtures of the two nearest rows or columns."""
    places = ops.maximum((numbers + 0.5) * step - 0.5, 0.0)
    lower = ops.minimum(ops.cast(ops.floor(places), "int32"), size - 1)
    upper = ops.minimum(lower + 1, size - 1)
    share = _along(axis, places - ops.cast(lower, "float32"), inputs)
    near, far = ops.take(inputs, lower, axis=axis), ops.take(inputs, upper, axis=axis)
    return near + (far - near) * share


def _bicubic(inputs: Any, axis: int, size: Any, numbers: Any, step: Any) -> Any:
    """Return `inputs` with mixtures of the four nearest rows or columns; those outside are the one at the edge."""
    places = (numbers + 0.5) * step - 0.5
    before = ops.floor(places)
    outputs = 0.0
    for offset in range(-1, 3):
        x = ops.abs(places - before - offset)
        near = (1.25 * x - 2.25) * x * x + 1.0
        weight = near if offset in (0, 1) else -0.75 * (((x - 5.0) * x + 8.0) * x - 4.0)
        lines = ops.minimum(ops.maximum(ops.cast(before, "int32") + offset, 0), size - 1)
        outputs = outputs + _along(axis, weight, inputs) * ops.take(inputs, lines, axis=axis)
    return outputs


def _along(axis: int, numbers: Any, inputs: Any) -> Any:
    """Return numbers, one for each row (axis 1) or column (axis 2), that multiply `inputs`."""
    return ops.reshape(ops.cast(numbers, inputs.dtype), (1, -1, 1, 1) if axis == 1 else (1, 1, -1, 1))


_RESIZES: Mapping[str, Callable[..., Any]] = {"nearest": _nearest, "bilinear": _bilinear, "bicubic": _bicubic}
