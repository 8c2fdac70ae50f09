"""Networks that people published give OpenCV's numbers, or those of the reference where OpenCV lacks a layer."""

import cv2
import keras
import numpy as np
import pytest

from convert.caffe.conversion import convert_caffe
from errors import UserError

TOLERANCE = 5e-5

# Name in fixtures/real/caffe -> (prototxt, caffemodel, shape of the input).
COMPARED = {
    "half": ("imistyrain_mtcnn/fast_det2", "imistyrain_mtcnn/fast_det2_half", (1, 3, 24, 24)),
    "ultraface": ("ultraface/slim-320", "ultraface/slim-320", (1, 3, 240, 320)),
    "wechat_sr": ("wechat_qrcode/sr", "wechat_qrcode/sr", (1, 1, 60, 44)),
}


@pytest.fixture(scope="module")
def folder(shared):
    return shared / "fixtures" / "real" / "caffe"


def agree(conversion, network, shape, tolerance=TOLERANCE):
    picture = np.random.default_rng(7).random(shape, dtype=np.float32)
    names = list(conversion.part.outputs)
    network.setInput(picture)
    expected = dict(zip(names, network.forward(names), strict=True))
    found = conversion.model(picture.transpose(0, 2, 3, 1))
    found = found if isinstance(found, dict) else {names[0]: found}
    for name, value in expected.items():
        array = keras.ops.convert_to_numpy(found[name])
        array = array.transpose(0, 3, 1, 2) if array.ndim == 4 else array
        assert np.abs(array.reshape(value.shape) - value).max() <= tolerance * np.abs(value).max(), name


@pytest.mark.parametrize("name", COMPARED)
def test_network_gives_opencvs_numbers(name, folder):
    prototxt, model, shape = COMPARED[name]
    files = str(folder / f"{prototxt}.prototxt"), str(folder / f"{model}.caffemodel")
    agree(convert_caffe(*files), cv2.dnn.readNetFromCaffe(*files), shape)


def test_depthwise_convolutions_give_opencvs_numbers(folder, tmp_path):
    """OpenCV 4.11 takes the layer by the name of the ordinary one."""
    name = "mobilenet_yolov3_lite_deploy"
    prototxt = folder / "mobilenet_yolo_tusimple" / f"{name}.prototxt"
    model = prototxt.with_name(f"{name}_iter_50000.caffemodel")
    rewritten = tmp_path / "rewritten.prototxt"
    rewritten.write_text(prototxt.read_text().replace('"DepthwiseConvolution"', '"Convolution"'))
    network = cv2.dnn.readNetFromCaffe(str(rewritten), str(model))
    agree(convert_caffe(prototxt, model), network, (1, 3, 96, 128))


def test_enlargement_by_repetition_gives_opencvs_numbers(folder, tmp_path):
    """OpenCV 4.11 has no Upsample: the two branches end before it, and the third goes on from the enlarged blob."""
    prototxt = folder / "mobilenet_yolo" / "yoloface-500k-v2.prototxt"
    model = prototxt.with_suffix(".caffemodel")
    conversion = convert_caffe(prototxt, model, outputs=["layer71-conv", "layer74-upsample"])
    cut = tmp_path / "cut.prototxt"
    text = prototxt.read_text()
    cut.write_text(text[: text.rindex("layer {", 0, text.index('"Upsample"'))])
    network = cv2.dnn.readNetFromCaffe(str(cut), str(model))
    picture = np.random.default_rng(7).random((1, 3, 64, 96), dtype=np.float32)
    network.setInput(picture)
    source = next(node for node in conversion.part.nodes if node.layer.type == "Upsample").layer.bottom[0]
    last, small = network.forward(["layer71-conv", source])
    found = conversion.model(picture.transpose(0, 2, 3, 1))
    for name, value in {"layer71-conv": last, "layer74-upsample": small.repeat(2, 2).repeat(2, 3)}.items():
        array = keras.ops.convert_to_numpy(found[name]).transpose(0, 3, 1, 2)
        assert np.abs(array - value).max() <= TOLERANCE * np.abs(value).max(), name


def test_detector_finds_opencvs_boxes(folder):
    files = folder / "wechat_qrcode" / "detect.prototxt", folder / "wechat_qrcode" / "detect.caffemodel"
    model = convert_caffe(*files).model
    network = cv2.dnn.readNetFromCaffe(*map(str, files))
    for seed, size in enumerate([(384, 384), (300, 200)]):
        picture = np.random.default_rng(seed).random((1, 1, *size), dtype=np.float32)
        network.setInput(picture)
        expected = network.forward().reshape(-1, 7)
        found = keras.ops.convert_to_numpy(model(picture.transpose(0, 2, 3, 1))).reshape(-1, 7)
        expected = expected[expected[:, 2] > 0]
        assert len(expected)
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_hdf5_snapshot_and_train_test_prototxt(folder):
    """The snapshot computes what the same numbers in a caffemodel compute; their size is that of CIFAR's pictures."""
    prototxt = folder / "arm" / "cifar10_m4_train_test.prototxt"
    model = folder / "arm" / "cifar10_m4_iter_70000.caffemodel.h5"
    with pytest.raises(UserError, match=r"'data' .Data.: reads files whose size .* as `input_shape`"):
        convert_caffe(prototxt, model)
    conversion = convert_caffe(prototxt, model, input_shape=[(3, 32, 32)])
    assert conversion.part.outputs == ("ip1",)
    assert [node.layer.name for node in conversion.network.left_out] == ["accuracy", "loss"]
    text = prototxt.read_text()
    body = text[text.index('layer {\n  name: "conv1"') : text.index('layer {\n  name: "accuracy"')]
    plain = "input: 'data' input_dim: [1, 3, 32, 32]\n" + body
    network = cv2.dnn.readNetFromCaffe(np.frombuffer(plain.encode(), np.uint8), np.frombuffer(written(model), np.uint8))
    agree(conversion, network, (1, 3, 32, 32))


def written(path):
    """Return the numbers of an HDF5 snapshot as a caffemodel."""
    import h5py
    from support.caffe_writer import packed_caffemodel

    with h5py.File(path) as file:
        layers = {name: [group[str(index)][()] for index in range(len(group))] for name, group in file["data"].items()}
    return packed_caffemodel({name: arrays for name, arrays in layers.items() if arrays})


@pytest.mark.parametrize("name", ["upresnet10_scale2x", "vgg7_art_y_noise3"])
def test_waifu2x_networks_convert(name, folder):
    files = folder / "waifu2x" / f"{name}.prototxt", folder / "waifu2x" / f"{name}.caffemodel"
    model = convert_caffe(*files).model
    names = [operation.name for operation in model.operations]
    assert len(set(names)) == len(names)
