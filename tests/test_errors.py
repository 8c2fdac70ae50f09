"""Messages of libraries in one line."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from errors import MAX_LISTED, MAX_REASON, MAX_SHOWN, counted, one_line, unknown_name


def keras_error(shape):
    with pytest.raises(ValueError) as raised:
        keras.layers.Reshape((5, 7, 3))(np.zeros(shape, np.float32))
    return raised.value


def test_keras_is_quoted_with_the_layer_and_the_reason():
    told = one_line(keras_error((1, 4, 4, 3)))
    assert told.startswith("Reshape: The total size of the tensor must be unchanged.")
    assert "Arguments received" not in told


def test_a_layer_that_cannot_be_made_is_quoted_with_the_reason():
    config = {"class_name": "Conv2D", "module": "keras.layers", "config": {"filters": -1, "kernel_size": 3}}
    with pytest.raises(TypeError) as raised:
        keras.saving.deserialize_keras_object(config | {"registered_name": None})
    assert one_line(raised.value).startswith("Invalid value for argument 'filters'")


def test_the_place_in_a_graph_is_no_reason():
    """As TensorFlow tells it with and without the lines of the program."""
    reason = "Input to reshape is a tensor with 1800 values, but the requested shape has 72"
    node = "Detected at node network/Reshape defined at (most recent call last):\n"
    for place in (
        node + '  File "a.py", line 9, in <module>\n\n  File "b.py", line 2, in run\n\n',
        (node + "<stack traces unavailable>\n") * 2,
    ):
        text = f"Graph execution error:\n\n{place}{reason}\n\t [[{{{{node network/Reshape}}}}]] [Op:__inference_1]"
        assert one_line(RuntimeError(text)) == reason


def test_tensorflow_is_quoted_in_one_line():
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        tf.reshape(tf.zeros(4), (5, 7))
    assert "\n" not in one_line(raised.value)


def test_long_messages_are_cut_and_empty_ones_named():
    assert len(one_line(RuntimeError("word " * 1000))) <= MAX_REASON
    assert one_line(KeyError()) == "KeyError"


def test_counts_have_the_right_noun():
    assert [counted(count, "style") for count in (0, 1, 2000)] == ["0 styles", "1 style", "2,000 styles"]


def test_long_lists_of_names_are_cut():
    names = [f"name{number:02}" for number in range(MAX_LISTED)]
    assert unknown_name("thing", "x", names).endswith("name38, name39)")
    told = unknown_name("thing", "nam0", [*names, "other"])
    assert "did you mean 'name" in told
    assert told.endswith(f"(known: {', '.join(names[:MAX_SHOWN])}, and 33 more)")
