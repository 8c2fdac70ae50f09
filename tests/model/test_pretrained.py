"""The models that ship, on real pictures: what they make of them, and as exports."""

import shutil

import keras
import numpy as np
import pytest
from conftest import ROOT, first_photos
from support.vgg_reference import WEIGHTS

from benchmarks.generators import SHIPPED
from describe.gram import gram_matrix
from images.reading import read_image
from images.resizing import resize_long_side
from model.descriptor import build_descriptor
from model.noise import draw_noise
from pipelines.export.export import export_model
from pipelines.export.samples import cover
from pipelines.model_library import find_model, makes_textures, pretrained_models, styles_within
from pipelines.stylization.styles import load_styles
from runtimes.loading import load_graph

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
GALLERY = styles_within(find_model("gallery"))
STYLES = [name for name, path in pretrained_models().items() if not makes_textures(path) and name != "gallery"]
TEXTURES = [name for name, path in pretrained_models().items() if makes_textures(path)]
MAX_BYTES = 4_000_000
# The photos that were neither trained on nor calibrated with.
HELD_OUT = slice(7, None, 15)


@pytest.mark.parametrize("name", pretrained_models())
def test_a_shipped_file_is_small_and_has_a_card(name):
    assert find_model(name).stat().st_size <= MAX_BYTES
    card = (ROOT / "model" / "pretrained" / "README.md").read_text()
    assert f"\n## {name}\n" in card


def test_the_gallery_has_all_styles_that_ship():
    assert set(STYLES) < set(GALLERY)


@pytest.mark.parametrize(
    ("model", "name"), [*((name, None) for name in STYLES), *(("gallery", name) for name in GALLERY)]
)
def test_a_style_changes_the_picture_and_stays_in_range(model, name):
    photo = resize_long_side(read_image(ROOT / "pics" / "coffee.jpg"), 256).pixels
    stylized = load_styles(find_model(model), style={name: 1.0} if name else None)(photo)
    assert stylized.shape == photo.shape
    assert np.abs(stylized - photo).mean() > 0.05
    borders = np.concatenate([stylized[:4].ravel(), stylized[-4:].ravel()])
    assert abs(borders.mean() - stylized.mean()) < 0.2  # no dark frame


def normalized_gram_loss(descriptor, picture, targets):
    """The sum over layers of |G - G*|^2 / |G*|^2."""
    features = descriptor(keras.ops.convert_to_tensor(picture[None]))
    grams = {layer: np.asarray(gram_matrix(features[layer])[0], np.float64) for layer in LAYERS}
    if targets is None:
        return grams
    return sum(np.sum((grams[layer] - target) ** 2) / np.sum(target**2) for layer, target in targets.items())


def matched_noise(source, size):
    """White noise with the mean and covariance of the source's colours."""
    colors = source.reshape(-1, 3).astype(np.float64)
    root = np.linalg.cholesky(np.cov(colors.T) + 1e-9 * np.eye(3))
    white = np.random.default_rng(0).standard_normal((size, size, 3))
    return np.clip(white @ root.T + colors.mean(axis=0), 0, 1).astype(np.float32)


@pytest.mark.parametrize("name", TEXTURES)
def test_samples_of_a_texture_differ_and_have_the_source_s_statistics(shared, name):
    descriptor = build_descriptor(LAYERS, weights=shared / WEIGHTS, padding="valid")
    file, width = SHIPPED[name]
    source = resize_long_side(read_image(shared / file), width).pixels
    targets = normalized_gram_loss(descriptor, source, None)
    noise_loss = normalized_gram_loss(descriptor, matched_noise(source, 256), targets)
    model = keras.saving.load_model(find_model(name))
    samples = [np.asarray(model.predict_on_batch(draw_noise(model, 256, 256, seed=seed)))[0] for seed in (0, 1)]
    for sample in samples:
        assert normalized_gram_loss(descriptor, sample, targets) <= 0.15 * noise_loss
    assert np.abs(samples[0] - samples[1]).mean() > 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", STYLES)
def test_int8_exports_keep_30_db_on_photos_that_calibration_did_not_see(shared, name, tmp_path):
    photos = first_photos(shared)
    held_out = photos[HELD_OUT]
    (tmp_path / "photos").mkdir()
    for photo in set(photos) - set(held_out):
        shutil.copy(photo, tmp_path / "photos")
    export_model(
        input=find_model(name),
        output=tmp_path / "int8.tflite",
        format="litert",
        quantize="int8",
        calibration=tmp_path / "photos",
    )
    exported, original = load_graph(tmp_path / "int8.tflite"), load_styles(find_model(name))
    for file in held_out:
        photo = cover(read_image(file).pixels, 512, 512)
        error = np.mean((np.clip(exported(photo[None])[0][0], 0, 1) - original(photo)) ** 2)
        assert -10 * np.log10(error) >= 30, file.name
