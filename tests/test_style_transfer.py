"""style_transfer.py from the command line: options, formats, what is refused, Ctrl-C and SIGKILL, two devices."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from conftest import ROOT, hear_ctrl_c
from PIL import Image
from support.transfer_cases import make_inputs, read_trace, small_values

import style_transfer
from images.color_profiles import srgb_profile
from pipelines.command_line import defaults_of, flag
from pipelines.transfer.settings import TransferSettings, layer_weights


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


def arguments(inputs, output, **changes):
    values = {**small_values(inputs, output), "initial_iterations": 2, "iterations": 1, "end_scale": 30, **changes}
    parts = [str(values.pop("content")), *map(str, values.pop("styles"))]
    for name, value in values.items():
        if name == "masks":
            parts += [part for pair in value for part in ("--mask", *map(str, pair))]
        elif value is True:
            parts.append(flag(name))
        else:
            parts += [flag(name), *map(str, value if isinstance(value, tuple) else (value,))]
    return parts


def settings_of(*argv):
    parsed = style_transfer.make_parser().parse_args(["setup.cfg", "style.png", *argv])
    return style_transfer.read_settings(parsed)


SHORT = {
    "-o": ("output", "a.png"), "-r": ("random_seed", "3"), "-cw": ("content_weight", "0.1"),
    "-tw": ("tv_weight", "4.0"), "-ms": ("min_scale", "64"), "-s": ("end_scale", "256"), "-i": ("iterations", "7"),
    "-ii": ("initial_iterations", "8"), "-ss": ("step_size", "0.5"), "-ad": ("avg_decay", "0.9"),
}  # fmt: skip


@pytest.mark.parametrize("short", SHORT)
def test_short_options_are_the_long_ones(short):
    name, value = SHORT[short]
    assert settings_of(short, value) == settings_of(flag(name), value)
    assert str(getattr(settings_of(short, value), name)) == value


def test_defaults_are_the_originals():
    defaults = defaults_of(TransferSettings)
    expected = {
        "content_weight": 0.015, "tv_weight": 2.0, "min_scale": 128, "end_scale": 512, "iterations": 500,
        "initial_iterations": 1000, "save_every": 50, "step_size": 0.02, "avg_decay": 0.99, "init": "content",
        "style_scale_fac": 1.0, "style_size": None, "pooling": "max", "optimizer": "adam", "random_seed": 0,
    }  # fmt: skip
    assert {name: defaults[name] for name in expected} == expected
    assert layer_weights(settings_of(), "style_layers") == pytest.approx(
        {f"relu{i}_1": 4 ** (5 - i) / 341 for i in range(1, 6)}
    )
    assert layer_weights(settings_of(), "content_layers") == {"relu4_2": 1.0}


WRONG = {
    "no such file": {"content": "nowhere.png"},
    "--content-layers: unknown layer 'rleu4_2'; did you mean 'relu4_2'": {"content_layers": ("rleu4_2",)},
    "did you mean 'wasserstein'": {"style_loss": "waserstein"},
    "must be a number above 0": {"style_layers": ("relu1_1=x",)},
    "--style-layers relu1_1=: the weight": {"style_layers": ("relu1_1=",)},
    "is given twice": {"style_layers": ("relu1_1", "block1_conv1")},
    "2 weights for 1 style;": {"style_weights": (1, 2)},
    "not all 0": {"style_weights": (0,)},
    "must be from 1 to 1e+09, not 0": {"iterations": 0},
    "must be from 1 to 1e+09, not 10000000000": {"initial_iterations": 10**10},
    "must be at least 0 and below 1": {"avg_decay": 1.0},
    "must be pixels": {"end_scale": "big"},
    "--end-scale 5000000 is too large: it needs": {"end_scale": 5_000_000},
    "must end in": {"output": "a.bmp"},
    "there is no folder nowhere": {"output": "nowhere/a.png"},
    "did you mean 'uniform'": {"init": "unifrm"},
    "one or two different ones": {"devices": ("cpu:0", "cpu:0")},
    "did you mean 'cpu:0'": {"devices": ("cpu:7",)},
    "invalid float value": {"step_size": "fast"},
    "2 pairs for 1 style;": {"masks": (("a", "b"), ("c", "d"))},
    "too small": {"min_scale": 1},
    "--mask nowhere.png: no such file": {"masks": (("left.png", "nowhere.png"),)},
    "style 1 of 60 x 1 pixels is too small": {"styles": ("thin.png",)},
    "not a colour profile": {"proof": "left.png"},
    "no saved state to resume from": {"resume": True},
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_is_told_in_one_line(inputs, tmp_path, capsys, monkeypatch, message):
    monkeypatch.chdir(inputs)
    before = sorted(inputs.iterdir())
    assert style_transfer.main(arguments(inputs, **{"output": tmp_path / "out.png", **WRONG[message]})) in (1, 2)
    error = capsys.readouterr().err.strip()
    assert message in error
    assert len(error.splitlines()) == 1
    assert sorted(inputs.iterdir()) == before
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["jpg", "tif", "webp"])
def test_formats(inputs, tmp_path, capsys, suffix):
    output = tmp_path / f"\u202eout.{suffix}"  # what follows would be shown from right to left
    assert style_transfer.main(arguments(inputs, output)) == 0
    assert f"wrote {tmp_path}/\\u202eout.{suffix}: 30 x 20" in capsys.readouterr().out
    with Image.open(output) as image:
        assert image.size == (30, 20)
        assert image.info["icc_profile"] == srgb_profile()
        if suffix == "jpg":
            assert all(component[1:3] == (1, 1) for component in image.layer)
    if suffix == "tif":
        pixels = tifffile.imread(output)
        assert pixels.dtype == np.uint16
        assert (pixels % 257).any()


def test_loss_that_is_not_a_number_is_told(inputs, tmp_path, capsys):
    assert style_transfer.main(arguments(inputs, tmp_path / "out.png", content_weight=1e38)) == 1
    assert "content/relu2_1" in capsys.readouterr().err


# A run that sends itself a signal right after it has written so many iterates: however busy the machine is, the
# signal comes in the middle of the run.
SIGNALLED = """
import os, sys
import style_transfer
from pipelines.transfer.files import TransferFiles

number, iterates_before = int(sys.argv[1]), int(sys.argv[2])
write_trace = TransferFiles._write_trace

def write_and_signal(self, iterates):
    write_trace(self, iterates)
    if len(iterates) >= iterates_before:
        TransferFiles._write_trace = write_trace
        os.kill(os.getpid(), number)

TransferFiles._write_trace = write_and_signal
sys.exit(style_transfer.main(sys.argv[3:]))
"""


def run_until(number, iterates, parts):
    return subprocess.run(
        [sys.executable, "-c", SIGNALLED, str(int(number)), str(iterates), *parts],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        preexec_fn=hear_ctrl_c,
    )  # fmt: skip


def test_killed_run_is_resumed_and_ctrl_c_saves(inputs, tmp_path):
    changes = {"initial_iterations": 20, "iterations": 40, "end_scale": 42, "save_every": 5}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    assert style_transfer.main(arguments(inputs, whole / "out.png", **changes)) == 0

    parts = arguments(inputs, broken / "out.png", **changes)
    killed = run_until(signal.SIGKILL, 12, parts)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert 12 <= len(read_trace(broken)) < 20

    stopped = run_until(signal.SIGINT, 33, [*parts, "--resume"])
    assert "saved; the same command resumes the run" in stopped.stderr
    assert stopped.returncode == 130
    assert 33 <= len(read_trace(broken)) < 60
    assert Image.open(broken / "out.png").size == (42, 28)

    assert style_transfer.main([*parts, "--resume"]) == 0
    found, expected = read_trace(broken), read_trace(whole)
    assert len(found) == len(expected) == 60
    assert found[-1]["loss"] == pytest.approx(expected[-1]["loss"], rel=0.02)


TWO_DEVICES = """
import sys, os
if os.environ["KERAS_BACKEND"] == "tensorflow":
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import style_transfer
sys.exit(style_transfer.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_share_the_descriptor(inputs, tmp_path, backend):
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "PYTHONPATH": str(ROOT),
    }
    losses = {}
    for devices in (("cpu:0",), ("cpu:0", "cpu:1")):
        folder = tmp_path / str(len(devices))
        folder.mkdir()
        parts = arguments(inputs, folder / "out.png", devices=devices, initial_iterations=4)
        result = subprocess.run(
            [sys.executable, "-c", TWO_DEVICES, *parts], env=environment, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stderr
        losses[len(devices)] = [iterate["loss"] for iterate in read_trace(folder)]
    assert losses[2] == pytest.approx(losses[1], rel=1e-4)
