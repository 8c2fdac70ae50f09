"""Every reference network gives Caffe's numbers after conversion, saving and loading."""

import keras
import numpy as np
import pytest
from caffe_cases import CASES, SHIPPED_CASES, compute, nhwc

from convert.caffe.conversion import convert_caffe
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
