"""The border of the scripts: flags for parameters' names, signals, closed and narrow streams."""

import os
import signal
import subprocess
import sys

import pytest
from conftest import ROOT

from errors import ArgumentError, UserError
from pipelines.command_line import run_script, with_flags


def failing(error):
    def run():
        raise error

    return run


def test_parameters_in_backquotes_become_flags(capsys):
    message = "`output_width` must be at most `size2`, not `A b`; see `styles`"
    assert with_flags(message, {"styles": "STYLE"}) == "--output-width must be at most --size2, not `A b`; see STYLE"
    assert run_script("x.py", failing(ArgumentError("`if_shift` must be above 0")), spellings={"if_shift": "-q"}) == 2
    assert capsys.readouterr().err == "x.py: error: -q must be above 0\n"


def test_what_would_steer_a_terminal_is_escaped(capsys):
    assert run_script("x.py", failing(UserError("layer \x1b[2J\n  été \udcff"))) == 1
    assert capsys.readouterr().err == "x.py: error: layer \\x1b[2J été \\udcff\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
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
