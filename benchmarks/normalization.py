"""Instance against batch normalisation: the same short training with each, and a plot of their losses.

`python -m benchmarks.normalization --plot FILE.png` with options of train.py (`--data`, `--style-image`,
`--batch-size 4 --num-iterations 1500`, ...). Both runs have the same seed, so the same crops. The claim is Ulyanov et
al.'s (2016, 1607.08022, figure 5): instance normalisation falls faster and lower.
"""

from __future__ import annotations

import csv
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import train
from benchmarks.measure import print_table
from choices import NORMALIZATIONS
from errors import ArgumentError
from pipelines.command_line import run_script
from pipelines.training.settings import TrainingSettings
from pipelines.training.train import train_generator
from runs.plot import Curve, write_line_plot

NAME = "benchmarks.normalization"
WINDOW = 50  # iterations: single pictures differ too much to compare


def losses_of(settings: TrainingSettings) -> np.ndarray:
    """Train and return the mean losses of each WINDOW iterations."""
    train_generator(settings)
    with (Path(settings.checkpoints_path) / "history.csv").open(newline="") as file:
        losses = np.array([float(row["loss"]) for row in csv.DictReader(file)])
    whole = len(losses) // WINDOW * WINDOW
    return losses[:whole].reshape(-1, WINDOW).mean(axis=1)


def measure(settings: TrainingSettings, plot: str) -> None:
    """Train with each normalisation, write the plot and print the table."""
    curves = {}
    for name in NORMALIZATIONS:
        folder = Path(settings.checkpoints_path) / name
        curves[name] = losses_of(dataclasses.replace(settings, normalization=name, checkpoints_path=folder))
    count = len(next(iter(curves.values())))
    iterations = [WINDOW * (i + 0.5) for i in range(count)]
    write_line_plot(
        plot, [Curve(name, iterations, curve.tolist()) for name, curve in curves.items()], marks={}, label="iteration"
    )
    marks = sorted({0, count // 4, count // 2, count - 1})
    header = [f"iterations {WINDOW * mark + 1}-{WINDOW * (mark + 1)}" for mark in marks]
    rows = [(name, *(f"{curve[mark]:.3f}" for mark in marks)) for name, curve in curves.items()]
    print_table("Mean loss", ("normalisation", *header), rows)


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments ask for and return the exit code."""
    parser = train.make_parser()
    parser.prog, parser.description = NAME, __doc__
    parser.add_argument("--plot", required=True, metavar="FILE", help="picture of the losses")
    arguments = parser.parse_args(argv)
    plot = arguments.plot
    if arguments.batch_size < 2:
        raise ArgumentError("--batch-size must be at least 2: on a batch of one the two normalisations are the same")
    measure(train.read_settings(arguments), plot)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
