"""Tries to break the whole program and writes a table of the outcomes: python -m benchmarks.torture [--full].

Damaged and hostile files and folders of runs go through the scripts that read them; runs are killed at random moments
and finished by a second run. By default a tenth of the files and 15 kills of each kind, about an hour; with --full all
of them, most of a day.
"""

from __future__ import annotations

import argparse
import platform
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.torture import ROOT
from benchmarks.torture.attacks import attack_many
from benchmarks.torture.jobs import JOBS
from benchmarks.torture.kills import kill_many
from benchmarks.torture.networks import READERS
from benchmarks.torture.outcomes import MAX_MEGABYTES, MAX_SECONDS, Tally, as_table
from pipelines.startup import quiet_startup

# Attacks of each kind in all.
COUNTS = {
    "crafted .keras": 61,
    "damaged .keras": 10_000,
    "damaged .h5": 2000,
    "damaged .t7": 2000,
    "damaged Caffe": 2000,
    "damaged .pth": 2000,
    "damaged .safetensors": 1000,
    "folders of syntheses": 170,
    "folders of transfers": 170,
    "folders of trainings": 170,
    **dict.fromkeys(READERS, 100_000),
}
ALWAYS_WHOLE = ("crafted .keras",)
KILLS = 100


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default: %(default)s)")
    parser.add_argument("--share", type=float, default=0.1, help="of the files and folders (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=15, help="of each kind of run (default: %(default)s)")
    parser.add_argument("--full", action="store_true", help=f"all files and {KILLS} kills of each kind")
    parser.add_argument(
        "--only", nargs="+", metavar="WORD", help="the kinds whose names have one of these words in them"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "reliability.md", help="the table")
    return parser


def tallies(arguments: argparse.Namespace) -> Iterator[Tally]:
    """Carry out what the arguments ask for, kind by kind."""
    share, kills = (1.0, KILLS) if arguments.full else (arguments.share, arguments.kills)
    for kind, count in COUNTS.items():
        if is_wanted(kind, arguments.only):
            whole = kind in ALWAYS_WHOLE
            yield attack_many(kind, count if whole else max(1, round(share * count)), arguments.seed, tell)
    for job in JOBS.values():
        if is_wanted(f"kills: {job.name}", arguments.only) and kills:
            yield kill_many(job, kills, arguments.seed, tell)


def is_wanted(kind: str, words: Sequence[str] | None) -> bool:
    """Say whether a kind is among those asked for."""
    return words is None or any(word in kind for word in words)


def tell(text: str) -> None:
    """Print how far it is."""
    print(text, file=sys.stderr, flush=True)


def report(results: Sequence[Tally], command: str, seconds: float) -> str:
    """Return the page of results in Markdown."""
    headings = ("attack", "number", "worked", "refused in one line", "anything else", "longest (s)", "memory (MB)")
    rows = [
        (
            tally.name,
            str(tally.total),
            str(tally.verdicts["done"]),
            str(tally.verdicts["refused"]),
            tally.others(),
            f"{tally.slowest:.1f}" if tally.slowest else "",
            f"{tally.largest:.0f}" if tally.largest else "",
        )
        for tally in results
    ]
    versions = f"Keras {version('keras')}, h5py {version('h5py')}, Python {platform.python_version()}"
    failures = [f"- {' '.join(text.split())}" for tally in results for text in tally.failures]
    return TEMPLATE.format(
        command=command,
        seconds=seconds / 60,
        versions=versions,
        table=as_table(headings, rows),
        failures="\n".join(failures) or "None.",
        max_seconds=MAX_SECONDS,
        max_megabytes=MAX_MEGABYTES,
    )


TEMPLATE = """# Reliability

Written by `{command}` in {seconds:.0f} minutes
({versions}). By default a tenth of the files and folders and 15 kills of each kind are tried, which takes about an hour
on a machine with nothing else to do; `--full` tries all.

Damaged and hostile files, and damaged folders of interrupted runs, are given to the script that reads them, in a
process whose memory and processor time are measured. The script must either work, or end in one line that says why not
(exit code 1 or 2): no traceback, no crash, at most {max_seconds:.0f} seconds of processor time and {max_megabytes:.0f}
MB of memory, of which Keras and TensorFlow take about 750.

Runs are killed (SIGKILL) at random moments, and the same command is given again. No file may be torn, no temporary file
may be left after the second run, and the result must be that of a run that was not killed: pictures to one level of
255, weights to rounding.

{table}

## What went wrong

{failures}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run everything and write the page; return 1 where anything went wrong."""
    arguments = make_parser().parse_args(argv)
    start = time.monotonic()
    with quiet_startup():
        import keras  # noqa: F401  before what needs it
    results = list(tallies(arguments))
    given = sys.argv[1:] if argv is None else argv
    page = report(results, shlex.join(["python", "-m", "benchmarks.torture", *given]), time.monotonic() - start)
    arguments.output.write_text(page)
    print(page)
    return int(any(tally.failures for tally in results))


if __name__ == "__main__":
    sys.exit(main())
