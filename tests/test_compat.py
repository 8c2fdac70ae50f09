"""Private interfaces of libraries: those of the versions named here, and what each is taken for."""

import keras
import pytest
import tensorflow as tf
from support.small_models import inverting_model

from compat import deferred_variables, flatten_layers, run_through, tflite_flatbuffers, tflite_schema


def test_versions_known_to_have_them():
    """A new version of a library that fails below needs another way to the same thing in compat.py."""
    assert (3, 12) <= tuple(int(part) for part in keras.__version__.split(".")[:2]) < (4, 0)
    assert (2, 20) <= tuple(int(part) for part in tf.__version__.split(".")[:2]) < (3, 0)


def test_layers_of_models_within_models():
    inner = inverting_model()
    outer = keras.Sequential([keras.Input((None, None, 3)), inner, keras.layers.ReLU()])
    kinds = [type(layer).__name__ for layer in flatten_layers(outer)]
    assert kinds.count("Conv2D") == 1
    assert kinds.count("ReLU") == 1
    assert outer not in flatten_layers(outer)


def test_litert_files():
    model = inverting_model()
    graph = tf.function(model, input_signature=[tf.TensorSpec((1, 4, 4, 3))]).get_concrete_function()
    content = tf.lite.TFLiteConverter.from_concrete_functions([graph], model).convert()
    flat = tflite_flatbuffers().read_model_from_bytearray(bytearray(content))
    assert isinstance(flat, tflite_schema().ModelT)
    codes = [code.builtinCode for code in flat.operatorCodes]
    assert tflite_schema().BuiltinOperator.CONV_2D in codes


def test_deferred_variables_have_shapes_and_take_no_memory_after_an_error():
    def refuse_four_million_gigabytes():
        with deferred_variables() as variables:
            keras.layers.Dense(10**9).build((None, 10**6))
            raise InterruptedError(variables[0].shape)

    with pytest.raises(InterruptedError, match=r"\(1000000, 1000000000\)"):
        refuse_four_million_gigabytes()
    with deferred_variables() as variables:
        layer = keras.layers.Dense(2)
        layer.build((None, 3))
    assert variables == layer.weights
    assert keras.ops.convert_to_numpy(layer(keras.ops.ones((1, 3)))).shape == (1, 2)


def test_a_graph_is_followed_into_the_models_in_it():
    inner = inverting_model()
    outer = keras.Sequential([keras.Input((None, None, 3)), inner, keras.layers.ReLU()])
    names = []

    def call_of(operation):
        names.append(type(operation).__name__)
        return operation.compute_output_spec

    run_through(outer, [keras.KerasTensor((1, 8, 8, 3))], call_of)
    assert [name for name in names if name != "InputLayer"] == ["Conv2D", "ReLU"]
