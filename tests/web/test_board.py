"""What the board keeps of a run."""

import itertools
import math
import time

import pytest
from support.live_runs import picture, step

from web import board as module
from web.board import MAX_POINTS, WIDTHS, Board, Picture, Step


def test_a_run_that_has_not_begun():
    news = Board("train.py").news(-1)
    assert (news["name"], news["state"], news["iteration"], news["points"]) == ("train.py", "starting", 0, [])
    assert news["picture"] is news["size"] is news["left"] is None


def test_the_time_of_a_run_does_not_depend_on_the_clock(monkeypatch):
    board = Board("train.py")
    monkeypatch.setattr(module.time, "time", lambda: 0.0)
    assert 0 <= board.news(-1)["seconds"] < 60


def test_points_after_an_iteration_are_those_that_a_viewer_lacks():
    board = Board("train.py")
    for iteration in range(1, 8):
        board.publish(step(iteration))
    assert board.news(-1)["names"] == ["loss", "style", "content"]
    assert board.news(-1)["points"][0] == [1, 48, 64, 3.0, 2.0, 1.0]
    assert [point[0] for point in board.news(5)["points"]] == [6, 7]
    assert board.news(7)["points"] == []
    assert board.news(7)["latest"][:3] == [7, 48, 64]


def test_a_long_curve_is_thinned_evenly_and_keeps_its_beginning():
    board = Board("train.py")
    for iteration in range(1, 10 * MAX_POINTS):
        board.publish(step(iteration, total=10**6))
    iterations = [point[0] for point in board.news(-1)["points"]]
    assert MAX_POINTS / 2 <= len(iterations) <= MAX_POINTS
    assert iterations[0] == 1
    assert len({b - a for a, b in itertools.pairwise(iterations)}) == 1
    assert iterations[-1] > 9.9 * MAX_POINTS


def test_new_terms_get_a_column_and_what_is_no_number_is_left_open():
    board = Board("train.py")
    board.publish(Step(1, 9, 0.9, (4, 4), math.nan, {"a": 1.0}))
    board.publish(Step(2, 9, 0.8, (8, 8), 2.0, {"b": math.inf, "c": 3.0}))
    news = board.news(-1)
    assert news["names"] == ["loss", "a", "b", "c"]
    assert news["points"] == [[1, 4, 4, None, 1.0], [2, 8, 8, 2.0, None, None, 3.0]]


def test_speed_and_time_left_are_those_of_the_last_seconds(monkeypatch):
    clock = iter([0.0, 100.0, 101.0, 102.0, 114.0, 126.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    board = Board("train.py")
    board.publish(step(1))
    assert board.news(0)["speed"] is None
    for iteration in range(2, 5):
        board.publish(step(iteration))
    # The second iteration alone took longer than SPEED_SECONDS: it counts until the others fill them.
    assert board.news(0)["speed"] == pytest.approx(3 / 102)
    board.publish(step(5))
    assert board.news(0)["speed"] == pytest.approx(1 / 12)
    assert board.news(0)["left"] == pytest.approx(95 * 12)


def test_time_left_grows_with_the_work_of_later_iterations(monkeypatch):
    clock = iter([0.0, 1.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    board = Board("train.py")
    for iteration, work_left in ((1, 0.999), (2, 0.998)):
        board.publish(Step(iteration, 100, work_left, (4, 4), 1.0, {}))
    assert board.news(0)["left"] == pytest.approx(998)
    assert board.news(0)["done"] == pytest.approx(0.002)


def test_a_picture_is_encoded_once_for_all_who_want_about_the_same_width():
    made = []
    shown = Picture(1, (500, 1000), lambda width: made.append(width) or str(width).encode())
    assert [shown.png(width) for width in (1, 300, 320, 321, 640, 5000, None, 1000)] == [
        *[b"320"] * 3,
        *[b"640"] * 2,
        *[b"1000"] * 3,
    ]
    assert made == [320, 640, 1000]
    assert max(WIDTHS) > 1000


def test_pictures_are_wanted_only_while_somebody_looks(monkeypatch):
    board = Board("train.py")
    assert not board.is_watched
    with board.viewer():
        assert board.is_watched
    assert not board.is_watched
    board.show(picture(1))
    assert board.picture().iteration == 1
    assert board.is_watched
    later = time.monotonic() + module.INTEREST_SECONDS + 1
    monkeypatch.setattr(module.time, "monotonic", lambda: later)
    assert not board.is_watched


def test_asking_to_stop_and_the_end():
    board = Board("train.py")
    board.publish(step(1))
    version = board.version
    board.ask_to_stop()
    assert board.stop_wanted.is_set()
    assert board.news(0)["state"] == "stopping"
    assert board.version > version
    board.publish(step(2))
    assert board.news(0)["state"] == "stopping"
    board.end("stopped", "stopped; the result is saved")
    board.ask_to_stop()
    assert board.news(0)["state"] == "stopped"
    assert board.has_ended
