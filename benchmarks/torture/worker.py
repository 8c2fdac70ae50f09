"""A process that carries out attacks of one kind and tells of each in a line of JSON, after an empty one.

Usage: python -m benchmarks.torture.worker KIND FOLDER SEED FIRST LAST
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from traceback import format_exc

from benchmarks.torture.kinds import KINDS
from benchmarks.torture.outcomes import MAX_MEGABYTES, Outcome
from pipelines.startup import quiet_startup


def main(kind: str, folder: str, seed: str, first: str, last: str) -> int:
    """Carry out the attacks `first` to `last` (exclusive) of a kind."""
    told = os.fdopen(os.dup(1), "w")
    with quiet_startup():
        import keras
    maker = KINDS[kind].make(Path(folder), int(seed))
    print(json.dumps({}), file=told, flush=True)  # ready
    session = KINDS[kind].session
    for number in range(int(first), int(last)):
        if session is not None and number % session == 0:
            keras.utils.clear_session()
        outcome = carry_out(*maker.attack(number), KINDS[kind].max_megabytes)
        print(json.dumps(vars(outcome)), file=told, flush=True)
    return 0


def carry_out(case: str, attack: Callable[[], int], max_megabytes: float = MAX_MEGABYTES) -> Outcome:
    """Return what became of one attack, which may take a process to `max_megabytes`."""
    forget_peak()
    with output_to_file() as lines:
        start = time.process_time()
        try:
            code: int | None = attack()
        except BaseException:  # whatever a script lets through
            code = None
            os.write(2, format_exc().encode("utf-8", "backslashreplace"))
        seconds = time.process_time() - start
    return Outcome(case, code, lines[0], seconds, peak_megabytes(), max_megabytes)


@contextmanager
def output_to_file() -> Iterator[list[str]]:
    """Hold back what goes to standard output and error; in the end the list has what went to standard error."""
    lines: list[str] = []
    with tempfile.TemporaryFile() as nothing, tempfile.TemporaryFile() as file:
        saved = [(number, os.dup(number)) for number in (1, 2)]
        os.dup2(nothing.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in saved:
                os.dup2(copy, number)
                os.close(copy)
            file.seek(0)
            lines.append(file.read().decode("utf-8", "backslashreplace"))


def forget_peak() -> None:
    """Let the kernel measure the largest memory anew (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_megabytes() -> float:
    """Return the largest resident memory since `forget_peak`."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
