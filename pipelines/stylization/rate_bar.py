"""The bar that shows how far a film is, or a folder that several machines work on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text

from pipelines.stylization.film.stylize import FrameObserver


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


@contextmanager
def rate_bar(unit: str) -> Iterator[FrameObserver]:
    """Show a bar with the rate and the time left on standard error, from the first call of what is yielded on.

    Args:
        unit: what is counted, in the plural.
    """
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
