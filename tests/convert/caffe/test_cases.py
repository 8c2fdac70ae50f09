"""Every reference network gives Caffe's numbers after conversion, saving and loading."""

import keras
import numpy as np
import pytest
from support.caffe_cases import CASES, SHIPPED_CASES, compute, nhwc
from support.caffe_writer import caffemodel, write_network

from convert.caffe.conversion import convert_caffe
from convert.caffe.file.model_file import read_caffemodel
from model.saving import load_model, save_model

TOLERANCE = 5e-5  # of the largest number of each blob


def check(case, folder):
    blobs = case.blobs()
    model = convert_caffe(case.prototxt, case.caffemodel, outputs=list(blobs)).model
    save_model(model, folder / "model.keras")
    outputs = compute(load_model(folder / "model.keras"), case.inputs(), list(blobs))
    assert set(outputs) == set(blobs)
    for name, expected in blobs.items():
        expected = nhwc(expected)
        assert outputs[name].shape == expected.shape
        assert np.abs(outputs[name] - expected).max() <= TOLERANCE * np.abs(expected).max(), name


@pytest.mark.backends
@pytest.mark.parametrize("case", CASES if keras.backend.backend() == "tensorflow" else SHIPPED_CASES, ids=str)
def test_network_gives_caffes_numbers(case, tmp_path):
    """All cases on tensorflow, those that ship on the other backends."""
    check(case, tmp_path)


def test_final_outputs_are_the_blobs_that_no_layer_reads(tmp_path):
    case = next(case for case in SHIPPED_CASES if case.name == "implicit_split")
    model = convert_caffe(case.prototxt, case.caffemodel).model
    outputs = compute(model, case.inputs(), ["a", "e", "p"])
    assert set(outputs) == {"a", "e", "p"}
    for name, value in outputs.items():
        np.testing.assert_allclose(value, nhwc(case.blobs()[name]), atol=1e-5)


# v1_mini_alexnet in the format V0, where padding was a layer of its own.
V0_LAYERS = """
    conv1 conv data conv1 num_output: 8 kernelsize: 5 stride: 2
    relu1 relu conv1 conv1
    norm1 lrn conv1 norm1 local_size: 5 alpha: 0.01 beta: 0.75
    pool1 pool norm1 pool1 pool: MAX kernelsize: 3 stride: 2
    pad2 padding pool1 pad2 pad: 2
    conv2 conv pad2 conv2 num_output: 8 kernelsize: 5 group: 2
    relu2 relu conv2 conv2
    conv3 conv pool1 conv3 num_output: 4 kernelsize: 1
    cat concat conv2,conv3 cat concat_dim: 1
    pool2 pool cat pool2 pool: AVE kernelsize: 3 stride: 2
    fc6 innerproduct pool2 fc6 num_output: 16
    relu6 relu fc6 fc6
    drop6 dropout fc6 fc6 dropout_ratio: 0.5
    fc7 innerproduct fc6 fc7 num_output: 10
    prob softmax fc7 prob
"""


def v0_layer(line):
    name, kind, bottoms, top, *parameters = line.split(maxsplit=4)
    wires = " ".join(f'bottom: "{bottom}"' for bottom in bottoms.split(","))
    return f'layers {{ layer {{ name: "{name}" type: "{kind}" {" ".join(parameters)} }} {wires} top: "{top}" }}\n'


def test_v0_files_give_caffes_numbers(tmp_path):
    case = next(case for case in SHIPPED_CASES if case.name == "v1_mini_alexnet")
    prototxt = 'input: "data" input_dim: [1, 3, 35, 35]\n' + "".join(map(v0_layer, V0_LAYERS.strip().splitlines()))
    weights = {
        layer.name: [blob.array(blob.dims) for blob in layer.blobs] for layer in read_caffemodel(case.caffemodel)
    }
    files = write_network(tmp_path, prototxt, caffemodel(weights, form="V0", legacy=True))
    outputs = compute(convert_caffe(*files, outputs=list(case.blobs())).model, case.inputs(), [])
    for name, expected in case.blobs().items():
        expected = nhwc(expected)
        assert np.abs(outputs[name] - expected).max() <= TOLERANCE * np.abs(expected).max(), name
