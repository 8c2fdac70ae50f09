"""The memory that a run may use: the option `memory`, or half of the free memory."""

from __future__ import annotations

import re

from errors import ArgumentError
from runs.machine import free_memory

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
MIN_MEMORY = 10**8


def parse_memory(memory: str | float | None) -> int | None:
    """Return bytes, of a number of them or of a text such as "4GB" (10^9 bytes each) or "500 MB"; None stays None.

    Raises:
        ArgumentError: it is something else, or less than 100 MB.
    """
    if memory is None:
        return None
    found = re.fullmatch(r"\s*(\d{1,20}(?:\.\d*)?)\s*([A-Za-z]*)\s*", str(memory))
    if found is None or found[2].upper() not in UNITS:
        raise ArgumentError(f"`memory` must be a size such as 4GB or 500MB, not {memory!r:.40}")
    size = int(float(found[1]) * UNITS[found[2].upper()])
    if size < MIN_MEMORY:
        raise ArgumentError(f"`memory` must be at least 100MB, not {memory!r:.40}")
    return size


def memory_bound(memory: int | None) -> int:
    """Return the bytes that the process may take: `memory`, or half of what is free."""
    return free_memory() // 2 if memory is None else memory
