"""Trains a feed-forward generator: a style of your own from one picture, or an endless texture."""

from __future__ import annotations

from runtimes.interruption import exit_on_signals
from runtimes.missing import tell_missing_packages

if __name__ == "__main__":
    exit_on_signals()
    tell_missing_packages()

import argparse
import sys
from collections.abc import Sequence

from errors import counted
from pipelines.command_line import ArgumentParser, add_options, note, run_script, spellings_of, values_of
from pipelines.training.settings import TrainingSettings
from pipelines.training.train import TrainingReport, train_generator
from runs.bar import ProgressBar
from runs.live_view import LiveViewOptions, live_view
from runtimes.terminal import printable

NAME = "train.py"
# Unreadable files of which the reason is printed.
MAX_REASONS = 5
EPILOG = """The defaults are close to the settings that the included models were trained with
(model/pretrained/README.md), but with batches of one photo; they take about four hours on two CPU cores with bfloat16.
After twenty iterations the program prints how long the run will take. The result is generator.keras in the folder of
checkpoints, for stylize_tensorflow.py --model and export_model.py --input. The folder also holds the last three
checkpoints, previews, and history.csv with the losses. After an interruption the same command resumes the run. Each
term of the loss is relative to the size of its target, so that the same weights suit every style."""


def make_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(prog=NAME, description=__doc__, epilog=EPILOG)
    add_options(parser, TrainingSettings)
    add_options(parser.add_argument_group("live view"), LiveViewOptions)
    return parser


def read_settings(arguments: argparse.Namespace) -> TrainingSettings:
    """Return the settings that the arguments ask for."""
    return TrainingSettings(**values_of(arguments, TrainingSettings))


def print_report(report: TrainingReport) -> None:
    """Print what a run did."""
    resumed = f" (resumed at {report.resumed_from})" if report.resumed_from else ""
    generator = printable(str(report.generator))
    print(f"trained {counted(report.iterations, 'iteration')}{resumed} in {report.seconds:.0f} s: {generator}")
    if report.unreadable:
        print(f"skipped {counted(len(report.unreadable), 'file')} of the data folder that cannot be read:")
    for reason in report.unreadable[:MAX_REASONS]:
        print(f"  {printable(reason)}")
    if len(report.unreadable) > MAX_REASONS:
        print(f"  and {len(report.unreadable) - MAX_REASONS} more")


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments ask for and return the exit code."""
    arguments = make_parser().parse_args(argv)
    settings = read_settings(arguments)
    with live_view(NAME, LiveViewOptions(**values_of(arguments, LiveViewOptions))) as views:
        with ProgressBar() as bar:
            report = train_generator(settings, [bar, *views], note=note)
        print_report(report)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv), spellings=spellings_of(TrainingSettings))


if __name__ == "__main__":
    sys.exit(main())
