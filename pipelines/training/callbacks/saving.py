"""Writing checkpoints and other outputs at regular intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import keras

from pipelines.training.callbacks.iteration import IterationCallback, diverged
from pipelines.training.files import weights_are_finite, write_checkpoint


class Saver(IterationCallback):
    """Writes a checkpoint, the result so far and previews, every so many iterations, at the end and where a run stops.

    Args:
        first: iterations done before.
        last: iterations when the run is complete.
        every: iterations from one checkpoint to the next.
        folder: of the checkpoints, or None: none are written.
        state: to store in each.
        result: generator that takes over the trained weights each time.
        outputs: what else to do then, called with the iteration.
        context: in which all this is done, see Devices.outside.
        is_stopping: says whether this is the last iteration because somebody stopped the run.
    """

    def __init__(
        self,
        first: int,
        last: int,
        *,
        every: int,
        folder: Path | None,
        state: Mapping[str, Any],
        result: keras.Model,
        outputs: tuple[Callable[[int], None], ...],
        context: Callable[[], AbstractContextManager],
        is_stopping: Callable[[], bool],
    ) -> None:
        super().__init__(first, last)
        self.every = every
        self.folder = folder
        self.state = state
        self.result = result
        self.outputs = outputs
        self.context = context
        self.is_stopping = is_stopping

    def on_iteration_end(self, iteration: int, losses: Mapping[str, float]) -> None:
        """Write everything where it is time."""
        if iteration % self.every and iteration != self.last and not self.is_stopping():
            return
        with self.context():
            self._write(iteration)

    def _write(self, iteration: int) -> None:
        model = self.model  # asking for it has its cost under JAX
        if not weights_are_finite(model):
            raise diverged(self.folder, iteration, "weights are")
        take_over_weights(self.result, model)
        for output in self.outputs:
            output(iteration)
        if self.folder is not None:
            write_checkpoint(self.folder, model, iteration, self.state)


def take_over_weights(result: keras.Model, model: keras.Model) -> None:
    """Give `result` what the generator that `model` trains is worth now: averages where weights are trained."""
    averages = dict(zip(map(id, model.trainable_variables), model.optimizer.averages, strict=True))
    for variable, trained in zip(result.variables, model.generator.variables, strict=True):
        variable.assign(keras.ops.convert_to_numpy(averages.get(id(trained), trained)))
