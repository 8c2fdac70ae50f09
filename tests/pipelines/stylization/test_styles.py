"""A network of several styles at work: blends and masks, by script and from Python."""

import keras
import numpy as np
import pytest
from PIL import Image

import stylize_tensorflow
import texture_nets
from errors import ArgumentError, UserError
from images.errors import ImageWarning
from images.reading import read_image
from model.generators.registry import build_generator
from model.saving import save_model
from pipelines.stylization.settings import StylizationSettings, parse_styles
from pipelines.stylization.styles import load_styles
from pipelines.stylization.stylize import stylize_files

NAMES = ("wave", "scream")


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """A file of a narrow network of two styles that differ."""
    network = build_generator("hourglass", widths=(4, 4, 6), inner_blocks=1, styles=NAMES)
    random = np.random.default_rng(3)
    for weight in network.trainable_weights:
        weight.assign(weight + random.normal(0, 0.3, weight.shape))
    path = tmp_path_factory.mktemp("model") / "gallery.keras"
    save_model(network, path)
    return path


@pytest.fixture
def pixels():
    return np.random.default_rng(0).random((40, 60, 3), dtype=np.float32)


def write_mask(path, values):
    Image.fromarray(np.uint8(np.asarray(values) * 255)).save(path)
    return path


@pytest.mark.backends
def test_a_blend_is_what_keras_makes_of_both_inputs(gallery, pixels):
    stylized = load_styles(gallery, style={"wave": 3, "scream": 1})(pixels)
    model = texture_nets.load(gallery)
    wanted = keras.ops.convert_to_numpy(model([pixels[None], np.float32([[0.75, 0.25]])]))[0]
    np.testing.assert_allclose(stylized, wanted, atol=3e-5)
    np.testing.assert_allclose(texture_nets.stylize(pixels, gallery, style={"wave": 3, "scream": 1}), wanted, atol=3e-5)
    np.testing.assert_allclose(texture_nets.stylize(pixels, model, style={"wave": 3, "scream": 1}), wanted, atol=3e-5)


def test_masks_say_which_style_goes_where(gallery, pixels, tmp_path):
    left = write_mask(tmp_path / "left.png", np.repeat([[1.0] * 10 + [0.0] * 20], 8, axis=0))
    right = write_mask(tmp_path / "right.png", np.repeat([[0.0] * 20 + [1.0] * 10], 8, axis=0))
    mixed = load_styles(gallery, style={"wave": 1, "scream": 1}, masks=[left, right])(pixels)
    arrays = [read_image(path).pixels for path in (left, right)]
    from_python = texture_nets.stylize(pixels, gallery, style={"wave": 1, "scream": 1}, masks=arrays)
    np.testing.assert_array_equal(from_python, mixed)
    wave, scream = (load_styles(gallery, style={name: 1})(pixels) for name in NAMES)
    np.testing.assert_allclose(mixed[:, :14], wave[:, :14], atol=0.01)
    np.testing.assert_allclose(mixed[:, 26:34], pixels[:, 26:34], atol=0.01)
    np.testing.assert_allclose(mixed[:, 46:], scream[:, 46:], atol=0.01)


def test_transparency_of_a_mask_is_told(gallery, pixels, tmp_path):
    Image.new("LA", (4, 4), (255, 0)).save(tmp_path / "mask.png")
    with pytest.warns(ImageWarning, match=r"mask\.png: its transparency is ignored"):
        load_styles(gallery, style={"wave": 1}, masks=[tmp_path / "mask.png"])


def test_masks_that_overlap_share(gallery, pixels, tmp_path):
    white = write_mask(tmp_path / "white.png", np.ones((4, 4)))
    mixed = load_styles(gallery, style={"wave": 1, "scream": 1}, masks=[white, white])(pixels)
    wave, scream = (load_styles(gallery, style={name: 1})(pixels) for name in NAMES)
    np.testing.assert_allclose(mixed, (wave + scream) / 2, atol=3e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "gallery.keras: `style` is needed: the network has the styles wave, scream"),
        ({"style": {"wafe": 1}}, "gallery.keras: unknown style 'wafe'; did you mean 'wave'"),
        ({"style": {"wave": 0}}, "gallery.keras: `style`: at least one weight must be above 0"),
        ({"style": {"wave": 1}, "masks": ["a", "b"]}, "`mask`: 1 needed, one for each style, not 2"),
        ({"style": {"wave": 2}, "masks": ["a"]}, "with `mask` styles have no weights"),
    ],
)
def test_what_a_network_of_styles_refuses(gallery, options, message):
    with pytest.raises(ArgumentError, match=message):
        load_styles(gallery, **options)


def test_a_network_of_one_style_has_no_names(pixels, tmp_path):
    with pytest.raises(UserError, match="`style` wave: the network has a single style, without a name"):
        texture_nets.stylize(pixels, "starry_night", style={"wave": 1})
    half = write_mask(tmp_path / "half.png", np.repeat([[1.0] * 10 + [0.0] * 20], 8, axis=0))
    masked = load_styles(texture_nets.models()["starry_night"], masks=[half])(pixels)
    np.testing.assert_array_equal(texture_nets.stylize(pixels, masks=[half]), masked)
    np.testing.assert_allclose(masked[:, 30:], pixels[:, 30:], atol=0.01)
    assert np.abs(masked[:, :16] - pixels[:, :16]).mean() > 0.02


def test_styles_are_read_from_the_command_line():
    assert parse_styles(["wave=0.3", "scream"]) == {"wave": 0.3, "scream": 1.0}
    with pytest.raises(ArgumentError, match="`style` wave=x: 'x' is not a number; NAME=WEIGHT is expected"):
        parse_styles(["wave=x"])
    with pytest.raises(ArgumentError, match="`style` wave=: '' is not a number"):
        parse_styles(["wave="])
    assert parse_styles(["day=night=0.5"]) == {"day=night": 0.5}  # named after its file
    with pytest.raises(ArgumentError, match="`style` wave is given twice"):
        parse_styles(["wave=1", "wave=2"])
    with pytest.raises(ArgumentError, match=r"`mask` missing\.png: no such file"):
        StylizationSettings(masks=("missing.png",))


def test_the_script_blends(gallery, pixels, tmp_path):
    Image.fromarray(np.uint8(pixels * 255)).save(tmp_path / "photo.png")
    white = write_mask(tmp_path / "white.png", np.ones((4, 4)))
    common = ["--input", str(tmp_path / "photo.png"), "--model", str(gallery)]
    masked = [*common, "--style", "wave", "--mask", str(white), "--output", str(tmp_path / "masked.png")]
    assert stylize_tensorflow.main(masked) == 0
    assert stylize_tensorflow.main([*common, "--style", "wave=2", "--output", str(tmp_path / "wave.png")]) == 0
    stylize_files([tmp_path / "photo.png"], tmp_path / "own.png", model=str(gallery), style={"wave": 1})
    files = [np.asarray(Image.open(tmp_path / f"{name}.png"), int) for name in ("masked", "wave", "own")]
    assert np.abs(files[0] - files[1]).max() <= 1
    np.testing.assert_array_equal(files[1], files[2])
