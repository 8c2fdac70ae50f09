"""Damaged and mismatched files get an error that names what is wrong."""

import pytest
from support.caffe_cases import BAD

from convert.caffe.conversion import convert_caffe
from errors import UserError

# What the message must say, by the name of the files; None where they must convert.
EXPECTED = {
    "blob_data_short": "layer 'c2', blob 0: holds 211 values, but its dims are 6 x 4 x 3 x 3",
    "empty_prototxt": "empty_prototxt.prototxt is empty, not a prototxt",
    "group_mismatch": "'c2' .Convolution.: group 3 does not divide 4 input and 6 output channels",
    "html_model": "html_model.caffemodel is a web page",
    "missing_bottom": "'c2' .Convolution.: unknown bottom blob 'p9'",
    "model_extra_layer": None,
    "model_missing_bias": "'c2' .Convolution.: the caffemodel has 1 blobs for it, but the prototxt needs 2",
    "shape_mismatch_kernel": "'c2' .*: blob 0 of the caffemodel is 6 x 4 x 3 x 3; the prototxt needs 6 x 4 x 1 x 1",
    "swapped_files": "is a caffemodel, not a prototxt .did you swap `prototxt` and `input`",
    "syntax_error": "line 28, column 1: a layer inside a layer: is a closing brace missing",
    "truncated_model": "truncated_model.caffemodel: .* 1512 bytes announced at byte 1575, 483 left",
    "unknown_field": "line 26, column 54: unknown field of PoolingParameter 'frobnicate'",
    "unsupported_layer2": "'p1' .SpatialTransformer.: unknown layer type 'SpatialTransformer'",
}


def test_all_bad_files_are_here():
    assert {path.stem for path in BAD.glob("*.prototxt")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_bad_file_is_named(name):
    files = BAD / f"{name}.prototxt", BAD / f"{name}.caffemodel"
    if EXPECTED[name] is None:
        assert convert_caffe(*files).parameters.surplus == ("conv_extra",)
        return
    with pytest.raises(UserError, match=EXPECTED[name]):
        convert_caffe(*files)
