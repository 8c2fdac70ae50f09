"""Runs over many damaged files, each of which has to end in success or a clear error."""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

SECONDS_PER_FILE = 20


def run_many(count: int, write: Callable[[int], object], outcome: Callable[[], str]) -> dict[str, object]:
    """Write and try `count` files; return the outcomes, the time and the peak memory.

    What `outcome` raises passes through and leaves the file; one that takes more than SECONDS_PER_FILE kills the
    process.

    Args:
        count: of files.
        write: writes the damaged file, or files, of a number.
        outcome: tries what was written and returns "success" or "clear error"; raises what is neither.
    """
    outcomes: Counter[str] = Counter()
    slowest, start = 0.0, time.perf_counter()
    for number in range(count):
        write(number)
        began = time.perf_counter()
        signal.alarm(SECONDS_PER_FILE)
        outcomes[outcome()] += 1
        signal.alarm(0)
        slowest = max(slowest, time.perf_counter() - began)
    return {
        "outcomes": dict(outcomes),
        "seconds": round(time.perf_counter() - start, 1),
        "slowest_seconds": round(slowest, 3),
        "peak_megabytes": peak_megabytes(),
    }


def peak_megabytes() -> int:
    """Return the peak of this process; getrusage would give that of the process that started it, if larger."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024
