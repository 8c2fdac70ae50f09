"""Which engines the benchmarks measure."""

import pytest

from benchmarks.measure import engines_here
from runtimes import processor

ENGINES = ("PyTorch", "Keras float32", "Keras bfloat16")


@pytest.mark.parametrize(
    ("flags", "backend", "count"),
    [("avx2", "tensorflow", 2), ("avx2", None, 2), ("avx2 avx512_bf16", "tensorflow", 3), ("avx2", "jax", 3)],
)
def test_bfloat16_is_measured_where_there_are_instructions(flags, backend, count, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n")
    monkeypatch.setattr(processor, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    if backend is not None:
        monkeypatch.setenv("KERAS_BACKEND", backend)
    assert engines_here(ENGINES) == list(ENGINES[:count])
