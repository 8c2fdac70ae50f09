"""How much memory this process takes."""

from __future__ import annotations

import re
from pathlib import Path

STATUS = Path("/proc/self/status")


def memory_in_use() -> dict[str, int] | None:
    """Return this process's resident memory in bytes, "now" and at its "peak"; None where the system has no /proc."""
    try:
        status = STATUS.read_text()
    except OSError:
        return None
    kilobytes = {name: int(value) for name, value in re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status, re.MULTILINE)}
    return {"now": kilobytes["VmRSS"] * 1024, "peak": kilobytes["VmHWM"] * 1024}
