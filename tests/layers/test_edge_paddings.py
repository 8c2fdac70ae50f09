"""The forms of the padding argument, and paddings wider than the picture."""

import keras
import numpy as np
import pytest

import layers

pytestmark = pytest.mark.backends
PADDINGS = [layers.ReplicationPadding2D, layers.ReflectionPadding2D, layers.CircularPadding2D]
TOO_WIDE = [(layers.ReflectionPadding2D, 4, 5), (layers.CircularPadding2D, 5, 5)]


def picture(height, width):
    return np.random.default_rng(0).normal(size=(1, height, width, 2)).astype("float32")


@pytest.mark.parametrize("layer", PADDINGS)
def test_argument_has_the_forms_of_zero_padding(layer):
    for padding in (2, (1, 2), ((1, 2), (3, 0))):
        assert layer(padding).padding == keras.layers.ZeroPadding2D(padding).padding


@pytest.mark.parametrize("layer", PADDINGS)
@pytest.mark.parametrize("padding", [-1, (1,), (1, 2, 3), ((1, -2), (0, 0)), ((1, 2, 3), (0, 0)), 1.5, "same"])
def test_argument_of_another_form_is_refused(layer, padding):
    with pytest.raises(ValueError, match="padding must be"):
        layer(padding)


def test_replication_repeats_the_edge_pixel():
    padded = layers.ReplicationPadding2D(((2, 0), (0, 3)))(picture(1, 1))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(padded), np.tile(picture(1, 1), (1, 3, 4, 1)))


@pytest.mark.parametrize("layer", PADDINGS)
def test_no_padding_returns_the_picture(layer):
    x = picture(3, 4)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(0)(x)), x)


@pytest.mark.parametrize(("layer", "smallest", "width"), [(c, s, w) for c, w, s in TOO_WIDE])
def test_widest_padding(layer, smallest, width):
    assert layer(width)(picture(smallest, smallest)).shape == (1, smallest + 2 * width, smallest + 2 * width, 2)


@pytest.mark.parametrize(("layer", "smallest", "width"), [(c, s, w) for c, w, s in TOO_WIDE])
@pytest.mark.parametrize("axis", ["height", "width"])
def test_wider_padding_is_refused(layer, smallest, width, axis):
    sizes = (smallest - 1, smallest) if axis == "height" else (smallest, smallest - 1)
    message = f"needs a {axis} of at least {smallest}, not {smallest - 1}"
    padding = layer(((0, width), (width, 0)), name="pad")
    with pytest.raises(ValueError, match=message):
        padding(picture(*sizes))
    with pytest.raises(ValueError, match=message):
        padding.compute_output_shape((None, *sizes, None))
    with pytest.raises(ValueError, match=message):
        padding(keras.Input((*sizes, 3)))


@pytest.mark.parametrize(("layer", "smallest", "width"), [(c, s, w) for c, w, s in TOO_WIDE])
def test_model_for_any_size_refuses_a_small_picture(layer, smallest, width):
    inputs = keras.Input((None, None, 2))
    model = keras.Model(inputs, layer(width)(inputs))
    with pytest.raises(ValueError, match=f"at least {smallest}"):
        model(picture(smallest - 1, 20))
