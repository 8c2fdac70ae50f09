"""The state that a run shares with its viewers: the latest step, the curve, requests for pictures and for stopping.

The run never waits for a viewer: it leaves its latest values here, and each viewer takes what is there when it can.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

# Where there are more points than this, every second one is left out.
MAX_POINTS = 2000
# The speed is that of the last so many seconds, or of the last iteration if that took longer.
SPEED_SECONDS = 10.0
# How long one request for a picture, without a page that follows the run, asks for new ones.
INTEREST_SECONDS = 10.0
# Widths in pixels to which pictures are made smaller, so that many viewers share few encodings.
WIDTHS = (320, 640, 960, 1280, 1920)


@dataclass(frozen=True)
class Step:
    """The state of a run after an iteration.

    Attributes:
        iteration: iterations done.
        total: iterations to be done.
        work_left: share of the work that is left; iterations may take longer and longer.
        size: (height, width) at which the run works.
        loss: the present loss.
        terms: its terms by name.
    """

    iteration: int
    total: int
    work_left: float
    size: tuple[int, int]
    loss: float
    terms: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that viewers can ask for; it is encoded when the first one does.

    Attributes:
        iteration: after which it was.
        size: (height, width).
        encode: returns it as a PNG file with the given width in pixels, at most its own.
    """

    iteration: int
    size: tuple[int, int]
    encode: Callable[[int], bytes]
    _encoded: dict[int, bytes] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def png(self, wanted_width: int | None = None) -> bytes:
        """Return the file, of the least of WIDTHS that is not below `wanted_width`; None: at full size."""
        wide_enough = [width for width in WIDTHS if wanted_width is not None and width >= wanted_width]
        width = min([self.size[1], *wide_enough])
        with self._lock:
            if width not in self._encoded:
                self._encoded[width] = self.encode(width)
            return self._encoded[width]


class Board:
    """Holds what is known of a run; its methods may be called from any thread and return at once.

    Args:
        name: what the page calls the program that runs.
        memory: returns the bytes of memory that it takes by name ("now", "peak"), or None where nobody knows.
    """

    def __init__(self, name: str, memory: Callable[[], dict[str, int] | None] = lambda: None) -> None:
        self.name = name
        self.memory = memory
        self.stop_wanted = threading.Event()
        self._lock = threading.Lock()
        self._started = time.time()
        self._began = time.perf_counter()  # the clock may be set meanwhile
        self._state, self._message = "starting", ""
        self._version = 0
        self._step: Step | None = None
        self._picture: Picture | None = None
        self._pictures = 0
        self._names: list[str] = ["loss"]
        self._points: list[list[Any]] = []  # numbers, or None for what is not finite
        self._stride = 1
        self._steps = 0
        self._times: deque[tuple[float, Step]] = deque()
        self._viewers = 0
        self._interest_until = -math.inf

    # What the run calls.

    def publish(self, step: Step) -> None:
        """Take over the state after an iteration."""
        with self._lock:
            self._step = step
            if self._state == "starting":
                self._state = "running"
            self._times.append((time.monotonic(), step))
            while len(self._times) > 2 and self._times[-1][0] - self._times[1][0] > SPEED_SECONDS:
                self._times.popleft()
            self._record(step)
            self._version += 1

    def show(self, picture: Picture) -> None:
        """Take over a picture in place of the last one."""
        with self._lock:
            self._picture = picture
            self._pictures += 1
            self._version += 1

    def end(self, state: str, message: str) -> None:
        """Note that the run has ended: `state` is "finished", "stopped" or "failed"."""
        with self._lock:
            self._state, self._message = state, message
            self._version += 1

    @property
    def is_watched(self) -> bool:
        """Whether anybody looks, so that a new picture is worth its copy."""
        with self._lock:
            return self._viewers > 0 or time.monotonic() < self._interest_until

    # What the viewers' threads call.

    @property
    def viewers(self) -> int:
        """The number of pages that follow the run."""
        return self._viewers

    @property
    def has_ended(self) -> bool:
        """Whether the run is over."""
        return self._state in ("finished", "stopped", "failed")

    @contextmanager
    def viewer(self) -> Iterator[None]:
        """Count a viewer as long as the context lasts."""
        with self._lock:
            self._viewers += 1
        try:
            yield
        finally:
            with self._lock:
                self._viewers -= 1

    def ask_to_stop(self) -> None:
        """Ask the run to end after its present iteration."""
        with self._lock:
            self.stop_wanted.set()
            if not self.has_ended:
                self._state = "stopping"
            self._version += 1

    def picture(self) -> Picture | None:
        """Return the latest picture, None before the first; the run makes further ones for a while."""
        with self._lock:
            self._interest_until = time.monotonic() + INTEREST_SECONDS
            return self._picture

    @property
    def is_current(self) -> bool:
        """Whether the latest picture is that of the latest iteration, or none will come any more."""
        with self._lock:
            picture, step = self._picture, self._step
            newest = picture is not None and step is not None and picture.iteration == step.iteration
            return self.has_ended or newest

    @property
    def version(self) -> int:
        """A number that grows whenever there is news."""
        return self._version

    def news(self, after: int) -> dict[str, Any]:
        """Return the state, and the curve's points after iteration `after`, ready for JSON."""
        with self._lock:
            news = {
                "run": self._started,
                "name": self.name,
                "state": self._state,
                "message": self._message,
                "seconds": time.perf_counter() - self._began,
                "names": self._names,
                "points": [point for point in self._points if point[0] > after],
                "picture": self._describe_picture(),
                **self._describe_step(),
            }
        return news | {"memory": self.memory()}

    def _describe_picture(self) -> dict[str, Any] | None:
        picture = self._picture
        if picture is None:
            return None
        return {"version": self._pictures, "iteration": picture.iteration, "size": picture.size}

    def _describe_step(self) -> dict[str, Any]:
        step = self._step
        if step is None:
            return dict.fromkeys(("total", "size", "latest", "speed", "left")) | {"iteration": 0, "done": 0.0}
        return {
            "iteration": step.iteration,
            "total": step.total,
            "size": step.size,
            "latest": self._row(step),
            "done": 1 - step.work_left,
            **self._describe_speed(),
        }

    def _describe_speed(self) -> dict[str, float | None]:
        """Return iterations a second and the seconds left; None before there are two iterations."""
        (start, first), (end, last) = self._times[0], self._times[-1]
        work = first.work_left - last.work_left
        if end <= start or work <= 0:
            return {"speed": None, "left": None}
        return {
            "speed": (last.iteration - first.iteration) / (end - start),
            "left": last.work_left * (end - start) / work,
        }

    def _record(self, step: Step) -> None:
        self._names += [name for name in step.terms if name not in self._names]
        if self._steps % self._stride == 0:
            self._points.append(self._row(step))
        self._steps += 1
        if len(self._points) > MAX_POINTS:
            del self._points[1::2]
            self._stride *= 2

    def _row(self, step: Step) -> list[float | None]:
        """Return [iteration, height, width, value of each name]; what is not a finite number is None."""
        values = {"loss": step.loss, **step.terms}
        numbers = [float(values.get(name, math.nan)) for name in self._names]
        return [step.iteration, *step.size, *(float(f"{n:.6g}") if math.isfinite(n) else None for n in numbers)]
