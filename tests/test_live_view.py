"""Whole runs with a live view: followed and stopped over HTTP."""

import importlib
import io
import json
import os
import re
import socket
import subprocess
import sys
import urllib.request

import keras
import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from support.training_cases import make_inputs, read_history, small_settings

import synthesize
import train
from model.saving import load_model
from options import options_of
from pipelines.training.files import checkpoints, read_state
from pipelines.training.train import train_generator
from runs.live_view import LiveViewOptions

SCRIPTS = ("synthesize", "train", "style_transfer")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_have_the_same_options(script):
    arguments = ["content.png", "style.png"] if script == "style_transfer" else []
    parsed = vars(importlib.import_module(script).make_parser().parse_args(arguments))
    assert all(parsed[name] == default for name, default, _ in options_of(LiveViewOptions))


def start(script, *argv):
    """Start a script with a live view at a free port, and return its process and the view's address."""
    process = subprocess.Popen(
        [sys.executable, f"{script}.py", *map(str, argv), "--web", "--port", "0"], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
    )  # fmt: skip
    for line in process.stderr:
        if found := re.match(r"live view: (http://127\.0\.0\.1:\d+)/", line):
            return process, found[1]
    raise AssertionError(process.communicate())


def follow(url):
    """Yield the events of a run to its end."""
    with urllib.request.urlopen(f"{url}/events", timeout=60) as stream:
        for line in stream:
            if line.startswith(b"data: "):
                yield json.loads(line.removeprefix(b"data: "))


def stop(url):
    """Press the page's button."""
    headers = {"Origin": url}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/stop", b"", headers, method="POST")) as answer:
        assert answer.status == 200


def read(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def endless_runs(inputs, folder):
    """Return for each script the arguments of a small run without end, and its result."""
    style, weights = inputs / "style.png", inputs / "vgg.keras"
    return {
        "synthesize": (
            ["-s", style, "--weights", weights, "-l", "relu1_1", "pool1", "-ow", 64, "-o", 1, "-m", 100000, "--tol", 0,
             "--output-dir", folder, "--output", folder / "result.png"],
            folder / "result.png",
        ),
        "train": (
            ["--data", inputs / "photos", "--style-image", style, "--weights", weights, "--style-layers", "relu1_1",
             "--content-layers", "relu2_1", "--image-size", 32, "--num-iterations", 100000, "--save-every", 100000,
             "--checkpoints-path", folder],
            folder / "generator.keras",
        ),
        "style_transfer": (
            [style, style, "--weights", weights, "--style-layers", "relu1_1", "--content-layers", "relu2_1", "-ms", 48,
             "-s", 64, "-ii", 100000, "-o", folder / "result.png"],
            folder / "result.png",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_run_is_followed_and_stopped_with_its_result(script, inputs, tmp_path):
    arguments, result = endless_runs(inputs, tmp_path)[script]
    process, url = start(script, *arguments)
    try:
        assert b"<title>Live view</title>" in read(url)
        last = follow_and_stop(url)
        output, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, error
    assert (last["state"], last["message"]) == ("stopped", "stopped; the result is saved")
    assert (last["name"], last["names"][0]) == (f"{script}.py", "loss")
    assert 3 <= last["iteration"] < 100000 <= last["total"]
    assert len(last["names"]) > 1
    assert result.stat().st_size > 500
    assert str(result.name if script == "style_transfer" else tmp_path) in output
    assert "Traceback" not in error


def follow_and_stop(url):
    """Follow a run, look at its picture, stop it after the third iteration, and return the last news."""
    for news in follow(url):
        if news["iteration"] >= 3 and news["state"] == "running":
            shown = Image.open(io.BytesIO(read(f"{url}/image")))
            assert min(shown.size) >= 32
            assert np.ptp(np.asarray(shown)) > 20
            stop(url)
    return news


def test_a_stopped_training_leaves_its_result_and_can_go_on(inputs, tmp_path):
    def stop_at_three(progress):
        pictures = progress.frames()
        assert pictures.shape == (1, 2 * 32, 4 * 32, 3)  # photos above, pictures below
        assert (progress.size, progress.max_iterations) == ((32, 32), 6)
        assert progress.loss == pytest.approx(sum(progress.terms.values()), rel=1e-5)
        if progress.iterations == 3:
            shown.append(pictures)
            raise StopIteration

    shown = []
    report = train_generator(small_settings(inputs, tmp_path, save_every=100), [stop_at_three])
    assert report.iterations == 3
    assert [row["iteration"] for row in read_history(tmp_path)] == [1, 2, 3]
    assert [read_state(path)["iteration"] for path in checkpoints(tmp_path)] == [3]
    assert (tmp_path / "previews" / "iteration-00000003.png").exists()
    # The picture shown last is what the saved generator makes of the photos.
    photos, pictures = np.split(shown[0][0], 2)
    photo = np.ascontiguousarray(photos[np.newaxis, :, :32])
    made = keras.ops.convert_to_numpy(load_model(report.generator)(photo))
    assert np.allclose(made[0], pictures[:, :32], atol=1e-5)
    went_on = train_generator(small_settings(inputs, tmp_path, save_every=100, resume=True))
    assert (went_on.resumed_from, went_on.iterations) == (3, 6)


def test_observers_do_not_change_a_training(inputs, tmp_path):
    for name, observers in (("alone", []), ("followed", [lambda progress: progress.frames()])):
        train_generator(small_settings(inputs, tmp_path / name), observers)
    assert read_history(tmp_path / "alone") == read_history(tmp_path / "followed")


@pytest.mark.parametrize("main", [synthesize.main, train.main])
def test_a_taken_port_ends_a_script_before_its_work(main, inputs, tmp_path, capsys):
    arguments = {
        synthesize.main: ["-s", str(inputs / "style.png"), "--output-dir", str(tmp_path)],
        train.main: [
            *("--style-image", str(inputs / "style.png"), "--data", str(inputs / "photos")),
            *("--checkpoints-path", str(tmp_path)),
        ],
    }
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main([*arguments[main], "--web", "--port", str(port)]) == 1
    error = capsys.readouterr().err
    assert re.search(rf"^\w+\.py: error: --web cannot listen on .* --port {port}: Address already in use", error)
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())
