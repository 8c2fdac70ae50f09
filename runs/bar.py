"""The progress bar of a run."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from runs.progress import RunProgress
from runs.stopping import UnsavedInterrupt

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress as RichProgress

# Where standard error is no terminal there are about as many lines.
LINES = 20
# Iterations after which the time for the whole run is told.
TIMED_ITERATIONS = 20
HOUR = 3600


class ProgressBar:
    """An observer of any run that shows a bar on standard error; use it as a context manager.

    The bar moves by the work done, so that the time left is right although larger scales take longer. Where standard
    error is no terminal that can move a bar it prints a line now and then. After Ctrl-C it tells how to go on. Where a
    run has running means, they stand beside the loss and its terms.
    """

    # It never ends the run.
    only_watches = True

    def __init__(self) -> None:
        self.bar: RichProgress | None = None
        self.way_on = ""
        self.seen = 0

    def __call__(self, progress: RunProgress) -> None:
        """Show an iteration."""
        self.way_on = progress.way_on
        self.seen += 1
        if self.seen == 1:
            # The first iteration compiles: the time is that of the next ones.
            self.began, self.work_at_start, self.last_line = time.monotonic(), progress.work_left, progress.work_left
        # Standard error may go away: a closed terminal must not end the run.
        with contextlib.suppress(OSError):
            self._show(progress)

    def _show(self, progress: RunProgress) -> None:
        text = f"{progress.iterations}/{progress.max_iterations}  {self._describe(progress)}"
        if self.seen == TIMED_ITERATIONS and progress.work_left > 0:
            self._tell_time(progress)
        if can_move():
            self._move(progress, text)
        elif self._is_time_for_a_line(progress):
            self.last_line = progress.work_left
            print(f"{1 - progress.work_left:.0%}  {text}  {progress.seconds:.1f} s", file=sys.stderr, flush=True)

    def _is_time_for_a_line(self, progress: RunProgress) -> bool:
        return self.last_line - progress.work_left >= 1 / LINES or self.seen == 1 or progress.work_left <= 0

    def _describe(self, progress: RunProgress) -> str:
        height, width = progress.size
        if not progress.means:
            return f"{width} x {height}  loss {progress.loss:.5g}"
        losses = {"loss": progress.loss, **progress.terms}
        return "  ".join(f"{name} {value:.4g} (mean {progress.means[name]:.4g})" for name, value in losses.items())

    def _tell_time(self, progress: RunProgress) -> None:
        """Say how long the whole run takes, or the rest of one that was resumed, by the first iterations."""
        pace = (time.monotonic() - self.began) / (self.work_at_start - progress.work_left)
        rest = pace * progress.work_left
        if progress.iterations > self.seen:
            line = f"the rest of the run will take about {_duration(rest)}"
        else:
            line = f"the whole run will take about {_duration(progress.seconds + rest)}"
        if self.bar is None:
            print(line, file=sys.stderr, flush=True)
        else:
            self.bar.console.print(line)

    def _move(self, progress: RunProgress, text: str) -> None:
        if self.bar is None:
            self.bar = start_bar()
        self.bar.update(self.bar.task_ids[0], total=1.0, completed=1.0 - progress.work_left, text=text)

    def close(self) -> None:
        """Leave the bar as it stands, so that another one may follow."""
        with contextlib.suppress(OSError):
            if self.bar is not None:
                self.bar.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        with contextlib.suppress(OSError):
            if kind is KeyboardInterrupt and self.way_on:
                print(f"saved; {self.way_on} resumes the run", file=sys.stderr)
            elif kind is UnsavedInterrupt and self.way_on:
                print(f"not saved; {self.way_on} resumes the run where it was saved last", file=sys.stderr)


def can_move() -> bool:
    """Say whether standard error is a terminal that shows a bar before its end."""
    return sys.stderr.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} hours"


@contextlib.contextmanager
def share_bar(text: str) -> Iterator[Callable[[float], None]]:
    """Show a bar on standard error, if that is a terminal, from the first share of the work that is told.

    Args:
        text: beside the bar.

    Yields:
        what takes the share of the work that is done.
    """
    bars: list[RichProgress] = []

    def show(share: float) -> None:
        if not sys.stderr.isatty():
            return
        if not bars:
            bars.append(start_bar())
        bars[0].update(bars[0].task_ids[0], total=1.0, completed=share, text=text)

    try:
        yield show
    finally:
        for bar in bars:
            bar.stop()


def start_bar() -> RichProgress:
    """Return a bar that is shown on standard error, with the text of its task beside it, or below where it is long."""
    from rich.columns import Columns
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Bar(Progress):
        """In one table the text would take the room of the bar and of the time left."""

        def get_renderables(self) -> Iterator[RenderableType]:
            """Yield what is shown."""
            yield Columns([self.make_tasks_table(self.tasks), *(Text(task.fields["text"]) for task in self.tasks)])

    columns = (TaskProgressColumn(), BarColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    bar = Bar(*columns, console=Console(stderr=True))
    bar.add_task("", text="")
    bar.start()
    return bar
