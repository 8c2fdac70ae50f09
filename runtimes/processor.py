"""What the processor can do, and the quickest ways of TensorFlow on it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
# Of AVX-512: where TensorFlow computes by oneDNN without being asked to.
NEURAL = {"avx512_vnni", "avx512_bf16"}


def cpu_flags() -> set[str]:
    """Return the names of the processor's instruction sets; none where the system does not tell (Linux on x86 does)."""
    try:
        lines = CPU_INFO.read_text(errors="replace").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.partition(":")[2].split()}


def ask_for_quick_kernels(precision: str = "float32") -> None:
    """Let TensorFlow, if it is not there yet, compute by oneDNN where the processor has AVX2.

    By itself it does so on processors with AVX-512's instructions for neural networks; there nothing is asked for, and
    constant kernels are no quicker and take 40 MB. With AVX2 a generator takes 0.6 of the time, a descriptor 0.7, where
    their kernels are constants (layers.ConstantConv2D). There oneDNN has no bfloat16, and says so as an error. Child
    processes inherit the choice, and compute the same numbers.

    Args:
        precision: in which the program will compute: "float32", "bfloat16" or "auto".
    """
    if "tensorflow" in sys.modules or precision == "bfloat16":
        return
    flags = cpu_flags()
    if "avx2" in flags and not flags & NEURAL:
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
