"""What a run computes in where the user leaves it to the program."""

from __future__ import annotations

from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
# Instructions that multiply bfloat16 numbers. oneDNN's convolutions take about three quarters of float32's time with
# them; without them they convert to float32 and back, which is slower than float32.
BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


def choose_precision(precision: str) -> tuple[str, str]:
    """Return "float32" or "bfloat16", and a note where the program chose ("" where the user did).

    "auto" is bfloat16 on processors with instructions for it, which the system must tell (Linux on x86 does), and
    float32 elsewhere.
    """
    if precision != "auto":
        return precision, ""
    if flags := sorted(BFLOAT16_FLAGS & _cpu_flags()):
        return "bfloat16", f"computing in bfloat16, in which this processor ({flags[0]}) is faster; see `precision`"
    return "float32", ""


def _cpu_flags() -> set[str]:
    try:
        lines = CPU_INFO.read_text(errors="replace").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.partition(":")[2].split()}
