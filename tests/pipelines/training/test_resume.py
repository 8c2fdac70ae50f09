"""A run that is killed and started again; logs; folders that are not to be mixed up."""

import dataclasses
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT
from support.small_disk import largest_file
from support.training_cases import make_inputs, read_history, small_settings

from errors import ArgumentError
from pipelines.training import files
from pipelines.training.callbacks.history import History
from pipelines.training.callbacks.logs import TensorBoardLogs
from pipelines.training.files import checkpoints, read_state
from pipelines.training.settings import TrainingSettings
from pipelines.training.train import train_generator

RUN = {"num_iterations": 60, "save_every": 10, "precision": "bfloat16", "learning_rate": 3e-3}
# A process that kills itself after iteration 24: however busy the machine is, in the middle of the run.
SCRIPT = f"""
import os, signal, sys
from pathlib import Path
from support.training_cases import small_settings
from pipelines.training.train import train_generator

def kill(progress):
    if progress.iterations == 24:
        os.kill(os.getpid(), signal.SIGKILL)

train_generator(small_settings(Path(sys.argv[1]), Path(sys.argv[2]), resume=True, **{RUN}), [kill])
"""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


@pytest.fixture(scope="module")
def whole_run(inputs, tmp_path_factory):
    output = tmp_path_factory.mktemp("whole")
    settings = small_settings(inputs, output, log_dir=output / "logs", **RUN)
    train_generator(settings)
    return settings, output


def test_killed_run_goes_on_as_if_nothing_had_happened(inputs, whole_run, tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    command = [sys.executable, "-c", SCRIPT, str(inputs), str(tmp_path)]
    killed = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert read_history(tmp_path)[-1]["iteration"] >= 20
    others = tmp_path / ".x.tmp.y"
    others.write_bytes(b"somebody else's")

    seen = []
    report = train_generator(small_settings(inputs, tmp_path, resume=True, **RUN), [seen.append])
    assert report.resumed_from == 20
    losses = [line["loss"] for line in read_history(tmp_path)]
    assert seen[-1].means["loss"] == pytest.approx(np.mean(losses))  # fewer than the running mean has
    whole, parts = read_history(whole_run[1]), read_history(tmp_path)
    assert [row["iteration"] for row in parts] == list(range(1, 61))
    np.testing.assert_allclose([row["loss"] for row in parts], [row["loss"] for row in whole], rtol=1e-5)
    assert list(tmp_path.glob(".*")) == [others]


def test_tensorboard_gets_losses_learning_rate_and_previews(whole_run):
    found = {}
    for file in sorted((whole_run[1] / "logs").iterdir()):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                found[value.tag, event.step] = tf.make_ndarray(value.tensor)
    row = read_history(whole_run[1])[29]
    for name in ("loss", "style", "content"):
        assert found[f"loss/{name}", 30] == pytest.approx(row[name], rel=1e-6)
    assert found["learning_rate", 30] == pytest.approx(row["learning_rate"], rel=1e-6)
    width, height, png = found["previews", 60]
    sheet = tf.io.decode_png(png)
    assert sheet.shape == (int(height), int(width), 3) == (64, 128, 3)


def test_logs_that_cannot_be_written_are_named(tmp_path):
    """On a full disk there was "not enough memory", and TensorFlow's names of its functions."""
    with largest_file(0), pytest.raises(OSError, match=f"^{tmp_path}/logs: cannot be written: File too large$"):
        TensorBoardLogs(0, 1, tmp_path / "logs", float).on_iteration_end(1, {"loss": 1.0})


def test_a_history_that_cannot_be_written_is_named(tmp_path):
    history = History(0, 2, tmp_path / "history.csv", ("loss",), float)
    history.on_train_begin()
    with largest_file(30):
        for write in (lambda: history.on_iteration_end(1, {"loss": 1.0}), history.close):
            with pytest.raises(OSError, match="File too large") as error:
                write()
            assert error.value.filename == str(tmp_path / "history.csv")


def test_second_run_in_the_same_folder_is_refused(whole_run):
    with pytest.raises(ArgumentError, match=r"checkpoints of a completed run: .*`restart`"):
        train_generator(whole_run[0])


def test_resuming_with_other_settings_is_refused(whole_run):
    with pytest.raises(ArgumentError, match=r"different values of `style_weight` \(1\.0\)"):
        train_generator(dataclasses.replace(whole_run[0], resume=True, style_weight=2.0))


def test_runs_of_versions_without_the_spectrum_had_no_such_term(whole_run, monkeypatch):
    def older(path):
        state = read_state(path)
        del state["settings"]["spectrum_weight"]
        return state

    monkeypatch.setattr(files, "read_state", older)
    texture = {"mode": "texture", "data": None, "content_layers": TrainingSettings.content_layers}
    changed = dataclasses.replace(whole_run[0], resume=True, spectrum_weight=1.0, **texture)
    with pytest.raises(ArgumentError, match=r"different values of .*`spectrum_weight` \(0\.0\)"):
        train_generator(changed)


def test_resuming_beyond_the_end_is_refused(whole_run):
    with pytest.raises(ArgumentError, match="already has 60"):
        train_generator(dataclasses.replace(whole_run[0], resume=True, num_iterations=50))


def test_complete_run_has_nothing_to_resume(whole_run):
    before = checkpoints(whole_run[1])
    report = train_generator(dataclasses.replace(whole_run[0], resume=True))
    assert report.resumed_from == 60
    assert checkpoints(whole_run[1]) == before
