"""What follows a training run from outside and may end it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

import keras
import numpy as np

from pipelines.training.callbacks import IterationCallback, Previews, take_over_weights
from runs.progress import RunProgress

# It may raise StopIteration to end the run with the result so far.
Observer = Callable[[RunProgress], None]


class Observed(IterationCallback):
    """Tells observers of every iteration, and ends the run where one of them raises StopIteration.

    Args:
        first: iterations done before.
        last: iterations when the run is complete.
        observers: told after every iteration.
        size: side of the crops trained on, in pixels.
        result: generator that takes over the trained weights where an observer asks for pictures.
        previews: which it then makes.
        context: in which this is done, see Devices.outside.

    Attributes:
        stopped_at: the iteration after which an observer ended the run, or None.
    """

    def __init__(
        self,
        first: int,
        last: int,
        *,
        observers: Sequence[Observer],
        size: int,
        result: keras.Model,
        previews: Previews,
        context: Callable[[], AbstractContextManager],
    ) -> None:
        super().__init__(first, last)
        self.observers = observers
        self.size = (size, size)
        self.result = result
        self.previews = previews
        self.context = context
        self.stopped_at: int | None = None

    def on_iteration_end(self, iteration: int, losses: Mapping[str, float]) -> None:
        """Tell the observers."""
        terms = {name: value for name, value in losses.items() if name != "loss"}
        left = 1 - iteration / self.last
        progress = RunProgress(self.size, iteration, self.last, losses["loss"], terms, self._frames, left)
        try:
            for observer in self.observers:
                observer(progress)
        except StopIteration:
            self.stopped_at = iteration
            self.model.stop_training = True

    def _frames(self) -> np.ndarray:
        with self.context():
            take_over_weights(self.result, self.model)
            return self.previews.sheet()[np.newaxis]
