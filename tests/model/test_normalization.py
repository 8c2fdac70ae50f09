"""Gatys' normalised network: what it divides by, that nothing else changes, and photos that it did not see."""

import keras
import numpy as np
import pytest
from conftest import first_photos
from keras import ops
from PIL import Image
from support import vgg_reference

from errors import UserError
from model.descriptor import build_descriptor
from model.normalization import mean_activations, normalize_activations
from model.saving import save_model

GENERATOR = np.random.default_rng(0)
PHOTOS = [GENERATOR.random((20, 24, 3), dtype="float32"), GENERATOR.random((16, 30, 3), dtype="float32")]


def chain(*, activation=None, pooling=keras.layers.AveragePooling2D, extra=()):
    """Return a small network of two convolutions whose second filter of the first is never active."""
    images = keras.Input((None, None, 3))
    features = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(images)
    features = pooling(2)(features)
    features = keras.layers.Conv2D(5, 3, use_bias=False, activation=activation, name="second")(features)
    for layer in extra:
        features = layer(features)
    model = keras.Model(images, features)
    generator = np.random.default_rng(4)
    kernels = [generator.normal(0.1, 0.3, shape).astype("float32") for shape in ((3, 3, 3, 4), (3, 3, 4, 5))]
    model.get_layer("first").set_weights([kernels[0], np.array([0.1, -100, 0.2, 0.3])])
    model.get_layer("second").set_weights(kernels[1:])
    return model


@pytest.mark.backends
@pytest.mark.parametrize("pooling", [keras.layers.AveragePooling2D, keras.layers.MaxPooling2D])
def test_means_become_one_and_activations_the_originals_divided(pooling):
    model = chain(pooling=pooling, extra=[keras.layers.ReLU()])
    before = [ops.convert_to_numpy(weight).copy() for weight in model.weights]
    normalized = normalize_activations(model, iter(PHOTOS))
    means = mean_activations(model, PHOTOS)
    np.testing.assert_allclose(mean_activations(normalized, PHOTOS)["first"], [1, 0, 1, 1], atol=1e-5)
    np.testing.assert_allclose(mean_activations(normalized, PHOTOS)["second"], np.ones(5), atol=1e-5)
    original, result = (ops.convert_to_numpy(network(PHOTOS[0][None])) for network in (model, normalized))
    np.testing.assert_allclose(result, original / means["second"], rtol=1e-4, atol=1e-5)
    for weight, array in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(weight), array)


@pytest.mark.backends
def test_means_are_taken_over_positions_of_all_photos():
    model = chain()
    features = keras.Model(model.input, model.get_layer("first").output)
    positions = [ops.convert_to_numpy(features(photo[None])).reshape(-1, 4) for photo in PHOTOS]
    expected = np.concatenate(positions).mean(axis=0)
    np.testing.assert_allclose(mean_activations(model, PHOTOS)["first"], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "culprit"),
    [
        (chain(extra=[keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, name="fc6")]), "fc6 (Dense)"),
        (chain(activation="sigmoid"), "second (Conv2D)"),
    ],
)
def test_networks_that_are_no_such_chain_are_refused(model, culprit):
    with pytest.raises(UserError) as error:
        normalize_activations(model, PHOTOS)
    assert culprit in str(error.value)


def test_layers_may_have_the_names_that_keras_gives_operations():
    keras.utils.clear_session()  # so that its numbers begin again
    model = chain(pooling=lambda _size: keras.layers.ReLU(name="relu"))
    assert list(mean_activations(model, PHOTOS)) == ["first", "second"]
    assert model.get_layer("relu")


def test_no_photos_is_an_error():
    with pytest.raises(UserError, match="no photos"):
        normalize_activations(chain(), [])


def crops(shared, first, size=72):
    """Yield the middle of every second photo."""
    for path in first_photos(shared)[first::2]:
        photo = np.asarray(Image.open(path).convert("RGB"), dtype="float32") / 255
        top, left = ((length - size) // 2 for length in photo.shape[:2])
        yield photo[top : top + size, left : left + size]


def assert_means_are_one(means, blocks):
    """Assert it of the layers' means, and of most filters, whose means differ more from photo to photo."""
    for name, mean in means.items():
        if name[4] in blocks:
            assert 0.9 <= mean.mean() <= 1.1, name
            assert np.mean(np.abs(mean - 1) <= 0.25) >= 0.9, name


def test_the_mean_is_one_on_photos_that_were_not_seen(shared, tmp_path):
    model = build_descriptor(
        ["relu4_4"],
        weights=shared / vgg_reference.WEIGHTS,
        pooling="average",
        rescale_pooling=False,
    )
    normalized = normalize_activations(model, crops(shared, 0))
    assert_means_are_one(mean_activations(normalized, crops(shared, 1)), "1234")
    save_model(normalized, tmp_path / "vgg19_normalized.keras")
    image = next(crops(shared, 1))[np.newaxis]
    found = build_descriptor(
        ["relu3_1"],
        descriptor="vgg19-normalized",
        data_dir=tmp_path,
        pooling="average",
        rescale_pooling=False,
    )
    expected = keras.Model(normalized.input, normalized.get_layer("relu3_1").output)(image)
    np.testing.assert_allclose(found(image)["relu3_1"], expected, rtol=1e-5, atol=1e-5)
    (tmp_path / "vgg19_normalized.keras").unlink()


def whole_photos(shared, step):
    for path in first_photos(shared)[::step]:
        yield np.asarray(Image.open(path).convert("RGB"), dtype="float32") / 255


def with_known_means(shared, layer="relu4_4", **options):
    return build_descriptor([layer], descriptor="vgg19-normalized", weights=shared / vgg_reference.WEIGHTS, **options)


def test_the_known_means_normalise_the_imagenet_network(shared):
    # The deeper blocks take long: see the slow test below.
    normalized = with_known_means(shared, "relu2_2", pooling="average", rescale_pooling=False)
    assert_means_are_one(mean_activations(normalized, whole_photos(shared, 12)), "12")


@pytest.mark.parametrize("pooling", ["max", "average", "l2"])
def test_the_known_means_follow_the_rescaling_of_pooling(shared, pooling):
    photo = next(whole_photos(shared, 1))[:128, :128]
    plain = mean_activations(with_known_means(shared, pooling=pooling, rescale_pooling=False), [photo])
    rescaled = mean_activations(with_known_means(shared, pooling=pooling, rescale_pooling=True), [photo])
    for name, mean in plain.items():
        assert np.mean(np.abs(rescaled[name] - mean)) <= 0.02 * np.mean(mean), name


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["max", "average", "l2"])
def test_the_known_means_are_those_of_the_photos(shared, pooling):
    normalized = with_known_means(shared, pooling=pooling, rescale_pooling=False)
    for mean in mean_activations(normalized, whole_photos(shared, 1)).values():
        np.testing.assert_allclose(mean, 1, atol=1e-3)
