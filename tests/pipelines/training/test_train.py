"""Whole training runs."""

import errno
import shutil

import h5py
import keras
import numpy as np
import pytest
from support.small_disk import largest_file
from support.training_cases import make_inputs, read_history, small_settings

from errors import UserError
from images.reading import read_image
from model.saving import load_model
from pipelines.training.data import PhotoCrops
from pipelines.training.files import checkpoints, read_state, sign, write_checkpoint
from pipelines.training.train import train_generator
from runs.store import DamagedError

# What is computed is tried on every backend; files, checkpoints and refusals are the same on all.
on_every_backend = pytest.mark.backends


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


@pytest.fixture(scope="module")
def style_run(inputs, tmp_path_factory):
    output = tmp_path_factory.mktemp("style")
    return train_generator(small_settings(inputs, output, num_iterations=8, learning_rate=1e-2, tv_weight=0.1)), output


@pytest.fixture(scope="module")
def run_of_four(inputs, tmp_path_factory):
    """A run of four iterations with checkpoints after the second and the last, to be copied."""
    output = tmp_path_factory.mktemp("four")
    train_generator(small_settings(inputs, output, num_iterations=4))
    return output


@on_every_backend
def test_style_run_lowers_its_loss(style_run):
    rows = read_history(style_run[1])
    assert [row["iteration"] for row in rows] == list(range(1, 9))
    assert np.mean([row["loss"] for row in rows[-3:]]) < 0.9 * np.mean([row["loss"] for row in rows[:3]])


@on_every_backend
def test_loss_is_the_sum_of_its_terms(style_run):
    for row in read_history(style_run[1]):
        assert row["loss"] == pytest.approx(row["style"] + row["content"] + row["total_variation"], rel=1e-5)
        assert row["learning_rate"] == pytest.approx(1e-2)


def test_result_is_a_generator_under_the_image_contract(style_run):
    report, _ = style_run
    model = load_model(report.generator)
    photo = np.random.default_rng(1).random((1, 37, 50, 3), dtype=np.float32)
    picture = keras.ops.convert_to_numpy(model(photo))
    assert picture.shape == photo.shape
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}


def test_last_three_checkpoints_are_kept(style_run):
    found = checkpoints(style_run[1])
    assert [read_state(path)["iteration"] for path in found] == [4, 6, 8]
    assert not list(style_run[1].glob(".*"))


def test_previews_show_photos_and_pictures(style_run):
    sheets = sorted((style_run[1] / "previews").iterdir())
    assert [sheet.name for sheet in sheets] == [f"iteration-{i:08d}.png" for i in (2, 4, 6, 8)]
    assert read_image(sheets[0]).pixels.shape == (64, 128, 3)


@on_every_backend
def test_resumed_run_equals_the_uninterrupted_one(inputs, style_run, tmp_path):
    """The optimiser, the crops and the schedule go on where they stood, to float32 rounding."""
    options = {"learning_rate": 1e-2, "tv_weight": 0.1}
    train_generator(small_settings(inputs, tmp_path, num_iterations=4, **options))
    report = train_generator(small_settings(inputs, tmp_path, num_iterations=8, resume=True, **options))
    assert report.resumed_from == 4
    whole, parts = read_history(style_run[1]), read_history(tmp_path)
    np.testing.assert_allclose([row["loss"] for row in parts], [row["loss"] for row in whole], rtol=1e-4)


def test_run_begins_with_the_weights_of_a_trained_generator(inputs, style_run, tmp_path):
    """One step of almost no length: what comes out is what went in."""
    report, _ = style_run
    options = {"num_iterations": 1, "learning_rate": 1e-12, "initial_generator": report.generator}
    again = train_generator(small_settings(inputs, tmp_path, **options))
    expected, found = (load_model(run.generator).get_weights() for run in (report, again))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_initial_generator_of_another_kind_is_refused(inputs, style_run, tmp_path):
    options = {"normalization": "batch", "initial_generator": style_run[0].generator}
    with pytest.raises(UserError, match=r"`initial_generator` .*: its weights do not fit the generator to be trained"):
        train_generator(small_settings(inputs, tmp_path, **options))


def test_texture_mode_with_all_terms(inputs, tmp_path):
    settings = small_settings(
        inputs, tmp_path, mode="texture", batch_size=2, diversity_weight=0.5, spectrum_weight=0.1,
        histogram_weight=0.1, pyramid_loss=2, num_iterations=2,
    )  # fmt: skip
    report = train_generator(settings)
    model = load_model(report.generator)
    assert [tensor.name for tensor in model.inputs] == ["noise"]
    terms = {"style", "diversity", "spectrum", "histograms"}
    assert set(read_history(tmp_path)[0]) == {"iteration", "learning_rate", "loss", *terms}


def test_loss_that_is_no_number_stops_the_run(inputs, run_of_four, tmp_path, monkeypatch):
    shutil.copytree(run_of_four, tmp_path, dirs_exist_ok=True)
    crop = PhotoCrops.__call__
    monkeypatch.setattr(PhotoCrops, "__call__", lambda self, number: crop(self, number) * (1 if number < 4 else np.nan))
    with pytest.raises(UserError, match=r"iteration 5: .*last good checkpoint is .*checkpoint-00000004"):
        train_generator(small_settings(inputs, tmp_path, num_iterations=6, resume=True))
    assert checkpoints(tmp_path)[-1].name == "checkpoint-00000004.weights.h5"


@pytest.mark.parametrize(("value", "reason"), [(np.inf, "infinite"), (np.nan, "NaN"), (2e10, "2e+10, beyond")])
def test_checkpoint_with_a_weight_that_is_no_weight_is_not_used(value, reason, inputs, run_of_four, tmp_path):
    shutil.copytree(run_of_four, tmp_path, dirs_exist_ok=True)
    newest = checkpoints(tmp_path)[-1]
    _spoil(newest, value)
    notes = []
    report = train_generator(small_settings(inputs, tmp_path), note=notes.append)
    assert report.resumed_from == 2
    assert any(newest.name in note and "generator" in note and reason in note for note in notes)
    for path in checkpoints(tmp_path):
        _spoil(path, value)
    with pytest.raises(DamagedError, match="there is no intact checkpoint"):
        train_generator(small_settings(inputs, tmp_path, num_iterations=8))


def test_a_folder_that_is_called_like_a_checkpoint_is_left_alone(tmp_path):
    (tmp_path / "checkpoint-00000002.weights.h5").mkdir()
    (tmp_path / "checkpoint-00000001.weights.h5").touch()
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-00000001.weights.h5"]


def test_checkpoints_of_more_iterations_than_eight_digits_hold_come_last(tmp_path):
    for iteration in (99_999_999, 100_000_000):
        (tmp_path / f"checkpoint-{iteration:08d}.weights.h5").touch()
    names = [path.name for path in checkpoints(tmp_path)]
    assert names == ["checkpoint-99999999.weights.h5", "checkpoint-100000000.weights.h5"]


def test_checkpoint_of_another_network_is_not_used(inputs, run_of_four, tmp_path):
    """Its arrays have other shapes: nothing that its digest tells."""
    shutil.copytree(run_of_four, tmp_path, dirs_exist_ok=True)
    newest = checkpoints(tmp_path)[-1]
    with h5py.File(newest, "a") as file:
        name = next(name for name in _kernels(file))
        flat = file[name][()].ravel()
        del file[name]
        file[name] = flat
    sign(newest)
    notes = []
    assert train_generator(small_settings(inputs, tmp_path), note=notes.append).resumed_from == 2
    assert notes[-1].startswith("resuming at iteration 2 of the interrupted run in ")


def test_diverging_run_ends_before_it_writes_a_checkpoint(inputs, tmp_path):
    """The first step's loss is finite; the weights that it leaves give pictures that are not."""
    with pytest.raises(UserError, match="not finite any more at iteration 1: stopped; there is no checkpoint yet"):
        train_generator(small_settings(inputs, tmp_path, save_every=1, learning_rate=1e30))
    assert not checkpoints(tmp_path)


def _kernels(file):
    """Return the places of the generator's kernels in a checkpoint."""
    found = []
    file.visititems(lambda name, item: found.append(name) if getattr(item, "ndim", 0) == 4 else None)
    return [name for name in found if "generator" in name]


def _spoil(path, value):
    """Put a weight that is none into a checkpoint."""
    with h5py.File(path, "a") as file:
        file[_kernels(file)[0]][0, 0, 0, 0] = value
        file.attrs.pop("sha256", None)  # earlier versions kept none


def test_checkpoint_on_a_full_disk_ends_in_one_line(tmp_path):
    """HDF5 wrote to the disk itself: tracebacks, a message of 400 characters, and a crash of the whole process."""
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64)])
    with largest_file(4096), pytest.raises(OSError, match="File too large") as error:
        write_checkpoint(tmp_path, model, 1, {})
    assert str(error.value) == f"[Errno {errno.EFBIG}] File too large: '{tmp_path}/checkpoint-00000001.weights.h5'"
    assert not list(tmp_path.iterdir())
