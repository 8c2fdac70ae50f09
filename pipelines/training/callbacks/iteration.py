"""A base class of callbacks that counts the iterations of a run, and the callback that ends a diverging run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import keras

from errors import UserError
from pipelines.training.files import checkpoints


class IterationCallback(keras.callbacks.Callback):
    """A callback that counts iterations from the run's very beginning, across resumptions and calls of `fit`.

    Args:
        first: iterations done before.
        last: iterations when the run is complete.
    """

    def __init__(self, first: int, last: int) -> None:
        super().__init__()
        self.first = first
        self.last = last
        self.done = first

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Call `on_iteration_end`."""
        self.done += 1
        self.on_iteration_end(self.done, logs or {})

    def on_iteration_end(self, iteration: int, losses: Mapping[str, float]) -> None:
        """Do what is to be done after `iteration`, with the losses of it."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back what was opened; called also where the run ends with an error."""


class StopAtNaN(IterationCallback):
    """Ends the run with an error where the loss is not a finite number."""

    def __init__(self, first: int, last: int, folder: Path | None) -> None:
        super().__init__(first, last)
        self.folder = folder

    def on_iteration_end(self, iteration: int, losses: Mapping[str, float]) -> None:
        """Raise UserError if a loss is not finite."""
        broken = [name for name, value in losses.items() if not math.isfinite(value)]
        if broken:
            raise diverged(self.folder, iteration, f"the loss ({', '.join(broken)}) is")


def diverged(folder: Path | None, iteration: int, what: str) -> UserError:
    """Return the error for a run whose loss or weights are not finite numbers any more."""
    kept = [] if folder is None else checkpoints(folder)
    where = f"the last good checkpoint is {kept[-1]}" if kept else "there is no checkpoint yet"
    return UserError(f"{what} not finite any more at iteration {iteration}: stopped; {where}; lower `learning_rate`")
