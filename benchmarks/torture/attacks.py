"""Attacks by the thousand, in child processes that may die."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from benchmarks.paths import ROOT
from benchmarks.torture.kinds import KINDS
from benchmarks.torture.outcomes import Outcome, Tally

# An attack counts as hanging after MAX_WORK seconds of the processor; or after PATIENCE seconds of the clock, many, for
# other work may keep the machine busy. Every LOOK seconds that is looked at. START: those for the start of a child.
LOOK, MAX_WORK, PATIENCE, START = 20.0, 60.0, 1800.0, 1800.0


def attack_many(tally: Tally, count: int, seed: int, tell: Callable[[Tally, int], None]) -> None:
    """Carry out the attacks of a kind that a tally does not count yet.

    Args:
        tally: named as one of `kinds.KINDS`; what becomes of the attacks is added to it.
        count: of attacks, those that it counts already among them.
        seed: of all of them.
        tell: is told how far it is, after the attacks of each child.
    """
    with tempfile.TemporaryDirectory() as folder:
        while tally.total < count:
            start = time.monotonic()
            last = min(count, tally.total + KINDS[tally.name].chunk)
            outcomes = list(_child(tally.name, Path(folder), seed, tally.total, last))
            for outcome in outcomes:
                tally.add(outcome)
            tally.clock += time.monotonic() - start
            tell(tally, count)


def _child(kind: str, folder: Path, seed: int, first: int, last: int) -> Iterator[Outcome]:
    """Yield the outcomes of the attacks first ... last - 1, or of those before one that kills the child, and of it."""
    arguments = (kind, str(folder), str(seed), str(first), str(last))
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.torture.worker", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            bufsize=0,
            stderr=errors,
        )
        assert child.stdout is not None
        try:
            is_alive = _line(child.stdout, START)
            for number in range(first, last):
                line = is_alive and _line_of_attack(child)
                if not line:
                    yield _death(child, f"{kind} {number} with seed {seed}", errors.fileno())
                    return
                yield Outcome(**json.loads(line))
        finally:
            child.kill()
            child.wait()


def _line(pipe: IO[bytes], patience: float) -> bytes:
    """Return the next line, nothing where none comes within `patience` seconds or the child has ended."""
    return pipe.readline() if select.select([pipe], [], [], patience)[0] else b""


def _line_of_attack(child: subprocess.Popen[bytes]) -> bytes:
    """Return the next line, nothing where the child hangs or has ended."""
    assert child.stdout is not None
    begun, start = work_of(child.pid), time.monotonic()
    while not select.select([child.stdout], [], [], LOOK)[0]:
        if work_of(child.pid) - begun > MAX_WORK or time.monotonic() - start > PATIENCE:
            return b""
    return child.stdout.readline()


def work_of(process: int) -> float:
    """Return the seconds that a process has had the processor, in all its threads (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _death(child: subprocess.Popen[bytes], case: str, errors: int) -> Outcome:
    try:
        what = f"the process ended with exit code {child.wait(timeout=5)}"
    except subprocess.TimeoutExpired:
        what = "it hangs"
    told = os.pread(errors, 4000, max(0, os.fstat(errors).st_size - 4000)).decode(errors="backslashreplace")
    return Outcome(case, None, f"{what}; {told}")
