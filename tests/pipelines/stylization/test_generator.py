"""The loaded network: what it refuses, what it computes, in which precision."""

import warnings

import keras
import numpy as np
import pytest
from support.small_models import convolutional_model, inverting_model

from errors import UserError
from images.errors import ImageWarning
from images.picture import Picture
from layers import ReflectionPadding2D, VGGPostprocessing, VGGPreprocessing
from model.saving import save_model
from pipelines.stylization.generator import Generator, stylize_picture
from pipelines.stylization.styles import load_styles

pytestmark = pytest.mark.backends


@pytest.fixture
def pixels():
    return np.random.default_rng(4).random((21, 34, 3)).astype(np.float32)


def test_a_known_network_on_pictures_of_mixed_sizes(pixels):
    generator = Generator(inverting_model())
    for content in (pixels, pixels[:5], pixels[:, :7], pixels[:1, :1]):
        stylized = generator(content)
        assert stylized.dtype == np.float32
        np.testing.assert_allclose(stylized, 1 - content, atol=1e-6)


def test_answers_are_clipped(pixels):
    image = keras.Input((None, None, 3))
    generator = Generator(keras.Model(image, image * 3 - 1))
    np.testing.assert_allclose(generator(pixels), np.clip(pixels * 3 - 1, 0, 1), atol=1e-6)


def test_another_range_is_told_once(pixels):
    generator = Generator(inverting_model(255))
    with pytest.warns(ImageWarning, match=r"the model returns values from .* to 25\d; they are clipped to \[0, 1\]"):
        generator(pixels)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ImageWarning)
        generator(pixels)


def wrapped_in_vgg_preprocessing():
    """Convolutions between the float32 layers of the image contract."""
    keras.utils.set_random_seed(2)
    image = keras.Input((None, None, 3))
    x = VGGPreprocessing()(image)
    x = keras.layers.Conv2D(16, 3, padding="same", activation="tanh")(x)
    x = keras.layers.Conv2D(3, 3, padding="same")(x)
    return keras.Model(image, VGGPostprocessing()(x))


@pytest.mark.parametrize("build", [convolutional_model, wrapped_in_vgg_preprocessing])
def test_bfloat16_of_a_model_saved_in_float32(tmp_path, pixels, build):
    model = build()
    save_model(model, tmp_path / "model.keras")
    exact = load_styles(tmp_path / "model.keras")(pixels)
    reference = np.clip(np.asarray(keras.ops.convert_to_numpy(model(pixels[None])))[0], 0, 1)
    np.testing.assert_allclose(exact, reference, atol=1e-5)
    rounded = load_styles(tmp_path / "model.keras", precision="bfloat16")(pixels)
    difference = np.abs(rounded - exact)
    assert 1e-5 < difference.max() < 0.03  # it is bfloat16, and no worse than that
    assert difference.mean() < 0.01


def test_bfloat16_leaves_weights_and_the_layers_around_the_network_in_float32():
    model = wrapped_in_vgg_preprocessing()
    Generator(model, precision="bfloat16")
    assert {weight.dtype for weight in model.weights} == {"float32"}
    for layer in model.layers[1:]:
        is_convolution = isinstance(layer, keras.layers.Conv2D)
        assert layer.compute_dtype == ("bfloat16" if is_convolution else "float32")


def test_float32_of_a_model_trained_in_mixed_precision(tmp_path, pixels):
    save_model(convolutional_model(dtype="mixed_bfloat16"), tmp_path / "model.keras")
    stylized = load_styles(tmp_path / "model.keras")(pixels)
    np.testing.assert_allclose(stylized, Generator(convolutional_model())(pixels), atol=1e-5)


def two_inputs():
    first, second = keras.Input((None, None, 3)), keras.Input((None, None, 3))
    return keras.Model([first, second], first + second)


def sequence_model():
    return keras.Sequential([keras.Input((10,)), keras.layers.Dense(3)])


def model_of(inputs, layer):
    image = keras.Input(inputs)
    return keras.Model(image, layer(image))


@pytest.mark.parametrize(("build", "message"), [
    (two_inputs, "takes .* and "),
    (sequence_model, "takes .*not RGB pictures"),
    (lambda: model_of((None, None, 1), keras.layers.Conv2D(3, 1)), "takes .*not RGB pictures"),
    (lambda: model_of((None, None, 3), keras.layers.Conv2D(4, 1)), "returns .*not RGB pictures"),
    (lambda: model_of((None, None, 3), keras.layers.GlobalAveragePooling2D()), "returns .*not RGB pictures"),
    (lambda: model_of((64, 96, 3), keras.layers.Conv2D(3, 1)), "takes pictures of 96 x 64 pixels only"),
])  # fmt: skip
def test_models_outside_the_image_contract(tmp_path, build, message):
    save_model(build(), tmp_path / "foreign.keras")
    with pytest.raises(UserError, match=rf"foreign\.keras: the model {message}"):
        load_styles(tmp_path / "foreign.keras")


def test_a_model_that_is_not_built_is_refused():
    """It ended in Keras' AttributeError."""
    with pytest.raises(UserError, match="the model takes no declared tensor, not RGB pictures"):
        Generator(keras.Sequential([keras.layers.Conv2D(3, 1)]), precision=None)


def test_what_goes_wrong_with_one_picture(pixels):
    shrinking = Generator(model_of((None, None, 3), keras.layers.Conv2D(3, 3)))
    with pytest.raises(UserError, match="differs in size"):
        shrinking(pixels)
    image = keras.Input((None, None, 3))
    with pytest.raises(UserError, match="NaN"):
        Generator(keras.Model(image, image / 0.0))(pixels)
    padded = ReflectionPadding2D(10)(image)
    generator = Generator(keras.Model(image, padded[:, 10:-10, 10:-10]))
    np.testing.assert_array_equal(generator(pixels), pixels)
    with pytest.raises(UserError, match="fails on a picture of 34 x 6 pixels"):
        generator(pixels[:6])


def test_strength_colours_and_alpha(pixels):
    generator = Generator(inverting_model())
    alpha = pixels[..., 0]
    picture = Picture(pixels, alpha)
    full = stylize_picture(picture, generator, strength=1.0, keep_colors=False)
    np.testing.assert_allclose(full.pixels, 1 - pixels, atol=1e-6)
    assert full.alpha is alpha
    none = stylize_picture(picture, generator, strength=0.0, keep_colors=False)
    np.testing.assert_array_equal(none.pixels, pixels)
    third = stylize_picture(picture, generator, strength=0.25, keep_colors=False)
    np.testing.assert_allclose(third.pixels, 0.75 * pixels + 0.25 * (1 - pixels), atol=1e-6)
    colored = stylize_picture(picture, generator, strength=1.0, keep_colors=True).pixels
    chroma = colored - colored.mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(chroma, pixels - pixels.mean(axis=-1, keepdims=True), atol=1e-6)
    assert np.abs(colored - pixels).max() > 0.1
