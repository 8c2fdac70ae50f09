"""Convolutions with constant kernels, beside Keras' own with the same weights."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

from layers import ConstantConv2D, PackedConv2D, UpsampledConv2D


def built(layer, channels):
    layer.build((None, None, None, channels))
    layer.bias.assign(np.random.default_rng(1).normal(size=layer.bias.shape))
    return layer


@pytest.mark.parametrize("options", [{"strides": (2, 1)}, {"padding": "same"}, {"padding": "same", "strides": 2}])
@pytest.mark.parametrize("size", [(12, 16), (13, 17)])
def test_a_frozen_layer_has_the_numbers_of_the_usual_convolution(options, size):
    frozen = built(ConstantConv2D(6, (3, 2), activation="relu", **options), 5)
    usual = built(keras.layers.Conv2D(6, (3, 2), activation="relu", **options), 5)
    usual.set_weights(frozen.get_weights())
    frozen.freeze()
    x = np.random.default_rng(0).standard_normal((2, *size, 5)).astype(np.float32)
    assert_allclose(keras.ops.convert_to_numpy(frozen(x)), keras.ops.convert_to_numpy(usual(x)), atol=2e-6)


@pytest.mark.parametrize("size", [(8, 10), (9, 10)])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (PackedConv2D, {"filters": 3, "kernel_size": 5}),
        (PackedConv2D, {"filters": 3, "kernel_size": 5, "use_bias": False}),
        (UpsampledConv2D, {"filters": 4}),
    ],
)
def test_other_layers_keep_their_numbers(kind, options, size):
    layer = kind(**options)
    layer.build((None, None, None, 5))
    x = np.random.default_rng(0).standard_normal((2, *size, 5)).astype(np.float32)
    before = keras.ops.convert_to_numpy(layer(x))
    layer.freeze()
    layer.kernel.assign(2 * layer.kernel)
    assert_allclose(keras.ops.convert_to_numpy(layer(x)), before, atol=2e-6)


@pytest.mark.parametrize("options", [{"dilation_rate": 2}, {"groups": 2}])
def test_what_stays_a_variable(options):
    layer = built(ConstantConv2D(4, 3, **options), 4)
    with pytest.raises(ValueError, match="has dilation or groups"):
        layer.freeze()


COMPUTE = """
import sys
import numpy as np
from pipelines.startup import quiet_startup

with quiet_startup():
    import keras
    import tensorflow as tf
from layers import ConstantConv2D

tf.config.threading.set_inter_op_parallelism_threads(1)  # its choices are kept thread by thread
usual = keras.layers.Conv2D(64, 3, padding="same", kernel_initializer=keras.initializers.GlorotUniform(seed=1))
usual.build((None, None, None, 32))
constant = ConstantConv2D(64, 3, padding="same")
constant.build((None, None, None, 32))
constant.set_weights(usual.get_weights())
constant.freeze()
pictures = tf.constant(np.random.default_rng(0).normal(size=(1, 32, 32, 32)).astype("float32"))
layers = {"usual": usual, "constant": constant}
found = {name: tf.function(layers[name])(pictures).numpy() for name in sys.argv[2:]}
np.savez(sys.argv[1], **found)
"""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="about TensorFlow's memory of its choices")
def test_numbers_do_not_depend_on_what_was_computed_before(tmp_path):
    found = []
    for order in (("usual", "constant"), ("constant", "usual")):
        path = tmp_path / f"{order[0]}.npz"
        subprocess.run([sys.executable, "-c", COMPUTE, path, *order], check=True)
        found.append(np.load(path))
    for name in ("usual", "constant"):
        np.testing.assert_array_equal(found[0][name], found[1][name])
