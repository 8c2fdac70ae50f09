"""Names of VGG-19's layers: the papers', Keras' and positions."""

import keras
import pytest

from errors import ArgumentError
from model.layer_names import KERAS_NAMES, LAYER_NAMES, keras_name, resolve_layer, resolve_layers


def test_keras_names_are_those_of_keras_in_its_order():
    model = keras.applications.VGG19(weights=None, include_top=False)
    assert list(KERAS_NAMES) == [layer.name for layer in model.layers[1:]]


def test_layers_run_from_the_picture_upwards():
    assert len(LAYER_NAMES) == 37
    assert LAYER_NAMES[:6] == ("conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1")
    assert LAYER_NAMES[-3:] == ("conv5_4", "relu5_4", "pool5")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("conv1_1", "conv1_1"),
        ("relu1_1", "relu1_1"),
        ("pool3", "pool3"),
        (0, "relu1_1"),
        (2, "pool1"),
        (7, "relu3_2"),
        ("7", "relu3_2"),
        (20, "pool5"),
        ("block1_conv1", "relu1_1"),
        ("block1_pool", "pool1"),
        ("block5_conv4", "relu5_4"),
    ],
)
def test_every_kind_of_name_is_resolved(name, expected):
    assert resolve_layer(name) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("relu3_5", "unknown layer 'relu3_5'; did you mean 'relu3_"),
        ("conv_4_1", "did you mean 'conv4_1'"),
        ("block3_conv5", "did you mean 'block3_conv"),
        (21, "layer position 21 is not among 0 (relu1_1) to 20 (pool5)"),
        ("-1", "layer position -1"),
        ("", "unknown layer ''"),
        ("9" * 5000, "unknown layer '999"),  # more digits than int() reads
    ],
)
def test_unknown_layers_are_named_with_what_is_near(name, message):
    with pytest.raises(ArgumentError) as error:
        resolve_layer(name)
    assert message in str(error.value)


def test_layers_keep_their_order_and_must_be_some():
    assert resolve_layers(["pool2", 0]) == ["pool2", "relu1_1"]
    with pytest.raises(ArgumentError, match="no layer"):
        resolve_layers([])


def test_convolutions_have_a_keras_name():
    convolutions = [name for name in LAYER_NAMES if name.startswith("conv")]
    assert [keras_name(name) for name in convolutions] == [name for name in KERAS_NAMES if "conv" in name]
