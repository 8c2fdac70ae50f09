"""Pictures of texture generators: sizes, numbers, seams, and what is refused, through synthesize.py."""

import numpy as np
import pytest
from support.left_behind import leave_temporary

import stylize_tensorflow
import synthesize
from images.reading import read_image
from model.generators.registry import build_generator
from model.noise import draw_noise, draw_noise_rows
from model.saving import load_model, save_model
from pipelines.synthesis.sampling import sample_pictures, sample_textures


@pytest.fixture(scope="module", params=["johnson", "pyramid"])
def generator(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / f"{request.param}.keras"
    options = {"johnson": {"widths": (4, 8), "blocks": 1}, "pyramid": {"filters": 2}}[request.param]
    save_model(build_generator(request.param, mode="texture", **options), path)
    return path


def pixels(path):
    return read_image(path).pixels


def sample(generator, output, *options):
    return synthesize.main(["--generator", str(generator), "--output", str(output), *map(str, options)])


def test_the_picture_is_the_model_s_of_the_seed_s_noise(generator, tmp_path):
    assert sample(generator, tmp_path / "a.png", "-ow", 96, "-oh", 64, "--random-seed", 5) == 0
    model = load_model(generator)
    expected = np.asarray(model.predict_on_batch(draw_noise(model, 64, 96, seed=5)))[0]
    # Constant kernels round otherwise, by up to 1e-5 where a normalisation divides by little: 1/100 of a level is 4e-5.
    assert np.abs(pixels(tmp_path / "a.png") - expected).max() <= 0.51 / 255


def test_sizes_that_are_no_multiples_are_cut_out(generator, tmp_path):
    assert sample(generator, tmp_path / "a.png", "-ow", 70) == 0
    assert sample(generator, tmp_path / "b.png", "-ow", 96) == 0
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")[:70, :70])


def test_several_pictures_differ(generator, tmp_path, capsys):
    assert sample(generator, tmp_path / "a.png", "-ow", 64, "--count", 3) == 0
    names = [f"a_F000{i}.png" for i in range(3)]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert [line.split("/")[-1] for line in capsys.readouterr().out.splitlines()] == names
    first, second, _ = (pixels(tmp_path / name) for name in names)
    assert np.abs(first - second).mean() > 1e-3


def test_what_stands_in_the_way_of_one_of_several_is_told_before_the_first(generator, tmp_path, capsys):
    kept = tmp_path / "a_F0001.png"
    kept.write_bytes(b"kept")
    kept.chmod(0o444)
    assert sample(generator, tmp_path / "a.png", "-ow", 64, "--count", 3) == 2
    assert "a_F0001.png is read-only" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]
    assert kept.read_bytes() == b"kept"


def test_tileable_pictures_come_from_a_network_that_wraps_around(generator, tmp_path):
    """Noise that goes around by whole coarse pixels gives the picture that goes around: there is no edge in it."""
    assert sample(generator, tmp_path / "a.png", "-ow", 64, "--tileable", "both") == 0
    model = load_model(generator)
    noise = np.roll(draw_noise(model, 64, 64, seed=0), (32, 32), axis=(1, 2))
    moved = np.asarray(model.predict_on_batch(noise))[0]
    assert np.abs(np.roll(pixels(tmp_path / "a.png"), (32, 32), axis=(0, 1)) - moved).max() <= 0.5 / 255 + 1e-5


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["-ow", 70, "--tileable", "both"], 2, "must be multiples of 32, not 70 (near: 64)"),
        (["-ow", 0], 2, "--output-width must be at least 1, not 0"),
        (["-ow", 5_000_000], 2, "--output-width is too large: it needs 75,000.0 GB"),
        (["--count", 0], 2, "--count must be at least 1"),
        (["--count", 10**12], 2, "--count must be at most 100000 with a generator, not 1000000000000"),
        (["--tileable", "bot"], 2, "both"),
        (["--octaves", 3], 2, "--generator does not use optimisation: leave out --octaves"),
    ],
)
def test_wrong_options_are_refused(generator, tmp_path, capsys, options, code, message):
    assert sample(generator, tmp_path / "a.png", *options) == code
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_size_that_the_format_cannot_hold_is_told_before_the_network_is_loaded(tmp_path, capsys):
    assert sample("no_such_network", tmp_path / "a.jpg", "-ow", 70_000, "-oh", 1) == 1
    assert "a.jpg: this format allows at most 65500 pixels per side, not 70000 x 1" in capsys.readouterr().err


def test_networks_that_take_pictures_are_refused(tmp_path, capsys):
    assert sample("starry_night", tmp_path / "a.png") == 1
    assert "use stylize_tensorflow.py --model" in capsys.readouterr().err


def test_they_are_no_models_to_stylise_with(generator, tmp_path, capsys):
    arguments = ["--input", "pics/coffee.jpg", "--output", str(tmp_path / "a.png"), "--model", str(generator)]
    assert stylize_tensorflow.main(arguments) == 1
    assert "generates textures from noise" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_output_is_needed_and_its_format_known(tmp_path, capsys):
    assert synthesize.main(["--generator", "starry_night"]) == 2
    assert "--generator needs --output FILE" in capsys.readouterr().err
    assert sample("roof_slats", tmp_path / "a.png") == 2
    assert "did you mean 'roof_slates'" in capsys.readouterr().err
    assert sample("starry_night", tmp_path / "a.xyz") == 2
    assert "the name of a picture must end in one of .jpeg, " in capsys.readouterr().err


def test_what_killed_runs_have_left_is_removed(generator, tmp_path):
    left = leave_temporary(tmp_path / "a.png")
    sample_textures(str(generator), tmp_path / "a.png", output_width=32)
    assert not left.exists()


def test_a_picture_that_does_not_fit_is_made_in_strips(generator, monkeypatch):
    """The same pixels as whole, with noise drawn where it is needed."""
    options = {"output_width": 160, "output_height": 320, "random_seed": 3, "memory": "100GB"}
    (whole,) = sample_pictures(str(generator), **options)
    monkeypatch.setattr("pipelines.stylization.picture_plan.whole_bytes", lambda graph: 10**15)
    shares = []
    (strips,) = sample_pictures(str(generator), observe=shares.append, **options)
    # The coarsest map of the pyramid has 50 pixels: random weights normalised over them enlarge rounding.
    np.testing.assert_allclose(strips, whole, rtol=0, atol=5e-4)
    assert len(shares) > 3
    assert shares[-1] == pytest.approx(1)


def test_rows_of_noise_are_those_of_the_whole():
    model = build_generator("pyramid", mode="texture", filters=2, scales=2)
    whole = draw_noise(model, 40, 34, seed=7)[0]
    for rows in (range(3), range(5, 6), range(17, 40)):
        np.testing.assert_array_equal(draw_noise_rows(rows, 34, 3, seed=7), whole[rows.start : rows.stop])


def test_too_little_memory_is_told(generator, tmp_path, capsys):
    assert sample(generator, tmp_path / "a.png", "-ow", 9600, "--memory", "100MB") == 1
    assert "takes at least" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
