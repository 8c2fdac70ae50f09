"""The observer that fills a live view, its options, and its pictures."""

import io
import socket
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support.live_runs import events, request, served

from errors import ArgumentError, UserError
from pipelines.command_line import ArgumentParser, add_options, values_of
from runs import live_view as module
from runs.live_view import LiveView, LiveViewOptions, encode_png, live_view, side_by_side
from web.board import Board
from web.server import ListenError


def parse(*argv):
    parser = ArgumentParser()
    add_options(parser, LiveViewOptions)
    return LiveViewOptions(**values_of(parser.parse_args(argv), LiveViewOptions))


def progress(iterations=1, seconds=0.0, asked=None):
    def frames():
        time.sleep(seconds)
        if asked is not None:
            asked.append(iterations)
        return np.full((1, 4, 6, 3), iterations / 10, np.float32)

    return SimpleNamespace(
        size=(4, 6),
        iterations=iterations,
        max_iterations=10,
        work_left=1 - iterations / 10,
        loss=2.0,
        terms={"a": 2.0},
        frames=frames,
    )


def test_defaults():
    options = parse()
    assert (options.web, options.host, options.port, options.browser) == (False, "127.0.0.1", 8080, None)
    assert parse("--web", "--browser").browser == ""


REFUSED = {
    "port": (["--web", "--port", "65536"], "`port` must be at least 0 and below 65536, not 65536"),
    "below": (["--web", "--port", "-1"], "`port` must be at least 0 and below 65536, not -1"),
    "no web": (["--port", "9", "--browser"], "`port` `browser`: needs `web`"),
    "no browser": (["--web", "--browser", "mosaic-1993"], "`browser` mosaic-1993: there is no such browser"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_options_are_refused(case):
    argv, message = REFUSED[case]
    with pytest.raises(ArgumentError, match=message):
        parse(*argv)


def test_without_web_nobody_listens_or_observes(capsys):
    with live_view("a.py", parse()) as views:
        assert views == []
    assert capsys.readouterr().err == ""


def test_a_taken_port_ends_the_program_before_its_work():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with pytest.raises(ListenError, match=f"`port` {port}: Address already in use"):
            live_view("a.py", parse("--web", "--port", port)).__enter__()


@pytest.mark.parametrize(("host", "warns"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_the_address_is_told_with_a_warning_where_others_reach_it(host, warns, capsys):
    with live_view("a.py", parse("--web", "--host", host, "--port", "0")) as views:
        assert len(views) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"live view: http://{host}:")
    assert ("warning: other machines" in told) == warns


def test_the_browser_is_opened(monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(module.webbrowser, "open", lambda url: opened.append(url) or False)
    with live_view("a.py", parse("--web", "--port", "0", "--browser")):
        deadline = time.monotonic() + 10
        while "no browser could be started" not in (told := capsys.readouterr().err) and time.monotonic() < deadline:
            time.sleep(0.01)
    assert opened[0].startswith("http://127.0.0.1:")
    assert "no browser could be started" in told


@pytest.mark.parametrize("wants_stop", [False, True])
def test_the_end_is_shown(wants_stop):
    board = Board("a.py")
    view = LiveView(board)
    view(progress(1))
    if wants_stop:
        board.ask_to_stop()
        with pytest.raises(StopIteration):
            view(progress(2))
    view.end()
    assert board.news(0)["state"] == ("stopped" if wants_stop else "finished")


def test_a_failure_is_shown(monkeypatch):
    boards = []
    monkeypatch.setattr(module, "Board", lambda name, memory: boards.append(Board(name, memory)) or boards[0])
    for error, message in ((UserError("the disk is full"), "the disk is full"), (KeyboardInterrupt(), "interrupted")):
        boards.clear()
        with pytest.raises(type(error)), live_view("a.py", parse("--web", "--port", "0")):
            raise error
        assert (boards[0].news(0)["state"], boards[0].news(0)["message"]) == ("failed", message)


def test_pictures_are_copied_only_for_somebody_who_looks():
    asked = []
    with served() as (board, server):
        view = LiveView(board)
        for iteration in range(1, 4):
            view(progress(iteration, asked=asked))
        assert asked == []
        with events(server) as stream:
            assert next(stream)["iteration"] == 3
            view(progress(4, asked=asked))
            assert asked == [4]
            pixels = np.asarray(Image.open(io.BytesIO(request(server, "GET", "/image")[2])))
            assert pixels.shape == (4, 6, 3)
            assert set(pixels.ravel()) == {102}
            # The end shows the last iteration.
            view.next_picture = np.inf
            view(progress(5, asked=asked))
            assert asked == [4]
            view.end()
            assert asked == [4, 5]


def test_costly_pictures_take_a_small_part_of_the_time():
    asked = []
    board = Board("a.py")
    view = LiveView(board)
    with board.viewer():
        start = time.monotonic()
        while time.monotonic() - start < 0.05 / module.PICTURE_SHARE / 2:
            view(progress(seconds=0.05, asked=asked))
            time.sleep(0.001)
    assert len(asked) == 1


def test_frames_are_laid_out_side_by_side():
    frames = np.arange(5, dtype=np.float32).reshape(5, 1, 1, 1) * np.ones((5, 2, 3, 3), np.float32) / 4
    sheet = side_by_side(frames)
    assert sheet.shape == (4, 9, 3)
    assert np.array_equal(sheet[0, ::3, 0] * 4, [0, 1, 2])
    assert np.array_equal(sheet[2, ::3, 0] * 4, [3, 4, 4])
    assert np.array_equal(side_by_side(frames[:1]), frames[0])


def test_encoded_pictures_are_lossless_at_full_size_and_averaged_below():
    picture = np.random.default_rng(0).random((40, 60, 3), dtype=np.float32)
    full = Image.open(io.BytesIO(encode_png(picture, 60)))
    assert np.array_equal(np.asarray(full), np.floor(picture * 255 + 0.5).astype(np.uint8))
    half = np.asarray(Image.open(io.BytesIO(encode_png(picture, 30))), dtype=np.float32)
    means = picture.reshape(20, 2, 30, 2, 3).mean(axis=(1, 3)) * 255
    assert half.shape == (20, 30, 3)
    assert np.abs(half - means).max() <= 1.5  # half a level each: before, between rows and columns, after
