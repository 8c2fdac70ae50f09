"""How much memory this process takes, how much there is, and what cannot fit."""

from __future__ import annotations

import os
import re
from pathlib import Path

from errors import ArgumentError

STATUS = Path("/proc/self/status")
# What a container may use.
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_in_use() -> dict[str, int] | None:
    """Return this process's resident memory in bytes, "now" and at its "peak"; None where the system has no /proc."""
    try:
        status = STATUS.read_text()
    except OSError:
        return None
    kilobytes = {name: int(value) for name, value in re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status, re.MULTILINE)}
    return {"now": kilobytes["VmRSS"] * 1024, "peak": kilobytes["VmHWM"] * 1024}


def memory_of_machine() -> int | None:
    """Return the bytes of memory that this machine or container has; None where the system does not tell."""
    sizes = []
    if hasattr(os, "sysconf") and {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= os.sysconf_names.keys():
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in LIMITS:
        try:
            sizes.append(int(path.read_text()))
        except (OSError, ValueError):
            continue
    return min(sizes, default=None)


def check_memory(needed: int, what: str) -> None:
    """Refuse what cannot fit into this machine's memory.

    Args:
        needed: bytes, at least.
        what: asks for them, as the message calls it.

    Raises:
        ArgumentError: there is less.
    """
    available = memory_of_machine()
    if available is not None and needed > available:
        raise ArgumentError(
            f"{what} is too large: it needs {needed / 1e9:,.0f} GB of memory or more, this machine has "
            f"{available / 1e9:,.0f} GB"
        )
