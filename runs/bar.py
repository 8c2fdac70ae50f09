"""The bar that shows how far an optimisation is."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

# Where the output is no terminal there are as many lines at most.
LINES = 20


class RunBar:
    """A bar with time left; use it as a context manager. After Ctrl-C it tells how to go on.

    Attributes:
        counted: whether the bar counts iterations; else it shows shares of the work.
        way_on: how a run that was interrupted is taken up again; None while there is nothing to take up.
    """

    counted = True

    def __init__(self) -> None:
        self.bar: RichProgress | None = None
        self.way_on: str | None = None

    def show(self, done: float, total: float, text: str) -> None:
        """Move the bar, which appears at the first call."""
        if self.bar is None:
            self.bar = start_bar(self.counted)
        self.bar.update(self.bar.task_ids[0], total=total, completed=done, text=text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()
        if kind is KeyboardInterrupt and self.way_on is not None:
            print(f"saved; {self.way_on} goes on", file=sys.stderr)


def start_bar(counted: bool) -> RichProgress:
    """Return a bar that is shown: of iterations that are counted, or of shares of the work."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    done = MofNCompleteColumn() if counted else TaskProgressColumn()
    columns = (done, BarColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    bar = Progress(*columns, TextColumn("{task.fields[text]}"), console=Console(stderr=True))
    bar.add_task("", text="")
    bar.start()
    return bar
