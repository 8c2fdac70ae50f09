"""Tries to break the whole program and writes a table of the outcomes: python -m benchmarks.torture [--full].

Damaged and hostile files and folders of runs go through the scripts that read them; runs are killed at random moments
and finished by a second run. By default a tenth of what is converted, loaded or resumed, all that is only read, and 15
kills of each kind; with --full all of them, most of a day. What was found is kept: the same command goes on where it
was stopped.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.paths import ROOT
from benchmarks.torture.attacks import attack_many
from benchmarks.torture.jobs import JOBS
from benchmarks.torture.kills import kill_many
from benchmarks.torture.kinds import KINDS
from benchmarks.torture.outcomes import Tally
from benchmarks.torture.page import as_page
from benchmarks.torture.results import Results, revision_here
from pipelines.startup import quiet_startup

KILLS = 100
# Kinds of kill by the names of their tallies.
KILLED = {f"kills: {job.name}": job for job in JOBS.values()}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default: %(default)s)")
    parser.add_argument("--share", type=float, default=0.1, help="of the files and folders (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=15, help="of each kind of run (default: %(default)s)")
    parser.add_argument("--full", action="store_true", help=f"all files and {KILLS} kills of each kind")
    parser.add_argument(
        "--only", nargs="+", metavar="WORD", help="try the kinds whose names have one of these words in them"
    )
    parser.add_argument(
        "--results", type=Path, default=ROOT / "torture_results", metavar="FOLDER",
        help="what was found, which a run goes on with; without the folder all begins anew (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "reliability.md", help="the table of all found")
    return parser


def try_all(arguments: argparse.Namespace, results: Results) -> None:
    """Carry out what the arguments ask for and was not yet, kind by kind."""
    share, kills = (1.0, KILLS) if arguments.full else (arguments.share, arguments.kills)

    def tell(tally: Tally, count: int) -> None:
        results.keep(tally)
        print(f"{tally.name}: {tally.total} of {count}, failures: {tally.others()}", file=sys.stderr, flush=True)

    for name, kind in KINDS.items():
        if is_wanted(name, arguments.only):
            count = kind.count if kind.is_whole else max(1, round(share * kind.count))
            attack_many(results.begin(name), count, arguments.seed, tell)
    for name, job in KILLED.items():
        if is_wanted(name, arguments.only):
            kill_many(results.begin(name), job, kills, arguments.seed, tell)


def is_wanted(kind: str, words: Sequence[str] | None) -> bool:
    """Say whether a kind is among those asked for."""
    return words is None or any(word in kind for word in words)


def main(argv: Sequence[str] | None = None) -> int:
    """Run everything and write the page; return 1 where anything went wrong, also in an earlier run that is kept."""
    arguments = make_parser().parse_args(argv)
    results = Results(arguments.results, arguments.seed, revision_here())
    with quiet_startup():
        import keras  # noqa: F401  before what needs it
    try:
        try_all(arguments, results)
    except KeyboardInterrupt:
        print(f"interrupted: {arguments.results} keeps what was found, and the same command goes on", file=sys.stderr)
        return 130
    totals = {**{name: kind.count for name, kind in KINDS.items()}, **dict.fromkeys(KILLED, KILLS)}
    found = [(results.find(name) or Tally(name), total) for name, total in totals.items()]
    given = sys.argv[1:] if argv is None else argv
    page = as_page(found, shlex.join(["python", "-m", "benchmarks.torture", *given]))
    arguments.output.write_text(page)
    print(page)
    return int(any(tally.failures for tally, _ in found))


if __name__ == "__main__":
    sys.exit(main())
