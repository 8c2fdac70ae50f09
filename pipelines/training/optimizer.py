"""Adam with a learning-rate schedule of warm-up, plateau and decay, and a moving average of the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

BETA_1, BETA_2, EPSILON = 0.9, 0.99, 1e-7
# Of the norm of all gradients together: single steps, of an odd crop, are not to throw the weights about.
MAX_NORM = 10.0
# Torch7's texture networks: the rate times 0.8 every 2000 iterations.
DECAY_STEPS, DECAY_RATE = 2000, 0.8
# Rates that lie on the device, at most.
MAX_RATES = 1_000_000


@dataclass(frozen=True)
class LearningRate:
    """Adam's learning rate by iteration.

    Attributes:
        peak: after the warm-up.
        decay: "step", or "cosine": it stays, and then falls along half a cosine to 0 at the last iteration.
        iterations: steps of the whole run.
        warmup_steps: during which it rises along a line.
        decay_start: share of the run after which the cosine begins.
    """

    peak: float
    decay: str
    iterations: int
    warmup_steps: int
    decay_start: float

    def at(self, iteration: int) -> float:
        """Return the rate of an iteration, counted from 0."""
        rise = min(1.0, (iteration + 1) / (self.warmup_steps + 1))
        return self.peak * rise * self._decayed(iteration)

    def _decayed(self, iteration: int) -> float:
        if self.decay == "step":
            return DECAY_RATE ** (iteration // DECAY_STEPS)
        start = self.decay_start * self.iterations
        done = max(0.0, iteration - start) / (self.iterations - start)
        return 0.5 * (1 + math.cos(math.pi * done))


class RateTable(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rates of all iterations, for the device; of more than MAX_RATES some in a row have that of one."""

    def __init__(self, rate: LearningRate) -> None:
        super().__init__()
        self.stride = -(-rate.iterations // MAX_RATES)
        self.rates = np.asarray([rate.at(i) for i in range(0, rate.iterations, self.stride)], np.float32)

    def __call__(self, step: Any) -> Any:
        """Return the rate of the iteration `step`, counted from 0."""
        return ops.take(ops.convert_to_tensor(self.rates), ops.cast(step, "int32") // self.stride)


class AveragedAdam(keras.optimizers.Adam):
    """Adam that also keeps an exponential average of each variable's values after its steps.

    Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization"; Polyak & Juditsky 1992, "Acceleration of stochastic
    approximation by averaging". Before step i (from 0) the average counts min(ema_momentum, (1 + i) / (10 + i)), so
    that it soon forgets the first weights. Keras' own `use_ema` has one momentum from the first step on, and puts the
    averages in the variables' place when `fit` ends, so that no run could go on.

    Args:
        learning_rate: number or schedule.
        ema_momentum: share of the average that each step leaves; 0: the average is the last value.
        global_clipnorm: bound of the norm of all gradients together.

    Attributes:
        averages: of the variables that it was built with, in their order.
    """

    def __init__(self, learning_rate: Any, *, ema_momentum: float, global_clipnorm: float = MAX_NORM) -> None:
        super().__init__(
            learning_rate, BETA_1, BETA_2, EPSILON, ema_momentum=ema_momentum, global_clipnorm=global_clipnorm
        )
        self.averages: list[Any] = []

    def build(self, var_list: Sequence[Any]) -> None:
        """Make the variables; the averages begin as what the trained ones are."""
        if self.built:
            return
        super().build(var_list)
        self.averages = self.add_optimizer_variables(var_list, "average")
        self._begin_averages(var_list)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Take a step and add it to the average."""
        super().update_step(gradient, variable, learning_rate)
        average = self.averages[self._get_variable_index(variable)]
        done = ops.cast(self.iterations, average.dtype)
        momentum = ops.minimum(self.ema_momentum, (1 + done) / (10 + done))
        self.assign(average, momentum * average + (1 - momentum) * variable)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Load what a checkpoint has; averages, which earlier versions had not, begin as the weights."""
        if len(store) != len(self.variables) - len(self.averages):
            super().load_own_variables(store)
            return
        for number in range(len(store)):
            self.variables[number].assign(store[str(number)])
        self._begin_averages(self._trainable_variables)

    def _begin_averages(self, variables: Sequence[Any]) -> None:
        for average, variable in zip(self.averages, variables, strict=True):
            average.assign(ops.copy(variable))  # JAX would let both have one buffer, and gives buffers away
