"""Crops that grow during a run, and views that are shifted."""

import keras
import numpy as np
import pytest
from support.training_cases import make_inputs, read_history, small_settings

from errors import ArgumentError
from images.reading import read_image
from model.saving import load_model
from pipelines.inputs import pictures_in
from pipelines.training.data import PhotoCrops, ShiftedCrops
from pipelines.training.files import read_styles
from pipelines.training.plan import plan_training
from pipelines.training.run import make_model
from pipelines.training.stages import Stage, divisible, plan_stages, samples_before, work_left
from pipelines.training.train import train_generator

# What a run of stages has; the consistency's weight is high enough to be a large part of the loss.
STAGED = {"image_size": (32, 48), "batch_size": 4, "num_iterations": 4, "save_every": 1, "learning_rate": 1e-2}
STAGED |= {"consistency_weight": 5.0, "mirrored_border": 3}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


@pytest.fixture(scope="module")
def staged(inputs, tmp_path_factory):
    output = tmp_path_factory.mktemp("staged")
    seen = []
    report = train_generator(small_settings(inputs, output, **STAGED), [seen.append])
    return output, report, seen


@pytest.mark.parametrize(("batch_size", "devices", "later"), [(2, 2, 2), (4, 4, 4), (16, 2, 8), (8, 8, 8), (3, 1, 1)])
def test_later_batches_can_be_divided_among_the_devices(batch_size, devices, later):
    first, second = divisible(plan_stages((256, 384), batch_size, 10), devices)
    assert (first.batch_size, second.batch_size) == (batch_size, later)


def test_stages_share_the_iterations_and_steps_have_as_many_pixels():
    assert plan_stages((256, 384), 4, 11) == (Stage(256, 4, 0, 6), Stage(384, 2, 6, 11))
    assert plan_stages((256, 384), 24, 10, multiple=12)[1] == Stage(384, 12, 5, 10)
    assert plan_stages((64, 256), 1, 10)[1].batch_size == 1
    assert plan_stages((256, 384), 1, 1) == (Stage(384, 1, 0, 1),)


def test_no_sample_comes_twice_when_batches_change():
    stages = (Stage(10, 4, 0, 3), Stage(20, 1, 3, 8))
    assert [samples_before(stages, iteration) for iteration in (0, 2, 3, 4, 8)] == [0, 8, 12, 13, 17]


def test_the_work_left_is_counted_in_pixels():
    stages = (Stage(10, 2, 0, 4), Stage(20, 1, 4, 8))
    assert [work_left(stages, done) for done in (0, 2, 4, 6, 8)] == pytest.approx([1, 5 / 6, 4 / 6, 2 / 6, 0])


def test_sizes_grow_and_batches_shrink(staged):
    output, report, seen = staged
    assert report.iterations == 4
    assert [progress.size for progress in seen] == [(32, 32)] * 2 + [(48, 48)] * 2
    assert [progress.scale_iterations for progress in seen] == [1, 2, 1, 2]
    rows = read_history(output)
    assert [row["iteration"] for row in rows] == [1, 2, 3, 4]
    for row in rows:
        assert row["loss"] == pytest.approx(row["style"] + row["content"] + row["consistency"], rel=1e-5)
        assert row["consistency"] > 0
    assert read_image(output / "previews" / "iteration-00000001.png").pixels.shape == (96, 192, 3)


@pytest.mark.parametrize("stop_after", [1, pytest.param(2, marks=pytest.mark.slow), 3])
def test_a_run_resumed_in_any_stage_equals_the_uninterrupted_one(inputs, staged, tmp_path, stop_after):
    def stop(progress):
        if progress.iterations == stop_after:
            raise StopIteration

    stopped = train_generator(small_settings(inputs, tmp_path, **STAGED), [stop])
    assert stopped.iterations == stop_after
    report = train_generator(small_settings(inputs, tmp_path, **STAGED))
    assert report.resumed_from == stop_after
    whole, parts = read_history(staged[0]), read_history(tmp_path)
    np.testing.assert_allclose([row["loss"] for row in parts], [row["loss"] for row in whole], rtol=1e-4)
    for one, other in zip(*(load_model(run.generator).get_weights() for run in (staged[1], report)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_other_sizes_are_another_run(inputs, staged):
    with pytest.raises(ArgumentError, match=r"different values of `image_size` \(32 48\)"):
        train_generator(small_settings(inputs, staged[0], **(STAGED | {"image_size": 32, "num_iterations": 6})))


def test_the_model_compares_the_generators_own_pictures_of_both_views(inputs):
    """Beside the generator called on each view alone; of three photos the first and the last have another view."""
    options = {"model": "hourglass", "batch_size": 3, "consistency_weight": 2.0, "precision": "float32"}
    settings = small_settings(inputs, inputs / "out", **options)
    training = make_model(plan_training(settings), list(read_styles(settings).values()))
    training.expect((3, 32, 32, 3))
    files = pictures_in(inputs / "photos", "data", recursive=True)
    crops = ShiftedCrops(PhotoCrops(files, size=32, seed=0), size=32, seed=0)
    batch = np.stack([crops(number) for number in range(3)])
    photos, others, shifts = batch[..., :3], batch[..., 3:6], batch[:, 0, 0, 6:].astype(int)
    pictures, moved = (keras.ops.convert_to_numpy(training.generator(array)) for array in (photos, others))
    each = [
        np.mean((picture[down : down + 25, right : right + 25] - other[:25, :25]) ** 2)
        for picture, other, (down, right) in zip(pictures[::2], moved[::2], shifts[::2], strict=True)
    ]
    losses = training.train_on_batch(batch, return_dict=True)
    assert float(losses["consistency"]) == pytest.approx(2 * np.mean(each), rel=1e-3)
