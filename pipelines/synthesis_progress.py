"""The bar that shows how far a synthesis is."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from pipelines.synthesis_run import Progress

# Where the output is no terminal there are as many lines at most.
LINES = 20


class ProgressBar:
    """An observer of a synthesis that shows a bar with loss and time left; use it as a context manager.

    Where standard error is no terminal it prints a line now and then. After Ctrl-C it tells how to go on.
    """

    def __init__(self) -> None:
        self.bar: RichProgress | None = None
        self.folder: Path | None = None

    def __call__(self, progress: Progress) -> None:
        """Show an iteration."""
        self.folder = progress.folder
        text = f"{progress.size[1]} x {progress.size[0]}  loss {progress.loss:.5g}"
        if sys.stderr.isatty():
            if self.bar is None:
                self.bar = start_bar()
            self.bar.update(
                self.bar.task_ids[0], total=progress.max_iterations, completed=progress.iterations, text=text
            )
        elif progress.iterations % max(1, progress.max_iterations // LINES) == 0:
            iterations = f"{progress.iterations}/{progress.max_iterations}"
            print(f"{iterations}  {text}  {progress.seconds:.1f} s", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()
        if kind is KeyboardInterrupt and self.folder is not None:
            print(f"saved; --resume {self.folder} goes on", file=sys.stderr)


def start_bar(counted: bool = True) -> RichProgress:
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
