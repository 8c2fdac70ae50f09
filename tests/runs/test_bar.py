"""The bar: losses beside their means, and how long the whole run takes."""

import dataclasses
import itertools
import re
import time

import numpy as np
import pytest

from runs.bar import TIMED_ITERATIONS, ProgressBar, share_bar
from runs.progress import RunProgress
from runs.stopping import UnsavedInterrupt


def progress(iteration, count, *, loss=1.0, seconds=0.0, means=None):
    return RunProgress(
        size=(8, 9), iterations=iteration, max_iterations=count, scale_iterations=iteration,
        max_scale_iterations=count, loss=loss, terms={"style": loss / 2}, frames=lambda: np.zeros((1, 8, 9, 3)),
        work_left=1 - iteration / count, seconds=seconds, way_on="the same command", means=means or {},
    )  # fmt: skip


def test_the_time_of_the_whole_run_is_told_after_twenty_iterations(capsys, monkeypatch):
    """Two seconds each but for the first, which compiles for a minute: 60 + 199 x 2 s."""
    clock = itertools.chain([0.0], itertools.count(2.0 * (TIMED_ITERATIONS - 1)))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with ProgressBar() as bar:
        for iteration in range(1, TIMED_ITERATIONS + 1):
            means = {"loss": 6.0, "style": 3.0}
            bar(progress(iteration, 200, loss=float(iteration), seconds=60 + 2.0 * (iteration - 1), means=means))
    told = capsys.readouterr().err
    assert "the whole run will take about 8 minutes" in told
    assert "loss 11 (mean 6)" in told


def test_the_time_of_the_rest_is_told_where_a_run_is_resumed(capsys, monkeypatch):
    """80 of 200 iterations are left, of two seconds each."""
    clock = itertools.chain([0.0], itertools.count(2.0 * (TIMED_ITERATIONS - 1)))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with ProgressBar() as bar:
        for iteration in range(121 - TIMED_ITERATIONS, 121):
            bar(progress(iteration, 200, seconds=1000.0))
    assert "the rest of the run will take about 3 minutes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyboardInterrupt, "\nsaved; the same command resumes the run\n"),
        (UnsavedInterrupt, "\nnot saved; the same command resumes the run where it was saved last\n"),
    ],
)
def test_an_interrupted_run_says_how_to_resume_it(capsys, error, told):
    def interrupted():
        with ProgressBar() as bar:
            bar(progress(1, 5))
            raise error

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert capsys.readouterr().err.endswith(told)


def test_a_bar_of_shares_is_shown_on_a_terminal_alone(capsys, monkeypatch):
    with share_bar("in strips") as observe:
        observe(0.5)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with share_bar("in strips") as observe:
        observe(0.5)
        observe(1.0)
    told = capsys.readouterr().err
    assert "100%" in told
    assert "in strips" in told


TERMS = {"loss": 12.345, "style": 4.321, "content": 1.234, "tv": 0.567, "consistency": 0.089}


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_many_losses_leave_room_for_the_bar_and_the_time_left(capsys, monkeypatch, columns):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    for name, value in {"TERM": "xterm", "COLUMNS": str(columns), "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    with ProgressBar() as bar:
        bar(dataclasses.replace(progress(4, 4, means=TERMS), terms={name: 1.0 for name in TERMS if name != "loss"}))
    shown = capsys.readouterr().err
    assert re.search(r"100% ━{8,} 0:00:0\d left [-\d:]+", shown)
    assert all(f"(mean {value:.4g})" in " ".join(shown.split()) for value in TERMS.values())


def test_a_terminal_that_cannot_move_a_bar_gets_lines(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    with ProgressBar() as bar:
        bar(progress(1, 50))
        first = capsys.readouterr().err
        for iteration in range(2, 51):
            bar(progress(iteration, 50))
    assert first == "2%  1/50  9 x 8  loss 1  0.0 s\n"
    assert 15 < capsys.readouterr().err.count("\n") <= 21
