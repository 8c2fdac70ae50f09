"""The page of what was tried and what became of it, in Markdown."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version

from benchmarks.torture.outcomes import MAX_FOREIGN_MEGABYTES, MAX_MEGABYTES, MAX_SECONDS, Tally, as_table

HEADINGS = (
    "attack", "number", "worked", "refused in one line", "anything else",
    "longest (s)", "memory (MB)", "took (min)", "revision",
)  # fmt: skip


def as_page(found: Sequence[tuple[Tally, int]], command: str) -> str:
    """Return the page.

    Args:
        found: each tally, with the number of attacks that a full run makes.
        command: that writes the page.
    """
    failures = [f"- {' '.join(text.split())}" for tally, _ in found for text in tally.failures]
    return TEMPLATE.format(
        command=command,
        minutes=sum(tally.clock for tally, _ in found) / 60,
        versions=f"Keras {version('keras')}, h5py {version('h5py')}, Python {platform.python_version()}",
        table=as_table(HEADINGS, [_row(tally, total) for tally, total in found]),
        failures="\n".join(failures) or "Nothing.",
        max_seconds=MAX_SECONDS,
        max_megabytes=MAX_MEGABYTES,
        max_foreign=MAX_FOREIGN_MEGABYTES,
    )


def _row(tally: Tally, total: int) -> tuple[str, ...]:
    return (
        tally.name,
        f"{tally.total:,} of {total:,}",
        f"{tally.verdicts['done']:,}",
        f"{tally.verdicts['refused']:,}",
        tally.others(),
        f"{tally.slowest:.1f}" if tally.slowest else "",
        f"{tally.largest:.0f}" if tally.largest else "",
        f"{tally.clock / 60:.1f}",
        ", ".join(tally.revisions),
    )


TEMPLATE = """# Reliability

Written by `{command}` ({versions}); the attacks in the table took {minutes:.0f} minutes. By default the command makes a
tenth of the attacks that convert, load or resume, all attacks that only read, and 15 kills of each kind; `--full` makes
all of them. It saves its results and can be continued later, so each row names the revisions of the program that were
attacked. A kind that failed starts again with the next revision. Rows with a count of 0 have not been run yet.

Damaged and hostile files, and damaged folders of interrupted runs, are given to the script that reads them ("read": to
the function that reads them), in a process whose memory and processor time are measured. The script must either
succeed or end with one line that gives the reason (exit code 1 or 2), without a traceback or a crash, within
{max_seconds:.0f} seconds of processor time and {max_megabytes:.0f} MB of memory ({max_foreign:.0f} for files of other
programs), of which Keras and TensorFlow take about 750.

Runs are killed (SIGKILL) at random moments, and the same command is run again. No file may be incomplete, no temporary
file may be left after the second run, and the result must be the same as without the kill: pictures to one level of
255, weights to rounding.

{table}

## What went wrong

{failures}
"""
