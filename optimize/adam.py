"""Adam whose state can be enlarged with the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras import ops

from optimize.enlarging import enlarge_bicubic, enlarge_bilinear
from optimize.value_and_grad import compile_function

DECAYS = (0.9, 0.99)
EPSILON = 1e-8


@dataclass(frozen=True, eq=False)
class AdamState:
    """What Adam keeps beside the point.

    Attributes:
        first: running mean of the gradient, of the point's shape.
        second: running mean of the squared gradient, of the point's shape.
        steps: done so far.
    """

    first: Any
    second: Any
    steps: int = 0

    @classmethod
    def zeros(cls, shape: tuple[int, ...]) -> AdamState:
        """Return the state before the first step."""
        return cls(ops.zeros(shape, dtype="float32"), ops.zeros(shape, dtype="float32"))

    def enlarged(self, height: int, width: int) -> AdamState:
        """Return the state for a picture of another size, with which Adam goes on warm.

        As Crowson's style-transfer-pytorch does it: the first moment by bicubic interpolation, the second, which may
        not become negative, by bilinear; neither is rescaled, and the steps are counted on.
        """
        first = enlarge_bicubic(ops.convert_to_numpy(self.first), height, width)
        second = enlarge_bilinear(ops.convert_to_numpy(self.second), height, width).clip(min=0)
        return AdamState(ops.convert_to_tensor(first), ops.convert_to_tensor(second), self.steps)


class Adam:
    """Kingma & Ba 2015 as torch.optim.Adam computes it, with the decays of Crowson's style-transfer-pytorch.

    Args:
        step_size: learning rate.
        bounds: to which the point is clipped after every step, or None.
    """

    def __init__(self, step_size: float, bounds: tuple[float, float] | None = (0.0, 1.0)) -> None:
        self.step_size = step_size
        self.bounds = bounds
        self._update = compile_function(self._updated)

    def step(self, point: Any, gradient: Any, state: AdamState) -> tuple[Any, AdamState]:
        """Return the next point and state."""
        steps = state.steps + 1
        corrections = [1 - decay**steps for decay in DECAYS]
        scalars = ops.convert_to_tensor([self.step_size / corrections[0], corrections[1] ** 0.5], dtype="float32")
        point, first, second = self._update(point, gradient, state.first, state.second, scalars)
        return point, AdamState(first, second, steps)

    def _updated(self, point: Any, gradient: Any, first: Any, second: Any, scalars: Any) -> list[Any]:
        first = DECAYS[0] * first + (1 - DECAYS[0]) * gradient
        second = DECAYS[1] * second + (1 - DECAYS[1]) * ops.square(gradient)
        point = point - scalars[0] * first / (ops.sqrt(second) / scalars[1] + EPSILON)
        return [point if self.bounds is None else ops.clip(point, *self.bounds), first, second]
