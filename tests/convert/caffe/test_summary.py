"""The table of layers, made without Keras."""

import subprocess
import sys

import pytest
from conftest import ROOT
from support.caffe_cases import SHIPPED_CASES
from support.caffe_writer import input_layer, write_network

from convert.caffe.summary import summarize
from errors import UserError


def test_table_holds_every_layer_with_shapes_and_parameters():
    case = next(case for case in SHIPPED_CASES if case.name == "v1_mini_alexnet")
    lines = summarize(case.prototxt, case.caffemodel).splitlines()
    conv2 = next(line for line in lines if " conv2 " in line).split("  ")
    assert [part.strip() for part in conv2 if part.strip()][1:3] == ["conv2", "Convolution"]
    assert "8 x 4 x 5 x 5, 1 x 1 x 1 x 8" in lines[lines.index("  ".join(conv2))]
    assert lines[-1] == "parameters: 4,710"
    assert summarize(case.prototxt).splitlines()[-1] == lines[-1]


def test_layers_that_cannot_be_understood_are_explained(tmp_path):
    prototxt = input_layer("x", (1, 3, 4, 4)) + (
        "layer { name: 'odd' type: 'Odd' bottom: 'x' top: 'a' } layer { name: 'r' type: 'ReLU' bottom: 'a' top: 'b' }"
        "layer { name: 'loss' type: 'EuclideanLoss' bottom: 'b' bottom: 'x' top: 'l' }"
    )
    text = summarize(*write_network(tmp_path, prototxt, {"old": [[1.0]]}))
    assert "layer 2 'odd' (Odd): unknown layer type 'Odd'" in text
    assert "left out, for training only: loss (EuclideanLoss)" in text
    assert "only in the caffemodel: old" in text
    assert [line.split()[-1] for line in text.splitlines() if " ReLU " in line] == ["?"]


def test_files_that_cannot_be_read_are_errors(tmp_path):
    with pytest.raises(UserError, match="no such prototxt"):
        summarize(tmp_path / "none.prototxt")


def test_no_keras_is_needed():
    case = SHIPPED_CASES[0]
    code = (
        "import sys; from convert.caffe.summary import summarize; "
        f"summarize({str(case.prototxt)!r}, {str(case.caffemodel)!r}); "
        "print([name for name in ('keras', 'tensorflow', 'torch', 'jax') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
