"""Changes from one texture to another, across a picture and from frame to frame."""

import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from support.synthesis_cases import make_inputs, small_settings

import texture_nets
from errors import ArgumentError, UserError
from images.writing import write_image
from losses.texture import GramComparison, GuidedGramComparison
from model.generators.registry import build_generator
from model.saving import save_model
from pipelines.synthesis.geometry import Geometry, Scale, paddings
from pipelines.synthesis.inputs import make_inputs as inputs_in_memory
from pipelines.synthesis.inputs import read_inputs, with_files
from pipelines.synthesis.places.morph import SHARES, Morph, morph_frames
from pipelines.synthesis.sampling import sample_pictures
from pipelines.synthesis.synthesize import resume, synthesize

SCALE = Scale(size=(8, 16), margins=(0, 2), factor=1.0, octaves=1, iterations=1)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    random = np.random.default_rng(1)
    for name, level in (("dark.png", 0.05), ("bright.png", 0.45)):
        write_image(folder / name, (level + 0.5 * random.random((56, 48, 3))).astype("float32"))
    return folder


def geometry(wraps=(False, False)):
    return Geometry((8, 16), ("relu1_1",), 1, wraps, paddings("same", wraps))


def morph_settings(folder, output_dir, **changes):
    values = {"source": (), "morph": (folder / "dark.png", folder / "bright.png"), "max_iter": 25, "octaves": 1}
    return small_settings(folder, output_dir, **{**values, "save_every": 25, **changes})


def levels(pictures, axis):
    """Mean levels of the quarters along an axis."""
    return [float(part.mean()) for part in np.array_split(np.asarray(pictures), 4, axis=axis)]


def test_frames_go_from_one_texture_to_the_other_and_in_a_loop_back():
    np.testing.assert_allclose(morph_frames(5, loop=False), (0, 0.25, 0.5, 0.75, 1))
    np.testing.assert_allclose(morph_frames(6, loop=True), (0, 0.25, 0.75, 1, 0.75, 0.25), atol=1e-12)


def mean_share(morph, wraps=(False, False)):
    return morph.mixtures(geometry(wraps), SCALE)


def test_mixtures_are_means_over_the_canvas_or_those_of_the_frames():
    mask = np.zeros((4, 4), np.float32)
    mask[:, 3] = 1
    np.testing.assert_allclose(mean_share(Morph(None)), [[0.5, 0.5]])
    # Four of sixteen columns, and the two of the margin on their side.
    assert mean_share(Morph(mask))[0, 1] == pytest.approx(6 / 20, abs=0.02)
    np.testing.assert_allclose(mean_share(Morph(None, 3, loop=False)), [[1, 0], [0.5, 0.5], [0, 1]])


def test_each_share_is_compared_where_it_is():
    """Features whose products are the mixture of their place cost nothing; turned around they do."""
    first, second = np.diag([4.0, 1.0]), np.diag([1.0, 9.0])
    scale = replace(SCALE, margins=(0, 0))
    share = (np.arange(16) + 0.5) / 16
    # The geodesic of diagonal matrices is that of their roots.
    roots = np.stack([(1 - share) * 2 + share, (1 - share) + share * 3], axis=-1)
    random = np.random.default_rng(0)
    signs = random.choice([-1.0, 1.0], (1, 400, 16, 2)).astype("float32")
    places = Morph(None).places(geometry(), replace(scale, size=(400, 16)), 1.0)
    comparison = places.comparison([[first], [second]], 0, "relu1_1")
    assert isinstance(comparison, GuidedGramComparison)
    right, wrong = (float(comparison((signs * part).astype("float32"))) for part in (roots, roots[::-1]))
    assert right < 0.01 < 0.3 < wrong


def test_colours_of_a_mask_count_by_their_luma():
    """As those of all other masks; Rec. 601, as of Pillow's mode L."""
    picture = np.float32([[[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]])
    read = inputs_in_memory([picture, picture], is_morph=True, mask=picture)
    wanted = np.asarray(Image.fromarray(np.uint8(picture * 255)).convert("L")) / 255
    np.testing.assert_allclose(read.mask, wanted, atol=0.002)


def test_a_mask_of_black_and_white_has_no_mixtures():
    mask = np.repeat([[0.0, 1.0]], 2, axis=0).repeat(8, axis=1)
    places = Morph(mask.astype("float32")).places(geometry(), replace(SCALE, size=(2, 16)), 1.0)
    guides = places.output.guides(0, "relu1_1")
    sums = {share: guide.sum() for share, guide in zip(SHARES, guides, strict=True)}
    assert [share for share, total in sums.items() if total] == [0, 1]


def test_frames_have_targets_of_their_own():
    places = Morph(None, 2, loop=False).places(geometry(), SCALE, 2.0)
    comparison = places.comparison([[np.eye(2)], [4 * np.eye(2)]], 0, "relu1_1")
    assert isinstance(comparison, GramComparison)
    np.testing.assert_allclose(comparison.target, [2 * np.eye(2), 8 * np.eye(2)])


def test_a_picture_changes_from_left_to_right(inputs, tmp_path):
    report = synthesize(morph_settings(inputs, tmp_path))
    first, *_, last = found = levels(report.pixels, 1)
    assert found == sorted(found)
    assert first < 0.45 < 0.55 < last


def test_a_tile_changes_there_and_back(inputs, tmp_path):
    first, second, third, last = levels(synthesize(morph_settings(inputs, tmp_path, tileable="x")).pixels, 1)
    assert max(first, last) < min(second, third)
    assert abs(first - last) < 0.1


def test_a_mask_tells_where(inputs, tmp_path):
    mask = np.zeros((20, 10, 3), np.float32)
    mask[:10] = 1
    write_image(tmp_path / "mask.png", mask)
    report = synthesize(morph_settings(inputs, tmp_path / "runs", mask=tmp_path / "mask.png"))
    upper, *_, lower = levels(report.pixels, 0)
    assert lower < 0.4 < 0.6 < upper


@pytest.mark.parametrize("loop", [True, False])
def test_frames_change_one_after_another(inputs, tmp_path, loop):
    report = synthesize(morph_settings(inputs, tmp_path, count=4, loop=loop, statistics="auto"))
    found = levels(report.frames, 0)
    assert found[0] < 0.42 < 0.58 < found[2 if loop else 3]
    assert abs(found[1] - found[3]) < 0.1 if loop else found == sorted(found)
    assert {name.split("/")[0] for name in report.terms} == {"texture", "spectrum", "frames"}


def test_a_generator_gives_a_sample(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.synthesis.inputs.SAMPLE", 64)
    path = tmp_path / "generator.keras"
    save_model(build_generator("johnson", mode="texture", widths=(4, 8), blocks=1), path)
    settings = with_files(morph_settings(inputs, tmp_path, morph=(path, inputs / "bright.png"), random_seed=3))
    found = read_inputs(settings)
    np.testing.assert_array_equal(found.sources[0], next(sample_pictures(path, output_width=64, random_seed=3)))
    assert found.is_morph


def test_an_interrupted_morph_goes_on_from_anywhere(inputs, tmp_path, monkeypatch):
    def interrupt(progress):
        if progress.iterations == 2:
            raise KeyboardInterrupt

    monkeypatch.chdir(inputs)
    settings = morph_settings(inputs, tmp_path / "runs", morph=("dark.png", "bright.png"), max_iter=4)
    with pytest.raises(KeyboardInterrupt):
        synthesize(settings, [interrupt])
    (folder,) = (tmp_path / "runs").iterdir()
    with pytest.raises(ArgumentError, match="different values of `mask` \\(not given\\)"):
        synthesize(replace(settings, mask="bright.png"))
    monkeypatch.chdir(os.sep)
    assert resume(folder).iterations == 4
    assert Image.open(folder / "final_F0000.png").size == (40, 32)


def test_names_of_generators_are_known(inputs, tmp_path):
    with pytest.raises(ArgumentError, match="`morph`: unknown model 'brak'; did you mean 'bark'"):
        synthesize(morph_settings(inputs, tmp_path, morph=("brak", inputs / "dark.png")))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"source": ("a.png",)}, ArgumentError, "`source` and `morph` exclude each other"),
        ({"guide": ("a.png", "b.png")}, ArgumentError, "`guide` and `morph` exclude each other"),
        ({"morph": None, "mask": "a.png", "source": ("a.png",)}, ArgumentError, "`mask` needs `morph`"),
        ({"mask": "a.png", "count": 2}, ArgumentError, "`mask` is for a single picture"),
        ({"mask": "nothing.png"}, UserError, "`mask` nothing.png: no such file"),
        ({"count": 10**12}, ArgumentError, "`output_width` or `count` is too large: it needs"),
        ({"morph": ("nothing.png", "b.png")}, UserError, "`morph` nothing.png: no such file"),
        ({"join_mode": "max"}, ArgumentError, "`join_mode` cannot be used with `morph`"),
        ({"match_histogram": True}, ArgumentError, "`match_histogram` cannot be used with `morph`"),
        ({"moment_weight": 1.0}, ArgumentError, "`moment_weight` must be 0 with `morph`"),
        ({"morph": ("starry_night", "bark")}, UserError, "`morph` .*starry_night.keras: takes pictures, not noise"),
    ],
)
def test_what_has_no_meaning_is_refused(inputs, tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        synthesize(morph_settings(inputs, tmp_path / "runs", **changes))
    assert not (tmp_path / "runs").exists()


def test_arrays_change_into_each_other_too(inputs):
    sources = [inputs / "dark.png", inputs / "bright.png"]
    options = {"layers": ("relu1_1",), "octaves": 1, "max_iter": 20, "weights": inputs / "vgg.keras"}
    made = texture_nets.synthesize(sources, size=(24, 48), morph=True, statistics="gram", margin=0, **options)
    first, *_, last = levels(made.pixels, 1)
    assert first < last - 0.15
    with pytest.raises(ArgumentError, match="`mask` is for a single picture"):
        texture_nets.synthesize(sources, size=48, morph=True, mask=sources[0], count=2, **options)
    with pytest.raises(ArgumentError, match="`morph` needs two sources, not 1"):
        texture_nets.synthesize(sources[:1], size=48, morph=True, **options)
    with pytest.raises(ArgumentError, match="`guide` needs a single source"):
        texture_nets.synthesize(sources, size=48, morph=True, guide=[sources[0]] * 2, **options)
