"""What all scripts share: flags for parameters' names, signals, closed and narrow streams."""

import os
import re
import shlex
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf
import torch
from conftest import ROOT

import import_caffe_weights
import style_transfer
import synthesize
import train
from errors import ArgumentError, UserError
from images.errors import ImageWarning
from pipelines.command_line import ArgumentParser, add_options, flag, run_script, with_flags
from pipelines.synthesis.settings import SynthesisSettings


def failing(error):
    def run():
        raise error

    return run


def test_parameters_in_backquotes_become_flags(capsys):
    message = "`output_width` must be at most `size2`, not `A b`; see `styles`"
    assert with_flags(message, {"styles": "STYLE"}) == "--output-width must be at most --size2, not `A b`; see STYLE"
    assert run_script("x.py", failing(ArgumentError("`if_shift` must be above 0")), spellings={"if_shift": "-q"}) == 2
    assert capsys.readouterr().err == "x.py: error: -q must be above 0\n"


def test_long_numbers_are_not_told_whole(capsys):
    parser = ArgumentParser(prog="x.py")
    parser.add_argument("--count", type=int)
    assert run_script("x.py", lambda: parser.parse_args(["--count", "9" * 5000])) == 2
    told = capsys.readouterr().err
    assert told == f"x.py: error: argument --count: invalid int value: '{'9' * 20}... (5,000 characters)'\n"
    assert run_script("x.py", failing(ArgumentError(f"`count` must be at most 9, not {10**60}"))) == 2
    assert "not 10000000000000000000... (61 characters)\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "option", "given", "kept"),
    [
        (import_caffe_weights, "outputs", "conv1 conv2", ("conv1", "conv2")),
        (style_transfer, "content_layers", "relu1_1 relu2_1=4", ("relu1_1", "relu2_1=4")),
        (style_transfer, "devices", "gpu:0 gpu:1", ("gpu:0", "gpu:1")),
        (style_transfer, "style_layers", "relu1_1=4 relu2_1", ("relu1_1=4", "relu2_1")),
        (style_transfer, "style_weights", "1 0.5", (1.0, 0.5)),
        (synthesize, "derive", "normal height", ("normal", "height")),
        (synthesize, "layers", "pool1 7", ("pool1", "7")),
        (train, "content_layers", "relu1_1 relu2_1", ("relu1_1", "relu2_1")),
        (train, "image_size", "64 96", (64, 96)),
        (train, "style_layer_weights", "1 0.5", (1.0, 0.5)),
        (train, "style_layers", "relu1_1 relu2_1", ("relu1_1", "relu2_1")),
    ],
)
def test_spaces_and_commas_separate_the_values_of_every_list(script, option, given, kept):
    first = (
        ["a.jpg", "b.jpg"] if script is style_transfer else ["--prototxt=a"] if script is import_caffe_weights else []
    )
    parser, option_flag = script.make_parser(), flag(option)
    for values in (
        given.split(),
        [given.replace(" ", ",")],
        [given.replace(" ", ", ")],
        [given.replace(" ", ",") + ","],
    ):
        assert getattr(parser.parse_args([*first, option_flag, *values]), option) == kept
    with pytest.raises(ArgumentError, match=f"{option_flag}.*: no value is given"):
        parser.parse_args([*first, option_flag, ","])


def test_an_option_of_several_values_that_is_given_again_adds_to_them():
    parser = synthesize.make_parser()
    parser.set_defaults(layers=("pool3",))  # as a preset does
    argv = shlex.split("-s a.png b.png --maps ao=a -l pool1 -s c.png --maps height=b normal=c -l 2,7 -ow 64 -ow 80")
    for _ in range(2):
        found = parser.parse_args(argv)
        assert (found.source, found.maps) == (["a.png", "b.png", "c.png"], ["ao=a", "height=b", "normal=c"])
        assert (found.layers, found.output_width) == (("pool1", "2", "7"), 80)
    assert parser.parse_args(["--guide", "a", "b", "--guide", "c", "d"]).guide == ["c", "d"]  # always two


def test_what_would_steer_a_terminal_is_escaped(capsys):
    assert run_script("x.py", failing(UserError("layer \x1b[2J\n  été \udcff"))) == 1
    assert capsys.readouterr().err == "x.py: error: layer \\x1b[2J été \\udcff\n"


def test_warnings_of_libraries_are_neither_told_nor_errors(capsys):
    def run():
        np.asarray(1e300).astype(np.float32)
        for _ in range(2):
            warnings.warn("a.png: no profile", ImageWarning, stacklevel=1)
            with warnings.catch_warnings():  # as libraries do, after which Python tells again what it has told once
                pass
        return 0

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as PYTHONWARNINGS=error does
        assert run_script("x.py", run) == 0
    assert capsys.readouterr().err == "warning: a.png: no profile\n"


def test_errors_of_the_system_begin_with_the_file(capsys):
    for error, told in (
        (OSError(27, "File too large", "a.onnx"), "a.onnx: File too large"),
        (FileNotFoundError(2, "No such file or directory", b"\xff"), "\\udcff: No such file or directory"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("a library's words"), "a library's words"),
    ):
        assert run_script("x.py", failing(error)) == 1
        assert capsys.readouterr().err == f"x.py: error: {told}\n"


def test_a_reader_that_has_seen_enough_is_no_error(capsys):
    assert run_script("x.py", failing(BrokenPipeError(32, "Broken pipe"))) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.usefixtures("usual_signals")
def test_signals_act_like_ctrl_c(capsys, number):
    before = signal.getsignal(number)
    cleaned = []

    def run():
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            cleaned.append(True)

    assert run_script("x.py", run) == 130
    assert cleaned
    assert capsys.readouterr().err == "x.py: interrupted\n"
    assert signal.getsignal(number) == before


@pytest.mark.usefixtures("usual_signals")
def test_an_interrupt_of_which_a_library_has_made_another_error_is_one(capsys):
    def run():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        except BaseException as error:  # as where compiled modules are imported
            raise UserError("a package is missing") from error

    assert run_script("x.py", run) == 130
    assert capsys.readouterr().err == "x.py: interrupted\n"


PROGRAM = """
import sys
from errors import UserError
from pipelines.command_line import run_script

def run():
    print("café \\udcff")
    file = open(sys.argv[1], "wb")
    file.write(b"picture")
    file.close()
    raise UserError("café")

sys.exit(run_script("x.py", run))
"""


@pytest.mark.parametrize("closing", ["", "2>&-", ">&-", "<&- >&- 2>&-"])
def test_closed_and_narrow_streams(tmp_path, closing):
    output = tmp_path / "out"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = f'exec "{sys.executable}" -c "$0" "$1" {closing}'
    result = subprocess.run(
        ["sh", "-c", command, PROGRAM, str(output)], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert output.read_bytes() == b"picture"
    assert "Traceback" not in result.stderr
    if not closing:
        assert (result.stdout, result.stderr) == ("caf\\xe9 \\udcff\n", "x.py: error: caf\\xe9\n")


def allocate_in_numpy():
    np.zeros((1 << 40, 1 << 10))


def allocate_in_tensorflow():
    tf.zeros((1 << 20, 1 << 20, 1 << 4)) + 1


def allocate_in_torch():
    torch.zeros(1 << 50)


def test_an_option_that_is_on_can_be_given_and_negated():
    parser = ArgumentParser()
    add_options(parser, SynthesisSettings)
    found = [parser.parse_args(argv).loop for argv in ([], ["--loop"], ["--no-loop"], ["--no-loop", "--loop"])]
    assert found == [True, True, False, True]


@pytest.mark.parametrize("allocate", [allocate_in_numpy, allocate_in_tensorflow, allocate_in_torch])
def test_lack_of_memory_is_one_line(allocate, capsys):
    assert run_script("x.py", allocate) == 1
    assert re.fullmatch(r"x\.py: error: there is not enough memory: .*\n", capsys.readouterr().err)


def test_other_errors_of_the_program_are_not_hidden():
    with pytest.raises(RuntimeError):
        run_script("x.py", failing(RuntimeError("a fault")))
