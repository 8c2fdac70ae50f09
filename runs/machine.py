"""Properties of this machine: free memory, the faster precision, versions of packages."""

from __future__ import annotations

import ctypes
import math
import os
import platform
import re
from contextlib import suppress
from pathlib import Path

from errors import ArgumentError
from runtimes.processor import cpu_flags

STATUS = Path("/proc/self/status")
MEMORY_INFO = Path("/proc/meminfo")
# M_MMAP_THRESHOLD of mallopt(3): larger blocks are pages of their own.
MMAP_THRESHOLD = -3
# What a container may use.
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
PACKAGES = ("keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "numpy", "scipy", "pillow")
# Instructions that multiply bfloat16 numbers. oneDNN's convolutions take about three quarters of float32's time with
# them; without them a descriptor and its gradient take twenty times that of float32.
BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


def memory_in_use() -> dict[str, int] | None:
    """Return this process's resident memory in bytes, "now" and at its "peak"; None where the system has no /proc."""
    try:
        status = STATUS.read_text()
    except OSError:
        return None
    kilobytes = {name: int(value) for name, value in re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status, re.MULTILINE)}
    return {"now": kilobytes["VmRSS"] * 1024, "peak": kilobytes["VmHWM"] * 1024}


def anonymous_memory() -> int:
    """Return the bytes of this process's own memory, without pages of mapped files; 0 where there is no /proc."""
    try:
        found = re.search(r"^RssAnon:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def free_memory() -> int:
    """Return the bytes that new work can take without anything being swapped out.

    Where the system does not tell it is what the machine has, and 4 GB where it does not tell that either.
    """
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", MEMORY_INFO.read_text(), re.MULTILINE)
    except OSError:
        found = None
    limit = memory_of_machine() or 4 * 10**9
    return min(int(found[1]) * 1024, limit) if found else limit


def return_memory_at_once() -> None:
    """Let the C library give freed blocks of a megabyte and more back to the system at once, from now on.

    It would keep those of up to 32 MB for later, in pieces that do not fit the next ones, and a process would grow to
    twice what it uses. Other systems than Linux have no such switch.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(MMAP_THRESHOLD, 1 << 20)


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
            f"{what} is too large: it needs {gigabytes(needed)} of memory or more, this machine has "
            f"{gigabytes_of_limit(available)}"
        )


def gigabytes(needed: float) -> str:
    """Return bytes as text, rounded up: a run that is given as many as a message names is not refused."""
    return f"{math.ceil(needed / 1e8) / 10:,.1f} GB"


def gigabytes_of_limit(limit: float) -> str:
    """Return bytes of a limit as text, rounded down: it is less than what does not fit."""
    return f"{math.floor(limit / 1e8) / 10:,.1f} GB"


def choose_precision(precision: str) -> tuple[str, str]:
    """Return "float32" or "bfloat16", and a note where the program chose, or a choice is slow ("" elsewhere).

    "auto" is bfloat16 on processors with instructions for it, which the system must tell (Linux on x86 does), and
    float32 elsewhere.
    """
    if precision == "float32":
        return precision, ""
    known = cpu_flags()
    quick = sorted(BFLOAT16_FLAGS & known)
    if precision == "auto":
        if not quick:
            return "float32", ""
        return "bfloat16", f"computing in bfloat16, which is faster on this processor ({quick[0]}); see `precision`"
    missing = "`precision` bfloat16: this processor has no instructions for it; without a GPU it takes far longer"
    return precision, missing if known and not quick else ""


def versions() -> dict[str, str]:
    """Return the versions of Python and of the PACKAGES that are installed, and the kind of machine."""
    import importlib.metadata  # not needed for --help, and slow to load

    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
