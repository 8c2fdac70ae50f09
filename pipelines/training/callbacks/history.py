"""Writing history.csv, the losses of all iterations."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from images.folders import naming
from images.temporary_files import whole_path
from pipelines.training.callbacks.iteration import IterationCallback


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
        """Open the file, at the beginning of the run's first stage."""
        if self.file is not None:
            return
        kept = _rows(self.path, self.first) if self.first else []
        with whole_path(self.path) as temporary, temporary.open("w", newline="") as file:
            csv.writer(file).writerows([("iteration", "learning_rate", *self.names), *kept])
        # A line at a time: whoever looks, or whatever kills the process, finds whole lines.
        self.file = self.path.open("a", newline="", buffering=1)

    def on_iteration_end(self, iteration: int, losses: Mapping[str, float]) -> None:
        """Write the line."""
        if self.file is None:
            raise RuntimeError("the history is not open: training has not begun")
        values = [f"{losses[name]:.9g}" for name in self.names]
        with naming(self.path):
            csv.writer(self.file).writerow([iteration, f"{self.learning_rate(iteration - 1):.6g}", *values])

    def close(self) -> None:
        """Close the file."""
        if self.file:
            with naming(self.path):  # on a full disk it writes once more
                self.file.close()


def recorded_losses(path: Path, first: int) -> Iterator[dict[str, float]]:
    """Yield the losses of the iterations up to `first` in a history; what is damaged is left out."""
    names = _lines(path)[:1]
    for row in _rows(path, first):
        with suppress(ValueError):
            losses = dict(zip(names[0][2:], map(float, row[2:]), strict=True))
            if all(map(math.isfinite, losses.values())):
                yield losses


def _rows(path: Path, first: int) -> list[list[str]]:
    """Return the lines of a history up to iteration `first`; what is damaged is left out."""
    return [row for row in _lines(path) if row[0].isascii() and row[0].isdecimal() and int(row[0]) <= first]


def _lines(path: Path) -> list[list[str]]:
    """Return the lines of a history, none where there is no file."""
    if not path.is_file():
        return []
    lines = path.read_bytes().decode(errors="replace").replace("\0", "").splitlines()
    return [line.split(",") for line in lines]
