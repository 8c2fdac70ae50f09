"""What happens beside the steps of a training run: history, progress, checkpoints, previews, TensorBoard."""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TextIO

import keras
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from errors import UserError
from images.writing import write_image
from model.noise import takes_noise
from pipelines.training.checkpoints import checkpoints, weights_are_finite, write_checkpoint

HISTORY = "history.csv"
LINES = 100  # printed in the course of a run where the output is no terminal


class IterationCallback(keras.callbacks.Callback):
    """A callback that counts iterations from the run's very beginning, across resumptions.

    Args:
        first: iterations done before.
        last: iterations when the run is complete.
    """

    def __init__(self, first: int, last: int) -> None:
        super().__init__()
        self.first = first
        self.last = last

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Call `on_iteration_end`."""
        self.on_iteration_end(self.first + batch + 1, logs or {})

    def on_iteration_end(self, iteration: int, losses: Mapping[str, float]) -> None:
        """Do what is to be done after `iteration`, with the losses of it."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back what was opened; called also where the run ends with an error."""


class StopAtNaN(IterationCallback):
    """Ends the run with an error where the loss is not a finite number."""

    def __init__(self, first: int, last: int, folder: Path) -> None:
        super().__init__(first, last)
        self.folder = folder

    def on_iteration_end(self, iteration: int, losses: Mapping[str, float]) -> None:
        """Raise UserError if a loss is not finite."""
        broken = [name for name, value in losses.items() if not math.isfinite(value)]
        if broken:
            raise diverged(self.folder, iteration, f"the loss ({', '.join(broken)}) is")


class History(IterationCallback):
    """Writes history.csv: a line for each iteration with the learning rate, the loss and its terms.

    Lines beyond the iteration from which a run is resumed are dropped: they are written anew.
    """

    def __init__(
        self, first: int, last: int, path: Path, names: tuple[str, ...], learning_rate: Callable[[int], float]
    ) -> None:
        super().__init__(first, last)
        self.path = path
        self.names = names
        self.learning_rate = learning_rate
        self.file: TextIO | None = None

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Open the file."""
        kept = _rows(self.path, self.first) if self.first else []
        temporary = self.path.with_name(f".{os.getpid()}.tmp.csv")
        with temporary.open("w", newline="") as file:
            csv.writer(file).writerows([("iteration", "learning_rate", *self.names), *kept])
        temporary.replace(self.path)
        # A line at a time: whoever looks, or whatever kills the process, finds whole lines.
        self.file = self.path.open("a", newline="", buffering=1)

    def on_iteration_end(self, iteration: int, losses: Mapping[str, float]) -> None:
        """Write the line."""
        values = [f"{losses[name]:.9g}" for name in self.names]
        csv.writer(self.file).writerow([iteration, f"{self.learning_rate(iteration - 1):.6g}", *values])

    def close(self) -> None:
        """Close the file."""
        if self.file:
            self.file.close()


class ProgressBar(IterationCallback):
    """Shows a bar with loss by term and time left; where the output is no terminal, a line now and then."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__(first, last)
        self.console = Console()
        self.every = max(1, last // LINES)
        self.progress = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Show the bar."""
        self.start = time.perf_counter()
        self.task = self.progress.add_task("", total=self.last, completed=self.first, losses="")
        self.progress.start()

    def on_iteration_end(self, iteration: int, losses: Mapping[str, float]) -> None:
        """Move the bar."""
        if self.console.is_terminal:
            self.progress.update(self.task, completed=iteration, losses=_describe(losses))
        elif iteration % self.every == 0 or iteration == self.last:
            a_step = (time.perf_counter() - self.start) / (iteration - self.first)
            left = time.strftime("%H:%M:%S", time.gmtime((self.last - iteration) * a_step))
            print(f"{iteration}/{self.last} {_describe(losses)} {a_step:.3f} s a step, {left} left", flush=True)

    def close(self) -> None:
        """Leave the bar as it is."""
        self.progress.stop()


class Saver(IterationCallback):
    """Writes a checkpoint, the result so far and previews, every so many iterations, at the end and where a run stops.

    Args:
        first: iterations done before.
        last: iterations when the run is complete.
        every: iterations from one checkpoint to the next.
        folder: of the checkpoints.
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
        folder: Path,
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
        write_checkpoint(self.folder, model, iteration, self.state)


class Previews:
    """What the generator makes of fixed inputs, as PNG files: the photos above, the pictures below.

    Args:
        generator: under the image contract, or from noise to pictures.
        inputs: (count, height, width, channels), photos or noise.
        folder: `iteration-00001000.png` ... are written into it.
        watchers: called with the iteration and the sheet (height, width, 3).
    """

    def __init__(
        self,
        generator: keras.Model,
        inputs: np.ndarray,
        folder: Path,
        watchers: tuple[Callable[[int, np.ndarray], None], ...] = (),
    ) -> None:
        self.generator = generator
        self.inputs = inputs
        self.folder = folder
        self.watchers = watchers
        folder.mkdir(exist_ok=True)

    def __call__(self, iteration: int) -> None:
        """Write the sheet of `iteration`."""
        sheet = self.sheet()
        if not np.isfinite(sheet).all():
            raise diverged(self.folder.parent, iteration, "the generator's pictures are")
        write_image(self.folder / f"iteration-{iteration:08d}.png", sheet)
        for watch in self.watchers:
            watch(iteration, sheet)

    def sheet(self) -> np.ndarray:
        """Return what the generator makes now, float32 (height, width, 3)."""
        pictures = [keras.ops.convert_to_numpy(self.generator(one[np.newaxis], training=False)) for one in self.inputs]
        sheet = np.concatenate(np.clip(np.concatenate(pictures), 0, 1), axis=1)
        if not takes_noise(self.generator):
            sheet = np.concatenate([np.concatenate(self.inputs, axis=1), sheet], axis=0)
        return sheet.astype(np.float32)


def take_over_weights(result: keras.Model, model: keras.Model) -> None:
    """Give `result` the present weights of the generator that `model` trains."""
    for variable, trained in zip(result.variables, model.generator.variables, strict=True):
        variable.assign(keras.ops.convert_to_numpy(trained))


def diverged(folder: Path, iteration: int, what: str) -> UserError:
    """Return the error for a run whose loss or weights are not finite numbers any more."""
    kept = checkpoints(folder)
    where = f"the last good checkpoint is {kept[-1]}" if kept else "there is no checkpoint yet"
    return UserError(f"{what} not finite any more at iteration {iteration}: stopped; {where}; lower --learning-rate")


def _rows(path: Path, first: int) -> list[list[str]]:
    """Return the lines of a history up to iteration `first`."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.reader(file) if row and row[0].isdecimal() and int(row[0]) <= first]


def _describe(losses: Mapping[str, float]) -> str:
    # Keras sorts the names: the sum goes first.
    losses = {"loss": losses["loss"], **losses}
    return " ".join(f"{name} {value:.4g}" for name, value in losses.items())
