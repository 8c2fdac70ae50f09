"""The bar that shows how far a style transfer is."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pipelines.synthesis_progress import LINES, start_bar

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from pipelines.transfer_run import Progress


class TransferBar:
    """An observer of a style transfer that shows a bar with loss and time left; use it as a context manager.

    The bar moves by the work done, pixels times iterations, so that the time left is right although larger scales
    take longer. Where standard error is no terminal it prints a line now and then. After Ctrl-C it tells how to go on.
    """

    def __init__(self) -> None:
        self.bar: RichProgress | None = None
        self.has_begun = False

    def __call__(self, progress: Progress) -> None:
        """Show an iteration."""
        self.has_begun = True
        height, width = progress.size
        counts = f"{progress.scale_iterations}/{progress.max_scale_iterations}"
        text = f"{width} x {height}  {counts}  loss {progress.loss:.5g}"
        if sys.stderr.isatty():
            if self.bar is None:
                self.bar = start_bar(counted=False)
            self.bar.update(self.bar.task_ids[0], total=1.0, completed=1.0 - progress.work_left, text=text)
        elif progress.scale_iterations % max(1, progress.max_iterations // LINES) == 0:
            print(f"{1 - progress.work_left:.0%}  {text}  {progress.seconds:.1f} s", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()
        if kind is KeyboardInterrupt and self.has_begun:
            print("saved; the same command with --resume goes on", file=sys.stderr)
