"""Strokes of other sizes: the base of the small picture, the detail of the full size, the same pixels in strips."""

import keras
import numpy as np
import pytest
from conftest import ROOT
from scipy.ndimage import gaussian_filter
from support.small_models import convolutional_model

import texture_nets
from errors import ArgumentError
from images.picture import Picture
from images.reading import read_image
from images.resizing import resize, resize_long_side, resized_rows
from images.rows import rows_of
from model.generators.registry import build_generator
from pipelines.stylization import picture_plan
from pipelines.stylization.brush import painted_sizes, with_brush
from pipelines.stylization.generator import Generator, stylize_picture
from pipelines.stylization.large import Look, stylize_rows
from pipelines.stylization.picture_plan import plan_picture
from pipelines.stylization.settings import StylizationSettings

LOOK = {"strength": 1.0, "keep_colors": False}


@pytest.fixture(scope="module")
def photo():
    return resize_long_side(read_image(ROOT / "pics" / "chelsea.jpg"), 240)


@pytest.fixture(scope="module")
def generator():
    """Strokes of several pixels: each value that is brighter than what lies around it becomes a blot."""
    keras.utils.set_random_seed(5)
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(24, 9, padding="same", activation="relu")(image - 0.5)
    x = keras.layers.Conv2D(24, 9, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    x = keras.layers.Conv2D(3, 5, padding="same", kernel_initializer="he_normal")(x)
    return Generator(keras.Model(image, keras.ops.sigmoid(4 * x)))


def detail(pixels):
    """Return how strong the finest octave is: the standard deviation of the picture from its blur."""
    return float((pixels - gaussian_filter(pixels, (1, 1, 0))).std())


def test_sizes():
    assert painted_sizes(300, 200, 1) == [(300, 200)]
    assert painted_sizes(300, 200, 4) == [(75, 50), (300, 200)]
    assert painted_sizes(300, 200, 3) == [(100, 67), (300, 200)]
    assert painted_sizes(300, 200, 0.5) == [(600, 400)]
    assert painted_sizes(3, 2, 8)[0] == (1, 1)


def test_brush_1_changes_nothing(photo, generator):
    without = stylize_picture(photo, generator, **LOOK)
    np.testing.assert_array_equal(stylize_picture(photo, generator, **LOOK, brush_size=1.0).pixels, without.pixels)


@pytest.mark.parametrize("brush_size", [1.5, 2, 4])
def test_larger_strokes_are_those_of_the_small_picture_and_sharp(photo, generator, brush_size):
    made = stylize_picture(photo, generator, **LOOK, brush_size=brush_size).pixels
    assert made.shape == photo.pixels.shape
    size = painted_sizes(photo.height, photo.width, brush_size)[0]
    small = generator(resize(photo.pixels, *size))
    difference = np.abs(resize(made, *size) - small).mean()
    assert difference < 0.25 * np.abs(resize(generator(photo.pixels), *size) - small).mean()
    as_trained, enlarged = (detail(pixels) for pixels in (generator(photo.pixels), resize(small, *made.shape[:2])))
    assert 0.6 * as_trained < detail(made) < 1.6 * as_trained
    assert detail(made) > 1.05 * enlarged


def test_finer_strokes_are_those_of_the_large_picture(photo, generator):
    made = stylize_picture(photo, generator, **LOOK, brush_size=0.5).pixels
    large = generator(resize(photo.pixels, 2 * photo.height, 2 * photo.width))
    np.testing.assert_allclose(made, resize(large, photo.height, photo.width), atol=1e-5)


def pattern(height, width, period, angle=0.0):
    rows, columns = np.mgrid[:height, :width]
    wave = np.sin(2 * np.pi * (columns * np.cos(angle) + rows * np.sin(angle)) / period)
    return np.repeat(wave[..., np.newaxis], 3, axis=-1).astype(np.float32)


@pytest.mark.parametrize("angle", [0.0, 0.6, np.pi / 2, 2.4])
def test_straight_lines_of_the_second_pass_are_kept(angle):
    content = Picture(0.5 + 0.2 * pattern(90, 120, 5, angle))
    made = with_brush(rows_of(content), 4, lambda picture: picture.picture().pixels).picture().pixels
    inside = (slice(20, -20),) * 2
    fit = np.polyfit(content.pixels[inside].ravel(), made[inside].ravel(), 1)[0]
    assert 0.95 < fit < 1.35
    assert np.corrcoef(content.pixels[inside].ravel(), made[inside].ravel())[0, 1] > 0.995


@pytest.mark.parametrize("brush_size", [2, 4])
@pytest.mark.parametrize("period", [2.2, 3, 4])
def test_the_weave_of_the_second_pass_does_not_cover_large_strokes(period, brush_size):
    """It is that of transposed convolutions: fine lines along rows and columns, whatever the picture shows."""
    content = Picture(0.5 + 0.2 * pattern(160, 240, 40, np.pi / 4))
    weave = 0.05 * (pattern(160, 240, period) + pattern(160, 240, period, np.pi / 2))

    def paint(picture):
        return picture.picture().pixels + (weave if picture.height == 160 else 0)

    made = with_brush(rows_of(content), brush_size, paint).picture().pixels
    assert np.abs(made - content.pixels).mean() < 0.45 * np.abs(weave).mean()


@pytest.mark.parametrize(("network", "look"), [
    ("convolutions", Look(0.7, True, 2.5)),
    ("convolutions", Look(1.0, False, 0.6)),
    ("johnson", Look(1.0, False, 2.0)),
])  # fmt: skip
def test_strips_are_the_whole(tmp_path, monkeypatch, photo, look, network):
    monkeypatch.setattr(picture_plan, "anonymous_memory", lambda: 0)
    monkeypatch.setattr(picture_plan, "LIBRARIES", 0)
    monkeypatch.setattr("strips.plan.MAX_ROWS", 32)
    model = convolutional_model() if network == "convolutions" else build_generator("johnson", widths=(8, 8, 8))
    generator = Generator(model)
    options = {"strength": look.strength, "keep_colors": look.keep_colors, "brush_size": look.brush_size}
    expected = stylize_picture(photo, generator, **options).pixels
    plan = plan_picture([generator.network], photo.height, photo.width, 9 * 10**6, look.brush_size)
    assert len(plan.passes) == len(painted_sizes(1, 1, look.brush_size))
    assert max(one.plan.rows for one in plan.passes) == 32
    channels, shares = np.empty_like(expected), []
    rows = rows_of(Picture(photo.pixels))
    stylize_rows(rows, plan, look, channels=channels, folder=tmp_path, observe=shares.append)
    np.testing.assert_allclose(channels, expected, atol=1e-4)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [(37, 90), (160, 240), (331, 55)])
def test_rows_resized_are_those_of_the_whole(photo, size):
    rows = resized_rows(rows_of(photo), *size)
    made = np.concatenate([rows.read_rows(range(i, min(i + 10, size[0]))) for i in range(0, size[0], 10)])
    np.testing.assert_allclose(made.clip(0, 1), resize(photo.pixels, *size), atol=2e-5)


def test_in_python(photo):
    model = convolutional_model()
    as_trained = texture_nets.stylize(photo.pixels, model)
    np.testing.assert_array_equal(texture_nets.stylize(photo.pixels, model, brush_size=1), as_trained)
    assert np.abs(texture_nets.stylize(photo.pixels, model, brush_size=3) - as_trained).max() > 0.01


@pytest.mark.parametrize("brush_size", [0.2, 8.5, 0, -1, float("nan")])
def test_limits(brush_size):
    with pytest.raises(ArgumentError, match=r"`brush_size` must be from 0\.25 to 8, not "):
        StylizationSettings(brush_size=brush_size)
