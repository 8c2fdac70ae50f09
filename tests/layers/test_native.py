"""The faster implementations of layers: TensorFlow's kernels are loaded under its backend only."""

import sys

import keras
import pytest

import layers


@pytest.mark.backends
def test_tensorflow_kernels_stay_out_under_other_backends():
    assert ("layers.tensorflow_kernels" in sys.modules) == (keras.backend.backend() == "tensorflow")
    assert (layers.native.kernels is None) == (keras.backend.backend() != "tensorflow")
