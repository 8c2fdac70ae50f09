"""Caffemodels of every format give the same numbers, without copies."""

import contextlib

import numpy as np
import pytest
from support.caffe_cases import SHIPPED_CASES
from support.caffe_writer import caffemodel, packed_caffemodel, tagged

from convert.caffe.file.caffemodel import parse_caffemodel
from convert.caffe.file.model_file import read_caffemodel
from convert.wire import WireError
from errors import UserError

WEIGHTS = {
    "c1": [np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2), np.array([0.5, -0.5], np.float32)],
    "é/fc": [np.linspace(-1, 1, 10, dtype=np.float32).reshape(2, 5)],
    "none": [],
    "scalar": [np.float32(0.25)],
}


def read(data, folder):
    path = folder / "network.caffemodel"
    path.write_bytes(data)
    return read_caffemodel(path)


@pytest.mark.parametrize("form", ["V0", "V1", "new"])
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("double", [False, True])
def test_every_format_is_read(form, legacy, double, tmp_path):
    layers = read(caffemodel(WEIGHTS, form=form, legacy=legacy, double=double), tmp_path)
    assert [layer.name for layer in layers] == list(WEIGHTS)
    for layer, arrays in zip(layers, WEIGHTS.values(), strict=True):
        for blob, array in zip(layer.blobs, arrays, strict=True):
            assert blob.dims == ((1,) * (4 - array.ndim) + array.shape if legacy else array.shape)
            np.testing.assert_array_equal(blob.array(array.shape), array)


def test_packed_numbers_are_views_of_the_file(tmp_path):
    layers = read(packed_caffemodel(WEIGHTS), tmp_path)
    for layer, arrays in zip(layers, WEIGHTS.values(), strict=True):
        for blob, array in zip(layer.blobs, arrays, strict=True):
            np.testing.assert_array_equal(blob.array(array.shape), array)
            assert not blob.values.flags.owndata
            assert not blob.values.flags.writeable
            assert np.shares_memory(blob.array(array.shape), blob.values)


def test_double_data_goes_before_data():
    both = tagged(5, np.float32([1, 2]).tobytes()) + tagged(8, np.float64([3, 4]).tobytes()) + tagged(7, b"\x08\x02")
    layers = parse_caffemodel(memoryview(tagged(100, tagged(1, b"x") + tagged(7, both))))
    np.testing.assert_array_equal(layers[0].blobs[0].array((2,)), [3, 4])


def test_numbers_in_several_pieces_are_joined():
    pieces = tagged(5, np.float32([1, 2]).tobytes()) + b"\x2d" + np.float32(3).tobytes()
    layers = parse_caffemodel(memoryview(tagged(100, tagged(7, pieces + tagged(7, tagged(1, b"\x03"))))))
    np.testing.assert_array_equal(layers[0].blobs[0].array((3,)), [1, 2, 3])


def test_diffs_and_unknown_fields_are_passed_over():
    blob = tagged(6, np.float32([9]).tobytes()) + tagged(5, np.float32([1]).tobytes()) + tagged(77, b"?")
    layers = parse_caffemodel(memoryview(tagged(55, b"new") + tagged(100, tagged(106, b"\x08\x01") + tagged(7, blob))))
    np.testing.assert_array_equal(layers[0].blobs[0].array(()), 1)


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ([3], "2 values, but its dims are 3"),
        ([-1, -2], "2 values, but its dims are -1 x -2"),
        ([2**40, 2**40], "2 values"),
        ([1] * 40 + [2], "2 values, but its dims are 1 x 1"),
        ([], "2 values, but its dims are none"),
        ([0], "2 values, but its dims are 0"),
    ],
)
def test_dims_must_fit_the_numbers(dims, message):
    shape = b"".join(b"\x08" + _varint(dim) for dim in dims)
    blob = tagged(5, np.float32([1, 2]).tobytes()) + tagged(7, shape)
    with pytest.raises(UserError, match=f"layer 'x', blob 0: holds {message}"):
        parse_caffemodel(memoryview(tagged(100, tagged(1, b"x") + tagged(7, blob))))


def _varint(value):
    value %= 2**64
    data = bytearray()
    while value >= 0x80:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, not a caffemodel"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "is a web page"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "the HDF5 file is damaged"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "is a Git LFS pointer"),
        (
            b'name: "net"\nlayer { name: "c1" }\n',
            "is a prototxt, not a caffemodel .did you swap `prototxt` and `input`",
        ),
        (bytes(1000), "zero bytes"),
        (b"\x0a\x03net", "it contains no layers"),
        (b"\x93\x27\x11" * 50, "damaged"),
    ],
)
def test_other_files_are_called_by_their_names(content, message, tmp_path):
    with pytest.raises(UserError, match=message):
        read(content, tmp_path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="no such caffemodel"):
        read_caffemodel(tmp_path / "none.caffemodel")


def test_every_cut_short_file_is_refused_or_ends_at_a_layer():
    case = next(case for case in SHIPPED_CASES if case.name == "format_layer_order")
    whole = case.caffemodel.read_bytes()
    layers = len(parse_caffemodel(memoryview(whole)))
    ends = []
    for length in range(1, len(whole)):
        with contextlib.suppress(WireError, UserError):
            assert len(parse_caffemodel(memoryview(whole[:length]))) < layers
            ends.append(length)
    assert len(ends) == layers - 1
