"""Pictures that do not fit into the memory allowed: the same result in strips, told before, whole files or none."""

import re
from dataclasses import replace

import keras
import numpy as np
import pytest
import tifffile
from PIL import Image
from support.small_models import convolutional_model, inverting_model

import texture_nets
from errors import ArgumentError, UserError
from images.picture import Picture
from images.reading import read_image
from images.rows import rows_of
from model.generators.registry import build_generator
from model.saving import save_model
from pipelines.memory_bound import parse_memory
from pipelines.stylization import picture_plan
from pipelines.stylization.generator import Generator, stylize_picture
from pipelines.stylization.large import Look, stylize_rows
from pipelines.stylization.masks import MaskedGenerator, networks_of
from pipelines.stylization.picture_plan import Pass, PicturePlan, plan_picture
from pipelines.stylization.stylize import stylize_files
from strips.cut import cut
from strips.graph import trace
from strips.plan import make_plan


@pytest.fixture
def pixels():
    return np.random.default_rng(4).random((70, 45, 3)).astype(np.float32)


def way_in_strips(networks, pixels):
    cuts = [cut(trace(network, *pixels.shape[:2])) for network in networks]
    return PicturePlan(0, tuple(Pass(one, make_plan(one, 10**6 * 5)) for one in cuts))


@pytest.fixture
def always_strips(monkeypatch):
    """Let every picture go in low strips, as if memory were short."""

    def choose(networks, height, width, memory, brush_size, masks):
        return way_in_strips(networks, np.empty((height, width, 3)))

    for module in ("files", "picture_plan"):
        monkeypatch.setattr(f"pipelines.stylization.{module}.plan_picture", choose)


@pytest.mark.parametrize("look", [Look(1.0, False), Look(0.6, False), Look(0.7, True)])
def test_strips_with_every_look_are_the_whole(tmp_path, pixels, look):
    generator = Generator(convolutional_model())
    expected = stylize_picture(Picture(pixels), generator, strength=look.strength, keep_colors=look.keep_colors)
    channels = np.empty((70, 45, 4), np.float32)
    alpha = pixels[..., 0]
    shares = []
    stylize_rows(
        rows_of(Picture(pixels, alpha)),
        way_in_strips([generator.network], pixels),
        look,
        channels=channels,
        folder=tmp_path,
        observe=shares.append,
    )
    np.testing.assert_allclose(channels[..., :3], expected.pixels, atol=1e-5)
    np.testing.assert_array_equal(channels[..., 3], alpha)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    "look", [Look(1.0, False), Look(0.7, True), Look(1.0, False, 2.0), Look(1.0, False, 1.001), Look(1.0, False, 0.5)]
)
def test_strips_under_masks_are_the_whole(tmp_path, monkeypatch, pixels, look, count):
    monkeypatch.setattr(picture_plan, "anonymous_memory", lambda: 0)
    monkeypatch.setattr(picture_plan, "LIBRARIES", 0)
    monkeypatch.setattr("strips.plan.MAX_ROWS", 32)
    monkeypatch.setattr("pipelines.stylization.brush.PART_PIXELS", 500)
    generators = [Generator(model) for model in (convolutional_model(), inverting_model())[:count]]
    masks = [np.eye(9, 5, k, dtype=np.float32) for k in range(count)]
    stylizer = MaskedGenerator(generators, masks)
    options = {"strength": look.strength, "keep_colors": look.keep_colors, "brush_size": look.brush_size}
    expected = stylize_picture(Picture(pixels), stylizer, **options).pixels
    plan = plan_picture(networks_of(stylizer), 70, 45, 10**6, look.brush_size, count)
    assert len(plan.passes) == count * (2 if look.brush_size > 1 else 1)
    channels, shares = np.empty_like(expected), []
    masked = replace(look, masks=masks)
    rows = rows_of(Picture(pixels))
    stylize_rows(rows, plan, masked, channels=channels, folder=tmp_path, observe=shares.append)
    np.testing.assert_allclose(channels, expected, atol=1e-5)
    assert np.abs(expected - pixels).max() > 0.1
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert list(tmp_path.iterdir()) == []


def test_networks_that_enlarge_are_refused_before_strips():
    """They ended in a traceback."""
    picture = keras.Input((None, None, 3))
    network = keras.Model(picture, keras.layers.UpSampling2D(2)(picture))
    with pytest.raises(UserError, match=r"returned \(140, 90, 3\) for \(70, 45, 3\), which differs in size"):
        plan_picture([network], 70, 45, 10**9)


@pytest.mark.parametrize("brush_size", [0.5, 1.0, 2.0])
def test_where_no_mask_is_white_the_picture_is_unchanged(pixels, brush_size):
    mask = np.zeros((70, 45), np.float32)
    mask[:20] = 1
    generator = Generator(inverting_model())
    options = {"strength": 1.0, "keep_colors": False, "brush_size": brush_size}
    made = stylize_picture(Picture(pixels), MaskedGenerator([generator], [mask]), **options).pixels
    np.testing.assert_array_equal(made[30:], pixels[30:])
    np.testing.assert_array_equal(made[:10], stylize_picture(Picture(pixels), generator, **options).pixels[:10])


def test_a_file_in_strips_is_the_file_whole(tmp_path, pixels, always_strips, monkeypatch):
    save_model(inverting_model(), tmp_path / "model.keras")
    levels = (pixels * 255).astype(np.uint8)
    image = Image.fromarray(levels).convert("RGBA")
    image.putalpha(Image.fromarray(levels[..., 1]))
    exif = Image.Exif()
    exif[274] = 6
    image.save(tmp_path / "a.png", exif=exif, dpi=(200, 200))
    report = stylize_files([tmp_path / "a.png"], tmp_path / "b.png", model=str(tmp_path / "model.keras"))
    assert not report.failed
    made, content = read_image(tmp_path / "b.png"), read_image(tmp_path / "a.png")
    np.testing.assert_allclose(made.pixels, 1 - content.pixels, atol=1e-6)
    np.testing.assert_array_equal(made.alpha, content.alpha)
    with Image.open(tmp_path / "b.png") as written:
        assert written.info["dpi"] == pytest.approx((200, 200), abs=0.1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "model.keras"]


@pytest.mark.parametrize("scale", [1.5, 255])
@pytest.mark.parametrize("in_strips", [False, True])
def test_a_network_of_another_range_is_told(tmp_path, pixels, request, capsys, in_strips, scale):
    if in_strips:
        request.getfixturevalue("always_strips")
    save_model(inverting_model(scale), tmp_path / "model.keras")
    Image.fromarray((pixels * 255).astype(np.uint8)).save(tmp_path / "a.png")
    report = stylize_files([tmp_path / "a.png"], tmp_path / "b.png", model=str(tmp_path / "model.keras"))
    assert not report.failed
    error = capsys.readouterr().err
    told = [line for line in error.splitlines() if line.startswith("warning: ")]
    assert len(told) == (scale == 255)
    assert all(
        re.fullmatch(r"warning: the model returns values from .*; they are clipped to \[0, 1\]", line) for line in told
    )


@pytest.mark.parametrize("in_strips", [False, True])
def test_deep_tiff_stays_deep(tmp_path, request, in_strips):
    if in_strips:
        request.getfixturevalue("always_strips")
    save_model(inverting_model(), tmp_path / "model.keras")
    levels = np.random.default_rng(5).integers(0, 65536, (40, 30, 3), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", levels, photometric="rgb")
    stylize_files([tmp_path / "a.tif"], tmp_path / "b.tif", model=str(tmp_path / "model.keras"))
    made = tifffile.imread(tmp_path / "b.tif")
    assert made.dtype == np.uint16
    assert np.abs(made.astype(int) - (65535 - levels.astype(int))).max() <= 1


def test_what_does_not_fit_goes_in_strips_and_is_told(monkeypatch):
    monkeypatch.setattr(picture_plan, "anonymous_memory", lambda: 10**9)
    network = build_generator("johnson")
    assert plan_picture([network], 900, 900, None) is None
    large = plan_picture([network], 4000, 6000, 2 * 10**9)
    assert large.passes
    assert large.needed <= 2 * 10**9
    assert "in strips of" in str(large)
    assert not plan_picture([network], 4000, 6000, 10**11).passes
    assert str(plan_picture([network], 2000, 2000, 10**11)).startswith("whole, about 3.")


def test_a_network_that_cannot_be_cut_says_what_it_takes():
    import keras

    image = keras.Input((None, None, 3))
    turned = keras.layers.Permute((2, 1, 3), name="turned")
    network = keras.Model(image, keras.layers.Permute((2, 1, 3))(turned(image)))
    plan = plan_picture([network], 3000, 3000, 2 * 10**8)
    assert not plan.passes
    assert "whole" in str(plan)
    assert "turned" in str(plan)


def test_too_little_memory_is_refused_before_the_work():
    with pytest.raises(ValueError, match=r"takes at least .* GB; `memory` is 0\.1 GB"):
        plan_picture([build_generator("johnson")], 4000, 6000, 10**8)


def test_in_python(pixels):
    generator = convolutional_model()
    expected = texture_nets.stylize(pixels, generator)
    found = texture_nets.stylize(pixels, generator, memory="900GB")
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("text", "size"), [("4GB", 4 * 10**9), ("2.5 gb", 2.5e9), (3e9, 3e9), (None, None)])
def test_sizes_of_memory(text, size):
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["much", "4 GiB", "-1GB", "0", "12MB", "nan", "9" * 5000 + "GB"])
def test_other_sizes_are_refused(text):
    with pytest.raises(ArgumentError, match="`memory` must be"):
        parse_memory(text)
