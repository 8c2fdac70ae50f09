"""The page of the live view in a real browser."""

import os
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support.chromium import Chromium, find_chromium
from support.live_runs import served

from runs import live_view

# The continuous integration sets this, so that nothing is skipped there.
REQUIRED = "TEXTURE_NETS_REQUIRE_CHROMIUM"
SHOWN = "document.querySelector('#front:not([hidden])')"
# The average colour of the picture shown, as the browser sees it.
COLOR = f"""(() => {{
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d");
  context.drawImage({SHOWN}, 0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data];
}})()"""
# How many of the curve's pixels have one term's colour, and where the iteration's labels end.
DRAWN = """(() => {
  const canvas = document.querySelector("#chart");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    count += Math.hypot(data[i] - 0x4c, data[i + 1] - 0x82, data[i + 2] - 0xe0) < 30 && data[i + 3] > 200;
  }
  return count;
})()"""


@pytest.fixture(scope="module")
def program():
    found = find_chromium()
    if found is None and os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{REQUIRED} is set, but there is no Chromium")
    if found is None:
        pytest.skip("needs Chromium (Debian: apt-get install chromium)")
    return found


@pytest.fixture(autouse=True)
def every_picture(monkeypatch):
    monkeypatch.setattr(live_view, "PICTURE_SHARE", 1.0)


class Run:
    """A run in a thread whose pictures go from dark to light, an iteration whenever `go` is called."""

    def __init__(self, board, url, total=40):
        self.url = url
        self.view = live_view.LiveView(board)
        self.total = total
        self.iteration = 0
        self.has_stopped = False

    def go(self, count=1, size=(60, 80)):
        for _ in range(count):
            self.iteration += 1
            level = self.iteration / self.total
            terms = {"style": 2 / self.iteration, "content": 1 / self.iteration}
            progress = SimpleNamespace(
                size=size, iterations=self.iteration, max_iterations=self.total, work_left=1 - level,
                loss=sum(terms.values()), terms=terms,
                frames=lambda level=level: np.full((1, *size, 3), level, np.float32),
            )  # fmt: skip
            try:
                self.view(progress)
            except StopIteration:
                self.has_stopped = True
                self.view.end()
                return


@contextmanager
def watched(program, **options):
    """Open the page of an empty board in a browser."""
    with served() as (board, server), Chromium(program, **options) as browser:
        browser.go(server.url)
        browser.wait_for("document.body.dataset.state === 'starting' && document.title.startsWith('0 %')")
        yield Run(board, server.url), browser
        assert browser.console == []


def test_picture_appears_and_changes(program):
    with watched(program) as (run, browser):
        assert browser.run("document.querySelector('#placeholder').checkVisibility()")
        focused = "(document.querySelector('#download').focus(), document.activeElement.id)"
        assert browser.run(focused) == ""  # there is nothing to download yet
        run.go(10)
        browser.wait_for(f"{SHOWN}?.naturalWidth === 80")
        before = browser.run(COLOR)
        assert not browser.run("document.querySelector('#placeholder').checkVisibility()")
        assert browser.run(focused) == "download"
        run.go(20, size=(120, 160))
        browser.wait_for(f"{SHOWN}?.naturalWidth === 160 && {SHOWN}.alt.includes('iteration 30')")
        after = browser.run(COLOR)
        assert before[0] < 90 < 110 < after[0]
        assert "160 × 120" in browser.run("document.querySelector('#caption').textContent")


def test_a_click_shows_the_picture_three_by_three_times(program):
    tiles = "document.querySelector('#tiles')"
    with watched(program) as (run, browser):
        browser.click("#tile")
        assert not browser.run(f"{tiles}.checkVisibility()")  # nothing is there yet
        run.go(10)
        browser.wait_for(f"{tiles}.checkVisibility() && {tiles}.width === 240 && {tiles}.height === 180")
        shades = browser.run(
            "[[5, 5], [120, 90], [235, 175]]"
            f".map(([x, y]) => {tiles}.getContext('2d').getImageData(x, y, 1, 1).data[0])"
        )
        assert shades == [round(255 * 10 / 40)] * 3
        run.go(20, size=(120, 160))  # new pictures are repeated too
        browser.wait_for(f"{tiles}.width === 480")
        browser.click("#tile")
        browser.wait_for(f"!{tiles}.checkVisibility() && {SHOWN}.checkVisibility()")


def test_curve_and_numbers_grow(program):
    with watched(program) as (run, browser):
        assert browser.run(DRAWN) == 0
        run.go(2)
        browser.wait_for(f"{DRAWN} > 20")
        legend = browser.run("[...document.querySelectorAll('#legend button')].map((b) => b.innerText.split('\\n'))")
        assert legend == [["loss", "1.5"], ["style", "1"], ["content", "0.5"]]
        run.go(18)
        browser.wait_for("document.querySelector('#iteration').textContent === '20'")
        browser.wait_for("document.querySelector('#legend').innerText.includes('0.05')")
        assert browser.run("document.querySelector('#progress').value") == 0.5
        assert browser.run("document.title") == "50 % · synthesize.py"
        assert browser.run("document.querySelector('#total').textContent") == "of 40"
        # A press on a term in the legend takes its curve away.
        browser.click("#legend li:nth-child(2) button")
        browser.wait_for(f"{DRAWN} < 5")


def test_stop_button_stops_the_run_and_the_page_keeps_its_result(program, tmp_path):
    with served() as (board, server), Chromium(program) as browser:
        browser.go(server.url)
        run = Run(board, server.url)
        thread = threading.Thread(target=lambda: [run.has_stopped or (run.go(), time.sleep(0.1)) for _ in range(200)])
        thread.start()
        browser.wait_for(f"{SHOWN}?.naturalWidth === 80")
        browser.click("#stop")
        browser.wait_for("document.body.dataset.state === 'stopped'")
        assert run.has_stopped
        assert browser.run("document.querySelector('#state-text').textContent") == "stopped; the result is saved"
        assert browser.run("document.querySelector('#stop').disabled")
        # The last picture stays, although the server goes away.
        browser.wait_for("document.querySelector('#download').href.startsWith('blob:')")
        server.shutdown()
        server.server_close()
        browser.send("Browser.setDownloadBehavior", session=False, behavior="allow", downloadPath=str(tmp_path))
        browser.click("#download")
        file = tmp_path / f"synthesize-{run.iteration}.png"
        deadline = time.monotonic() + 20
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        pixels = np.asarray(Image.open(file))
        assert pixels.shape == (60, 80, 3)
        assert np.ptp(pixels) == 0
        assert pixels[0, 0, 0] == round(255 * run.iteration / 40)
        thread.join()
        assert browser.console == []


def test_page_reconnects_and_shows_the_whole_curve_again(program, monkeypatch):
    def broken(after):
        raise ConnectionAbortedError

    with watched(program) as (run, browser):
        run.go(8)
        browser.wait_for("document.querySelector('#iteration').textContent === '8'")
        monkeypatch.setattr(run.view.board, "news", broken)
        browser.wait_for("document.body.dataset.state === 'lost' && document.querySelector('#stop').disabled")
        assert "connection lost" in browser.run("document.querySelector('#state').innerText")
        run.go(2)
        monkeypatch.undo()
        browser.wait_for("document.querySelector('#iteration').textContent === '10'")
        assert browser.run("document.body.dataset.state") == "running"
        assert not browser.run("document.querySelector('#stop').disabled")


def test_more_pages_than_a_browser_has_connections(program):
    with watched(program) as (run, browser):
        pages = [browser.session]
        for _ in range(8):
            browser.open_page()
            browser.go(run.url)
            pages.append(browser.session)
        run.go(5)
        for browser.session in pages:
            browser.wait_for("document.querySelector('#iteration').textContent === '5'")
            browser.wait_for(f"{DRAWN} > 20 || document.hidden")
        assert run.view.board.viewers == 1


@pytest.mark.parametrize(("width", "height"), [(360, 740), (800, 1100), (1920, 1080)])
def test_page_fits_its_width(program, width, height):
    with watched(program, width=width, height=height, dark=width == 360) as (run, browser):
        run.go(3)
        browser.wait_for(f"!!{SHOWN}")
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")
        box = browser.run("(({x, right, width, height}) => [x, right, width, height])(front.getBoundingClientRect())")
        assert box[0] >= 0
        assert box[1] <= width
        assert min(box[2:]) > 200
        dark = browser.run("getComputedStyle(document.body).backgroundColor")
        assert (dark == "rgb(20, 22, 27)") == (width == 360)
