"""Memory: how much this process takes, what is refused because it cannot fit. The quicker precision."""

import subprocess
import sys

import pytest
from conftest import ROOT

from errors import ArgumentError
from runs.machine import check_memory, choose_precision, memory_of_machine
from runtimes import processor


def test_memory_is_this_process_s():
    # In a process of its own: what earlier tests freed may go back to the system at any moment.
    program = (
        "from runs.machine import memory_in_use\n"
        "before = memory_in_use()\n"
        "kept = bytearray(64 << 20)\n"
        "kept[::1024] = bytes(len(kept[::1024]))\n"
        "after = memory_in_use()\n"
        "print(after['now'] - before['now'], after['peak'] - after['now'])\n"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    grown, below_peak = map(int, run.stdout.split())
    assert grown == pytest.approx(64 << 20, rel=0.2)
    assert below_peak >= 0


def test_what_no_memory_holds_is_refused():
    check_memory(1000, "`end_scale` 5")
    assert memory_of_machine() > 1e8
    with pytest.raises(ArgumentError, match=r"`end_scale` 5000000 is too large: it needs 1,000,000,000\.0 GB"):
        check_memory(10**18, "`end_scale` 5000000")


@pytest.mark.parametrize(
    ("flags", "precision", "chosen", "note"),
    [
        ("avx2 avx512_bf16", "auto", "bfloat16", "faster on this processor (avx512_bf16)"),
        ("avx2 avx512_bf16", "bfloat16", "bfloat16", ""),
        ("avx2 avx512_bf16", "float32", "float32", ""),
        ("avx2", "auto", "float32", ""),
        ("avx2", "bfloat16", "bfloat16", "`precision` bfloat16: this processor has no instructions for it"),
        ("avx2", "float32", "float32", ""),
        (None, "auto", "float32", ""),
        (None, "bfloat16", "bfloat16", ""),
    ],
)
def test_precision_goes_by_the_processor_s_instructions(flags, precision, chosen, note, tmp_path, monkeypatch):
    """Where the system does not tell them, none is recommended against."""
    file = tmp_path / "cpuinfo"
    if flags is not None:
        file.write_text(f"processor\t: 0\nflags\t\t: fpu {flags}\n")
    monkeypatch.setattr(processor, "CPU_INFO", file)
    found, told = choose_precision(precision)
    assert found == chosen
    assert note in told
    assert bool(told) == bool(note)
