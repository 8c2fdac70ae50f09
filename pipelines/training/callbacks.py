"""What happens beside the steps of a training run: history, progress, checkpoints, previews, TensorBoard."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, TextIO

import keras
import numpy as np

from errors import UserError
from images.writing import temporary_path, write_image
from model.noise import takes_noise
from model.styles import inputs_in_turn
from pipelines.training.files import checkpoints, weights_are_finite, write_checkpoint

HISTORY = "history.csv"


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


# Of the running means: each iteration's share, once there have been as many.
MEAN_ITERATIONS = 100


class RunningMeans:
    """The mean of each loss over about the last MEAN_ITERATIONS iterations.

    Args:
        losses: of the iterations so far, the first one first.
    """

    def __init__(self, losses: Iterable[Mapping[str, float]] = ()) -> None:
        self.count = 0
        self.values: dict[str, float] = {}
        for one in losses:
            self.add(one)

    def add(self, losses: Mapping[str, float]) -> None:
        """Take the losses of one more iteration."""
        self.count += 1
        share = 1 / min(self.count, MEAN_ITERATIONS)
        for name, value in losses.items():
            before = self.values.get(name, value)
            self.values[name] = before + share * (value - before)


def recorded_losses(path: Path, first: int) -> Iterator[dict[str, float]]:
    """Yield the losses of the iterations up to `first` in a history; what is damaged is left out."""
    names = _lines(path)[:1]
    for row in _rows(path, first):
        with suppress(ValueError):
            losses = dict(zip(names[0][2:], map(float, row[2:]), strict=True))
            if all(map(math.isfinite, losses.values())):
                yield losses


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
        temporary = temporary_path(self.path)
        with temporary.open("w", newline="") as file:
            csv.writer(file).writerows([("iteration", "learning_rate", *self.names), *kept])
        temporary.replace(self.path)
        # A line at a time: whoever looks, or whatever kills the process, finds whole lines.
        self.file = self.path.open("a", newline="", buffering=1)

    def on_iteration_end(self, iteration: int, losses: Mapping[str, float]) -> None:
        """Write the line."""
        if self.file is None:
            raise RuntimeError("the history is not open: training has not begun")
        values = [f"{losses[name]:.9g}" for name in self.names]
        csv.writer(self.file).writerow([iteration, f"{self.learning_rate(iteration - 1):.6g}", *values])

    def close(self) -> None:
        """Close the file."""
        if self.file:
            self.file.close()


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


class Previews:
    """What the generator makes of fixed inputs, as PNG files: the photos above, the pictures below.

    Args:
        generator: under the image contract, or from noise to pictures.
        inputs: (count, height, width, channels), photos or noise.
        folder: of the run; `previews/iteration-00001000.png` ... are written into it; or None.
        watchers: called with the iteration and the sheet (height, width, 3).
    """

    def __init__(
        self,
        generator: keras.Model,
        inputs: np.ndarray,
        folder: Path | None,
        watchers: tuple[Callable[[int, np.ndarray], None], ...] = (),
    ) -> None:
        self.generator = generator
        self.inputs = inputs
        self.folder = folder
        self.watchers = watchers
        if folder is not None:
            (folder / "previews").mkdir(exist_ok=True)

    def __call__(self, iteration: int) -> None:
        """Write the sheet of `iteration`."""
        sheet = self.sheet()
        if not np.isfinite(sheet).all():
            raise diverged(self.folder, iteration, "the generator's pictures are")
        if self.folder is not None:
            write_image(self.folder / "previews" / f"iteration-{iteration:08d}.png", sheet)
        for watch in self.watchers:
            watch(iteration, sheet)

    def sheet(self) -> np.ndarray:
        """Return what the generator makes now, float32 (height, width, 3)."""
        pictures = [self._picture(number) for number in range(len(self.inputs))]
        sheet = np.concatenate(np.clip(pictures, 0, 1), axis=1)
        if not takes_noise(self.generator):
            sheet = np.concatenate([np.concatenate(self.inputs, axis=1), sheet], axis=0)
        return sheet.astype(np.float32)

    def _picture(self, number: int) -> np.ndarray:
        inputs = inputs_in_turn(self.generator, self.inputs[number : number + 1], first=number)
        return keras.ops.convert_to_numpy(self.generator(inputs, training=False))[0]


def take_over_weights(result: keras.Model, model: keras.Model) -> None:
    """Give `result` what the generator that `model` trains is worth now: averages where weights are trained."""
    averages = dict(zip(map(id, model.trainable_variables), model.optimizer.averages, strict=True))
    for variable, trained in zip(result.variables, model.generator.variables, strict=True):
        variable.assign(keras.ops.convert_to_numpy(averages.get(id(trained), trained)))


def diverged(folder: Path | None, iteration: int, what: str) -> UserError:
    """Return the error for a run whose loss or weights are not finite numbers any more."""
    kept = [] if folder is None else checkpoints(folder)
    where = f"the last good checkpoint is {kept[-1]}" if kept else "there is no checkpoint yet"
    return UserError(f"{what} not finite any more at iteration {iteration}: stopped; {where}; lower `learning_rate`")


def _rows(path: Path, first: int) -> list[list[str]]:
    """Return the lines of a history up to iteration `first`; what is damaged is left out."""
    return [row for row in _lines(path) if row[0].isascii() and row[0].isdecimal() and int(row[0]) <= first]


def _lines(path: Path) -> list[list[str]]:
    """Return the lines of a history, none where there is no file."""
    if not path.is_file():
        return []
    lines = path.read_bytes().decode(errors="replace").replace("\0", "").splitlines()
    return [line.split(",") for line in lines]
