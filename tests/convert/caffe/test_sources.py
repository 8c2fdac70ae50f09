"""Networks that read files get inputs; models in other forms; layers whose names Keras uses itself."""

import h5py
import numpy as np
import pytest
from support.caffe_cases import SHIPPED_CASES
from support.caffe_writer import packed_caffemodel, tagged, write_network

from convert.caffe.conversion import convert_caffe
from convert.caffe.file.model_file import read_caffemodel
from errors import ArgumentError, UserError

DATA = 'layer { name: "data" type: "%s" top: "data" top: "label" %s }\n'
REST = """layer { name: "add" type: "Power" bottom: "data" top: "add" power_param { scale: 2 shift: 1 } }
layer { name: "multiply" type: "Power" bottom: "add" top: "out" power_param { scale: 3 } }
layer { name: "loss" type: "CenterLoss" bottom: "out" bottom: "label" top: "loss" }"""


def convert(kind, text, folder, rest=REST, **options):
    return convert_caffe(*write_network(folder, DATA % (kind, text) + rest, {}), **options)


@pytest.mark.parametrize(
    ("kind", "text", "channels"),
    [
        ("Data", "transform_param { crop_size: 20 }", 3),
        ("Data", "transform_param { crop_size: 20 force_gray: true }", 1),
        ("ImageData", "image_data_param { new_height: 20 new_width: 24 is_color: false }", 1),
        ("WindowData", "window_data_param { crop_size: 20 }", 3),
        ("ImageSegData", "transform_param { crop_size: 20 } image_data_param { label_type: NONE }", 3),
        ("AnnotatedData", "transform_param { crop_size: 20 } annotated_data_param { label_map_file: 'x' }", 3),
    ],
)
def test_sizes_come_from_the_prototxt(kind, text, channels, tmp_path):
    conversion = convert(kind, text, tmp_path)
    assert conversion.model.inputs[0].shape == (None, None, None, channels)
    assert [node.layer.type for node in conversion.network.left_out] == ["CenterLoss"]
    x = np.random.default_rng(0).random((1, 5, 6, channels), dtype=np.float32)
    np.testing.assert_allclose(conversion.model(x), (2 * x + 1) * 3, rtol=1e-6)


def test_given_sizes_count(tmp_path):
    assert convert("HDF5Data", "", tmp_path, input_shape=[(5, None, None)]).model.inputs[0].shape[3] == 5
    product = 'layer { name: "ip" type: "Flatten" bottom: "data" top: "flat" }'
    cut = 'layer { name: "s" type: "Slice" bottom: "data" top: "a" top: "b" slice_param { axis: 2 } }' + product
    conversion = convert("Data", "", tmp_path, cut, input_shape=[(3, 8, 8)])
    assert conversion.model.inputs[0].shape[1:] == (8, 8, 3)
    with pytest.raises(UserError, match="the network needs its height and width"):
        convert("Data", "", tmp_path, cut, input_shape=[(3, None, None)])
    with pytest.raises(ArgumentError, match="gives 2 shapes for the 1 inputs data"):
        convert("Data", "", tmp_path, input_shape=[(3, 8, 8), (3, 8, 8)])


def test_scores_that_are_written_to_files_are_outputs(tmp_path):
    rest = 'layer { name: "mat" type: "MatWrite" bottom: "data" mat_write_param { prefix: "x" } }'
    rest = 'layer { name: "e" type: "AbsVal" bottom: "data" top: "out" }' + rest.replace('"data"', '"out"')
    assert convert("ImageSegData", "transform_param { crop_size: 8 }", tmp_path, rest).part.outputs == ("out",)


@pytest.mark.parametrize("kind", ["Data", "DenseImageData", "HDF5Data"])
def test_unknown_sizes_are_asked_for(kind, tmp_path):
    with pytest.raises(UserError, match=rf"'data' .{kind}.: reads files .* as `input_shape`, such as 3x224x224"):
        convert(kind, "", tmp_path)


def test_sources_of_unknown_types_need_a_size(tmp_path):
    with pytest.raises(UserError, match=r"'data' .RandVec.: unknown layer type .* size as `input_shape`"):
        convert("RandVec", "randvec_param { dim: 128 }", tmp_path)
    assert convert("RandVec", "randvec_param { dim: 128 }", tmp_path, input_shape=[(128,)]).model.input_shape[1:] == (
        128,
    )


TANH = 'layer { name: "t" type: "TanH" bottom: "data" top: "t" }'


def test_layers_of_unknown_types_are_cut_off(tmp_path):
    rest = TANH + 'layer { name: "p" type: "Python" bottom: "t" bottom: "t" bottom: "label" top: "y" }'
    with pytest.raises(UserError, match=r"unknown layer type 'Python'.*; cut .* before it with `outputs` t,label$"):
        convert("RandVec", "", tmp_path, rest, input_shape=[(128,)])


def test_nothing_is_cut_off_at_the_inputs(tmp_path):
    rest = 'layer { name: "p" type: "Python" bottom: "data" bottom: "label" top: "y" }'
    with pytest.raises(UserError, match=r"unknown layer type 'Python'.*; no other layer stands before it"):
        convert("RandVec", "", tmp_path, rest, input_shape=[(128,)])


def test_yolos_selection_is_named(tmp_path):
    rest = TANH + 'layer { name: "y" type: "Yolov3DetectionOutput" bottom: "t" top: "y" }'
    with pytest.raises(UserError, match=r"box selection of YOLO .* cut the network off before it with `outputs` t"):
        convert("Data", "transform_param { crop_size: 8 }", tmp_path, rest)


@pytest.fixture
def case():
    return next(case for case in SHIPPED_CASES if case.name == "conv_group")


def arrays(layers):
    return {layer.name: [blob.array(blob.dims) for blob in layer.blobs] for layer in layers if layer.blobs}


def assert_same(found, expected, **tolerance):
    assert found.keys() == expected.keys()
    for name, blobs in expected.items():
        for one, other in zip(found[name], blobs, strict=True):
            np.testing.assert_allclose(one, other, **tolerance)


def test_hdf5_models_are_read(case, tmp_path):
    expected = {f"a/{name}": blobs for name, blobs in arrays(read_caffemodel(case.caffemodel)).items()}
    with h5py.File(tmp_path / "model.caffemodel.h5", "w") as file:
        for name, blobs in expected.items():
            for index, blob in enumerate(blobs):
                file[f"data/{name}/{index}"] = blob
    assert_same(arrays(read_caffemodel(tmp_path / "model.caffemodel.h5")), expected)


def test_hdf5_models_of_another_build_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["weights/c/0"] = np.zeros(3)
    with pytest.raises(UserError, match=r"a\.h5: .*no group 'data'"):
        read_caffemodel(tmp_path / "a.h5")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["data/c/0"] = h5py.ExternalLink("a.h5", "weights/c/0")
    with pytest.raises(UserError, match=r"b\.h5: .*external link"):
        read_caffemodel(tmp_path / "b.h5")


def test_half_precision_blobs_are_read(tmp_path):
    values = np.array([[1.5, -2.25], [0.125, 65504]], np.float16)
    shape = tagged(7, tagged(1, bytes([2, 2])))
    blob = shape + bytes([10 << 3, 2]) + tagged(12, values.astype("<f2").tobytes())
    layer = tagged(1, b"c") + tagged(7, blob)
    (tmp_path / "half.caffemodel").write_bytes(tagged(1, b"net") + tagged(100, layer))
    assert_same(arrays(read_caffemodel(tmp_path / "half.caffemodel")), {"c": [values.astype(np.float32)]}, rtol=0)


@pytest.mark.parametrize(
    ("value", "told"),
    [(np.nan, "contains NaN"), (np.inf, "contains infinite values"), (1e11, r"contains 1e\+11, beyond 1e\+10")],
)
def test_weights_of_no_training_are_refused(value, told, case, tmp_path):
    weights = arrays(read_caffemodel(case.caffemodel))
    weights["conv"][0] = np.full_like(weights["conv"][0], value)
    (tmp_path / "bad.caffemodel").write_bytes(packed_caffemodel(weights))
    with pytest.raises(UserError, match=rf"'conv' .Convolution.: blob 0 {told}"):
        convert_caffe(case.prototxt, tmp_path / "bad.caffemodel")
