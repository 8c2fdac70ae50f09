"""synthesize.py from the command line: every option, what is refused, Ctrl-C and SIGKILL."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT, hear_ctrl_c
from support.synthesis_cases import make_inputs, read_progress

import synthesize
from pipelines.command_line import defaults_of, flag
from pipelines.synthesis.settings import SynthesisSettings, resolve_layers


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


def arguments(inputs, output_dir, **changes):
    values = {
        "source": inputs / "stones.png", "weights": inputs / "vgg.keras", "layers": ("0", "pool1"),
        "output-width": 40, "octaves": 1, "max-iter": 3, "output-dir": output_dir,
    }  # fmt: skip
    values |= {name.replace("_", "-"): value for name, value in changes.items()}
    parts = []
    for name, value in values.items():
        if value is not None:
            parts += [f"--{name}", *map(str, value if isinstance(value, tuple) else (value,))]
    return parts


def settings_of(*argv):
    return synthesize.read_settings(synthesize.parse([*argv, "--source", "a.png"]))


def layers_of(*argv):
    settings = settings_of(*argv)
    return resolve_layers(settings.descriptor, settings.layers)


# The old script's options, long and short.
SHORT = {
    "-ow": ("output_width", "100"), "-oh": ("output_height", "90"), "-o": ("octaves", "3"), "-m": ("max_iter", "7"),
    "-op": ("output_prefix", "try"), "-n": ("save_every", "5"), "-ss": ("source_scale", "0.5"),
    "-sw": ("source_width", "128"), "-p": ("padding_mode", "same"), "-j": ("join_mode", "max"), "-c": ("count", "4"),
    "-d": ("data_dir", "weights"),
}  # fmt: skip


@pytest.mark.parametrize("short", SHORT)
def test_short_options_are_the_long_ones(short):
    name, value = SHORT[short]
    settings = settings_of(short, value)
    assert settings == settings_of(flag(name), value)
    assert str(getattr(settings, name)) == value


def test_layers_and_sources_are_lists():
    assert layers_of("-l", "2", "7") == ("pool1", "relu3_2")
    assert layers_of("-l", "conv1_1", "block3_conv2") == ("conv1_1", "relu3_2")
    assert synthesize.read_settings(synthesize.parse(["-s", "a", "b"])).source == ("a", "b")


def test_defaults_are_the_library_s_and_those_of_the_old_script():
    settings = settings_of()
    defaults = defaults_of(SynthesisSettings)
    parsed = vars(synthesize.parse(["-s", "a"]))
    del defaults["source"]
    assert {name: parsed[name] for name in defaults} == defaults
    assert (*settings.size, settings.octaves, settings.max_iter) == (512, 512, None, 500)
    assert (layers_of(), settings.save_every, settings.padding_mode) == (("pool1", "relu3_2"), 10, "valid")
    assert (settings.if_weight, settings.if_shift, settings.if_order, settings.if_octaves) == (1, 5, 2, 1)
    assert (settings.tol, settings.join_mode, settings.seed, settings.if_distance_type) == (
        1e-9,
        "average",
        "random",
        "l2",
    )
    assert (settings.data_dir, settings.output_dir, settings.output_prefix) == ("model_data", "outputs", "out")


def test_presets_give_defaults_that_options_override():
    settings = settings_of("--preset", "gatys2015", "--max-iter", "50")
    assert layers_of("--preset", "gatys2015") == ("relu1_1", "pool1", "pool2", "pool3", "pool4")
    assert (settings.max_iter, settings.descriptor, settings.match_histogram) == (50, "vgg19-normalized", True)


REFUSED = {
    "no source": ({"source": None}, 2, "--source is needed"),
    "missing source": ({"source": "gone.png"}, 2, "--source gone.png: no such file"),
    "unreadable source": ({"source": "{inputs}/folder/notes.txt"}, 1, "notes.txt"),
    "empty folder": ({"source": "{inputs}/empty"}, 2, "no pictures in this folder"),
    "layer": ({"layers": ("pool11",)}, 2, "--layers: unknown layer 'pool11'; did you mean 'pool1'?"),
    "layer position": ({"layers": ("99",)}, 2, "--layers: layer position 99"),
    "layer twice": ({"layers": ("2", "pool1")}, 2, "--layers must be one or more different layers"),
    "width": ({"output_width": -5}, 2, "--output-width must be at least 1, not -5"),
    "height": ({"output_height": 0}, 2, "--output-height must be at least 1, not 0"),
    "no number": ({"output_width": "wide"}, 2, "invalid int value: 'wide'"),
    "octaves": ({"octaves": 12}, 2, "cannot be halved 11 times"),
    "small output": ({"output_width": 5}, 2, "an output of 5 x 5 is too small"),
    "if octaves": ({"if_octaves": 2}, 2, "--if-octaves 2 must be at most --octaves, which is 1"),
    "two sizes": ({"source_scale": 1, "source_width": 9}, 2, "--source-scale and --source-width exclude each other"),
    "shift": ({"if_shift": 0}, 2, "--if-shift must be above 0"),
    "tolerance": ({"tol": "nan"}, 2, "--tol must be at least 0, not nan"),
    "factor": ({"mul": 1e-300}, 2, "--mul must be from 1e-06 to 1e+06, not 1e-300"),
    "join mode": ({"join_mode": "riemannn"}, 2, "did you mean 'riemann'?"),
    "pooling": ({"pooling": "avg"}, 2, "unknown --pooling 'avg'"),
    "preset": ({"preset": "gatys"}, 2, "did you mean 'gatys2015'?"),
    "option": ({"octave": 3, "octavess": 3}, 2, "--octavess"),
    "output": ({"output": "a.gif"}, 2, "--output a.gif: the name of a picture must end in"),
    "prefix": ({"output_prefix": "a/b"}, 2, "--output-prefix 'a/b' must be the beginning of a folder's name"),
    "init": ({"init": "gone.png"}, 2, "gone.png: no such file"),
    "weights": ({"weights": "gone.h5"}, 2, "--weights gone.h5: no such file"),
    "no weights": ({"weights": "{inputs}/stones.png"}, 1, "not an HDF5, .keras, PyTorch or safetensors file"),
    "random layers": ({"descriptor": "random"}, 2, "the random descriptor has a single layer, 'random'"),
    "guide": ({"guide": ("{inputs}/stones.png", "{inputs}/output_mask.png")}, 2, "is not in"),
    "guide sources": (
        {"source": "{inputs}/folder", "guide": ("{inputs}/source_mask.png", "{inputs}/output_mask.png")}, 2,
        "--guide needs a single source, not 2",
    ),
    "resume": ({"resume": "{inputs}"}, 2, "--resume uses the settings of the interrupted run: leave out"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_arguments_are_refused_in_one_line(case, inputs, tmp_path, capsys):
    (inputs / "empty").mkdir(exist_ok=True)
    changes, code, message = REFUSED[case]

    def filled(value):
        if isinstance(value, tuple):
            return tuple(map(filled, value))
        return value.format(inputs=inputs) if isinstance(value, str) else value

    changes = {name: filled(value) for name, value in changes.items()}
    assert synthesize.main(arguments(inputs, tmp_path / "runs", **changes)) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("synthesize.py: error: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_run_tells_message_loss_and_folder(inputs, tmp_path, capsys):
    place = tmp_path / "\x1b[31mruns\n"
    changes = ["--match-histogram", "--no-bounds", "--mul", "1.1", "--output", str(tmp_path / "tile.png")]
    assert synthesize.main([*arguments(inputs, place), *changes]) == 0
    told = capsys.readouterr().out
    assert "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT (3 iterations" in told
    assert "loss of the saved picture: " in told
    (folder,) = place.iterdir()
    assert f"wrote {tmp_path}/\\x1b[31mruns\\n/{folder.name}: final_F0000.png" in told
    assert f"wrote {tmp_path / 'tile.png'}\n" in told
    values = json.loads((folder / "command.json").read_text())["arguments"]
    assert (values["bounds"], values["match_histogram"], values["mul"]) == (False, True, 1.1)


def start(*argv):
    return subprocess.Popen(
        [sys.executable, "synthesize.py", *map(str, argv)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}, preexec_fn=hear_ctrl_c,
    )  # fmt: skip


def wait_for_pictures(folder, process):
    """Wait until a run has saved a few times, and return its folder."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        found = list(folder.glob("*/I0006_F0000.png"))
        if found:
            return found[0].parent
        time.sleep(0.02)
    raise AssertionError(process.communicate())


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_a_run_ended_from_outside_is_taken_up_again(inputs, tmp_path, by):
    process = start(*arguments(inputs, tmp_path, max_iter=9000, save_every=2, output_width=96, tol=0))
    folder = wait_for_pictures(tmp_path, process)
    process.send_signal(by)
    _, error = process.communicate(timeout=60)
    # SIGKILL may have cut off the last line.
    whole = [line for line in (folder / "progress.jsonl").read_text().splitlines(keepends=True) if line.endswith("\n")]
    seen = json.loads(whole[-1])["iteration"]
    saved = int(np.load(folder / "state.npz")["iterations"])
    if by == signal.SIGINT:
        assert process.returncode == 130
        assert "saved; the same command resumes the run" in error
        assert "Traceback" not in error
        assert (folder / f"I{seen:04d}_F0000.png").exists()
        assert saved == seen
    assert seen - 2 <= saved <= seen + 1
    # A shorter run to go on with.
    command = json.loads((folder / "command.json").read_text())
    command["arguments"]["max_iter"] = saved + 10
    (folder / "command.json").write_text(json.dumps(command))
    assert synthesize.main(["--resume", str(folder)]) == 0
    again = read_progress(folder)
    assert [line["iteration"] for line in again] == list(range(1, len(again) + 1))
    assert again[-1]["iteration"] > saved
    assert (folder / "final_F0000.png").exists()


def test_help_tells_which_of_loop_and_no_loop_is_the_default():
    help_text = " ".join(synthesize.make_parser().format_help().split())
    assert "--no-loop: do not compare the first frame with the last (default: on)" in help_text


def test_help_tells_of_every_setting():
    help_text = synthesize.make_parser().format_help()
    for name in defaults_of(SynthesisSettings):
        assert ("--no-bounds" if name == "bounds" else flag(name)) in help_text
