"""Repaints a picture in the style of one or more others, by optimising its pixels at growing sizes."""

from __future__ import annotations

from runtimes.interruption import exit_on_signals
from runtimes.missing import tell_missing_packages

if __name__ == "__main__":
    exit_on_signals()
    tell_missing_packages()

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from errors import counted
from options import check, described, option
from pipelines.command_line import ArgumentParser, add_options, note, run_script, spellings_of, values_of
from pipelines.transfer.settings import TransferSettings
from pipelines.transfer.transfer import TransferReport, transfer
from runs.bar import ProgressBar
from runs.live_view import LiveViewOptions, live_view
from runtimes.terminal import printable

NAME = "style_transfer.py"
EPILOG = """trace.json beside the output holds the arguments and the loss of every iteration. After an interruption
the same command resumes the run. For a quick first try: pics/coffee.jpg pics/wheat_field.jpg -s 256 -ii 200 -i
100."""


@described
@dataclass(frozen=True, kw_only=True)
class Command:
    """What the command line can ask for beside the options of a transfer."""

    resume: bool = option(
        "fail unless there is an interrupted run of the same command to resume", default=False, kind=bool
    )
    restart: bool = option("start over, even if a run with this output was interrupted", default=False, kind=bool)

    def __post_init__(self) -> None:
        check(self)


def make_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(prog=NAME, description=__doc__, epilog=EPILOG)
    add_options(parser, TransferSettings)
    add_options(parser, Command)
    add_options(parser.add_argument_group("live view"), LiveViewOptions)
    return parser


def read_settings(arguments: argparse.Namespace) -> TransferSettings:
    """Return the settings that the arguments ask for."""
    return TransferSettings(**values_of(arguments, TransferSettings))


def print_report(report: TransferReport) -> None:
    """Print what a run did."""
    print(f"{counted(report.iterations, 'iteration')}, {report.seconds:.1f} s, loss {report.loss:.5g}")
    for name, value in report.terms.items():
        print(f"  {name}: {value:.5g}")
    print(f"wrote {printable(str(report.output))}: {report.size[1]} x {report.size[0]}")


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments ask for and return the exit code."""
    arguments = make_parser().parse_args(argv)
    settings = read_settings(arguments)
    command = values_of(arguments, Command)
    with live_view(NAME, LiveViewOptions(**values_of(arguments, LiveViewOptions))) as views, ProgressBar() as bar:
        report = transfer(settings, [bar, *views], note=note, **command)
    print_report(report)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv), spellings=spellings_of(TransferSettings))


if __name__ == "__main__":
    sys.exit(main())
