"""One network of several styles: its targets take turns in a batch, and each style learns its own normalisations."""

import numpy as np
import pytest
from support.training_cases import make_inputs, small_settings

import texture_nets
from errors import ArgumentError
from images.writing import write_image
from losses.texture import GramComparison
from losses.total_variation import TotalVariation
from model.saving import load_model
from model.styles import style_names
from pipelines.training.train import train_generator


def several(folder, output, **options):
    if not (folder / "photos").exists():
        make_inputs(folder)
        write_image(folder / "dots.png", np.random.default_rng(8).random((48, 48, 3), np.float32))
    own = {"style_image": (folder / "style.png", folder / "dots.png"), "model": "hourglass", "batch_size": 2}
    return small_settings(folder, output, **(own | options))


@pytest.mark.backends
def test_targets_take_turns_in_a_batch():
    random = np.random.default_rng(0)
    features = random.random((4, 5, 6, 3), np.float32)
    targets = [np.cov(random.random((3, 9))) for _ in range(2)]
    each = [GramComparison(targets[i % 2])(features[i : i + 1]) for i in range(4)]
    np.testing.assert_allclose(GramComparison(np.stack(targets))(features), np.mean(each), rtol=1e-5)
    images = random.random((4, 8, 9, 3), np.float32)
    each = [TotalVariation([0.5, 2.0][i % 2]).terms(images[i : i + 1])[""] for i in range(4)]
    np.testing.assert_allclose(TotalVariation([0.5, 2.0]).terms(images)[""], np.mean(each), rtol=1e-5)


@pytest.fixture(scope="module")
def two_iterations(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    return folder, train_generator(several(folder, folder / "out", num_iterations=2))


def test_every_style_learns_and_the_file_knows_their_names(two_iterations):
    folder, report = two_iterations
    network = load_model(report.generator)
    assert style_names(network) == ("style", "dots")
    gammas = [layer.get_weights()[0] for layer in network.layers if layer.name.endswith("_norm")]
    assert all(np.abs(first - second).max() > 0 for first, second in gammas)
    photo = np.random.default_rng(1).random((32, 40, 3), np.float32)
    both = [texture_nets.stylize(photo, report.generator, style={name: 1}) for name in ("style", "dots")]
    assert np.abs(both[0] - both[1]).max() > 1e-4
    assert list((folder / "out" / "previews").glob("*.png"))


def test_a_run_goes_on_with_the_same_styles_alone(two_iterations):
    folder, _ = two_iterations
    swapped = (folder / "dots.png", folder / "style.png")
    with pytest.raises(ArgumentError, match="styles"):
        train_generator(several(folder, folder / "out", num_iterations=3, style_image=swapped))
    report = train_generator(several(folder, folder / "out", num_iterations=3))
    assert (report.resumed_from, report.iterations) == (2, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 3}, "`batch_size` 3: must be a multiple of the 2 styles"),
        ({"model": "johnson"}, "several styles need `model` hourglass and `mode` style"),
    ],
)
def test_what_several_styles_need(tmp_path, options, message):
    with pytest.raises(ArgumentError, match=message):
        train_generator(several(tmp_path, tmp_path / "out", **options))


def test_files_of_one_name_are_refused(tmp_path):
    (tmp_path / "other").mkdir()
    write_image(tmp_path / "other" / "style.png", np.zeros((48, 48, 3), np.float32))
    images = (tmp_path / "style.png", tmp_path / "other" / "style.png")
    with pytest.raises(ArgumentError, match="files give the styles their names"):
        train_generator(several(tmp_path, tmp_path / "out", style_image=images))
