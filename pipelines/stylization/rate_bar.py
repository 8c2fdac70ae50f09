"""The bar that shows how far a film is, or a folder that several machines work on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text

from pipelines.stylization.film.stylize import FrameObserver
from runs.bar import LINES, can_move

# Between two lines where it is not known how many there will be.
USUAL_STEP = 100


class RateColumn(ProgressColumn):
    """So many a second.

    Args:
        unit: what is counted, in the plural.
    """

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        """Return the rate as text."""
        return Text(f"{task.speed:.2f} {self.unit}/s" if task.speed else "")


class _Lines:
    """Prints about LINES lines on standard error, where no bar can move.

    Args:
        unit: what is counted, in the plural.
    """

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.start: tuple[int, float] | None = None
        self.next = 0

    def __call__(self, done: int, count: int | None) -> None:
        """Tell how many are done of how many."""
        if self.start is None:  # what an interrupted run did took no time of this one
            self.start = done, time.monotonic()
        if done < self.next and done != count:
            return
        self.next = done + (USUAL_STEP if count is None else max(1, count // LINES))
        first, began = self.start
        seconds = time.monotonic() - began
        rate = f"  {(done - first) / seconds:.2f} {self.unit}/s" if done > first and seconds else ""
        total = "" if count is None else f"/{count}"
        with suppress(OSError):  # standard error may go away
            print(f"{done}{total} {self.unit}{rate}", file=sys.stderr, flush=True)


@contextmanager
def rate_bar(unit: str) -> Iterator[FrameObserver]:
    """Show a bar with the rate and the time left on standard error, from the first call of what is yielded on.

    Where standard error is no terminal that can move a bar there is a line now and then.

    Args:
        unit: what is counted, in the plural.
    """
    if not can_move():
        yield _Lines(unit)
        return
    columns = (MofNCompleteColumn(), BarColumn(), RateColumn(unit), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True))
    task = bar.add_task("", total=None, start=False)

    def observe(done: int, count: int | None) -> None:
        if not bar.tasks[0].started:  # frames of an interrupted run took no time of this one
            bar.start()
            bar.reset(task, completed=done - 1)
        bar.update(task, completed=done, total=count)

    try:
        yield observe
    finally:
        if bar.live.is_started:  # else it would print an empty line
            bar.stop()
