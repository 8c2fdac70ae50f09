"""The bar: losses beside their means, and how long the whole run takes."""

import itertools
import time

import numpy as np
import pytest

from runs.bar import TIMED_ITERATIONS, ProgressBar, share_bar
from runs.progress import RunProgress


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


def test_an_interrupted_run_says_how_to_resume_it(capsys):
    def interrupted():
        with ProgressBar() as bar:
            bar(progress(1, 5))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert capsys.readouterr().err.endswith("saved; the same command resumes the run\n")


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
