"""Which kernels TensorFlow is asked to use."""

import os
import sys

import pytest

from runtimes import processor
from runtimes.processor import ask_for_quick_kernels

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


@pytest.mark.parametrize(
    ("flags", "given", "precision", "wanted"),
    [
        ("avx avx2", None, "float32", "1"),
        ("avx2", "0", "float32", "0"),
        ("avx2 avx512f", None, "float32", "1"),
        ("avx2 avx512f avx512_vnni", None, "float32", None),
        ("avx", None, "float32", None),
        ("avx2", None, "bfloat16", None),
    ],
)
def test_onednn_computes_where_there_is_avx2(flags, given, precision, wanted, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n")
    monkeypatch.setattr(processor, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setenv(ONEDNN, given or "")
    if given is None:
        monkeypatch.delenv(ONEDNN)
    ask_for_quick_kernels(precision)
    assert os.environ.get(ONEDNN) == wanted
