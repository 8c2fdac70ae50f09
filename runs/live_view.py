"""The live view of a run in the browser: its options, and the observer that feeds it."""

from __future__ import annotations

import io
import math
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image

from errors import ArgumentError
from images.color_profiles import srgb_profile
from images.writing import to_bytes
from options import check, described, option, refuse
from runs.machine import memory_in_use
from runs.progress import RunProgress
from runtimes.terminal import tell
from web.board import Board, Picture, Step
from web.server import LiveServer

# Part of a run's time that may go into the pictures of a view that somebody watches.
PICTURE_SHARE = 0.03
# zlib's: half the time of Pillow's default for a few per cent more bytes.
COMPRESSION = 3


@described
@dataclass(frozen=True, kw_only=True)
class LiveViewOptions:
    """The options of a live view; checked when they are made.

    Raises:
        ArgumentError: an option has a value that is not allowed, or one stands there without `web`.
    """

    web: bool = option("serve a web page that shows the run live", default=False, kind=bool)
    host: str = option(
        "address to listen on; 0.0.0.0 lets other machines watch the run, and stop it", default="127.0.0.1"
    )
    port: int = option("port to listen on; 0: any free port", default=8080, kind=int, minimum=0, below=65536)
    browser: str | None = option(
        "open the page in the default browser, or in the one named", count="?", const="", metavar="NAME"
    )

    def __post_init__(self) -> None:
        check(self)
        if not self.web:
            refuse(self, ("host", "port", "browser"), "needs `web`")
        if self.browser:
            try:
                webbrowser.get(self.browser)
            except webbrowser.Error as error:
                raise ArgumentError(f"`browser` {self.browser}: there is no such browser") from error


@contextmanager
def live_view(name: str, options: LiveViewOptions) -> Iterator[list[LiveView]]:
    """Show a run in the browser, if the options ask for it: give what is yielded to the run as its observers.

    Args:
        name: what the page calls the program.
        options: what is asked for.

    Raises:
        ListenError: the port is taken, or the host is not this machine's.
    """
    if not options.web:
        yield []
        return
    board = Board(name, memory_in_use)
    server = LiveServer(board, options.host, options.port)
    server.start()
    _announce(server)
    if options.browser is not None:
        # In a thread: some browsers' starters last as long as the browser.
        threading.Thread(target=_browse, args=(options.browser, server.url), daemon=True).start()
    view = LiveView(board)
    try:
        yield [view]
        view.end()
    except BaseException as error:
        board.end("failed", "interrupted" if isinstance(error, KeyboardInterrupt) else str(error))
        raise
    finally:
        server.finish()


def _announce(server: LiveServer) -> None:
    tell(f"live view: {server.url}")
    if server.is_public:
        tell("warning: other machines that reach this address can watch this run and stop it")


def _browse(browser: str, url: str) -> None:
    is_open = webbrowser.get(browser).open(url) if browser else webbrowser.open(url)
    if not is_open:
        tell(f"no browser could be started; open {url} yourself")


class LiveView:
    """An observer of a run that puts what it sees on a board, and ends the run when a viewer asks for it.

    The run's thread only leaves values; pictures are copied when somebody watches, for PICTURE_SHARE of the time at
    most, and encoded by the viewers' threads.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self.last: RunProgress | None = None
        self.next_picture = -math.inf

    def __call__(self, progress: RunProgress) -> None:
        """Show an iteration.

        Raises:
            StopIteration: a viewer wants the run to stop.
        """
        self.last = progress
        step = Step(
            iteration=progress.iterations,
            total=progress.max_iterations,
            work_left=progress.work_left,
            size=progress.size,
            loss=progress.loss,
            terms=dict(progress.terms),
        )
        self.board.publish(step)
        if self.board.is_watched and time.monotonic() >= self.next_picture:
            self._show_picture(progress)
        if self.board.stop_wanted.is_set():
            raise StopIteration

    def end(self) -> None:
        """Show how the run ended."""
        if self.last is not None and self.board.is_watched and not self.board.is_current:
            self._show_picture(self.last)
        if self.board.stop_wanted.is_set():
            self.board.end("stopped", "stopped; the result is saved")
        else:
            self.board.end("finished", "finished; the result is saved")

    def _show_picture(self, progress: RunProgress) -> None:
        start = time.monotonic()
        picture = side_by_side(progress.frames())
        self.board.show(Picture(progress.iterations, picture.shape[:2], lambda width: encode_png(picture, width)))
        end = time.monotonic()
        self.next_picture = end + (end - start) * (1 / PICTURE_SHARE - 1)


def side_by_side(frames: np.ndarray) -> np.ndarray:
    """Return pictures (count, height, width, channels) as one, in rows of about as many as there are rows."""
    count, height, width, channels = frames.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    filled = np.concatenate([frames, np.ones((rows * columns - count, *frames.shape[1:]), frames.dtype)])
    grid = filled.reshape(rows, columns, height, width, channels)
    return grid.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)


def encode_png(picture: np.ndarray, width: int) -> bytes:
    """Return a picture (height, width, 3) in [0, 1] as a PNG file, `width` pixels wide if it is not narrower."""
    image = Image.fromarray(to_bytes(picture))
    if width < image.width:
        image = image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.BOX)
    file = io.BytesIO()
    image.save(file, format="PNG", compress_level=COMPRESSION, icc_profile=srgb_profile())
    return file.getvalue()
