"""The bar that shows how far a style transfer is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from runs.bar import LINES, RunBar

if TYPE_CHECKING:
    from pipelines.transfer.run import Progress


class TransferBar(RunBar):
    """An observer of a style transfer that shows a bar with loss and time left; use it as a context manager.

    The bar moves by the work done, pixels times iterations, so that the time left is right although larger scales
    take longer. Where standard error is no terminal it prints a line now and then. After Ctrl-C it tells how to go on.
    """

    counted = False

    def __call__(self, progress: Progress) -> None:
        """Show an iteration."""
        self.way_on = "the same command with --resume"
        height, width = progress.size
        counts = f"{progress.scale_iterations}/{progress.max_scale_iterations}"
        text = f"{width} x {height}  {counts}  loss {progress.loss:.5g}"
        if sys.stderr.isatty():
            self.show(1.0 - progress.work_left, 1.0, text)
        elif progress.scale_iterations % max(1, progress.max_iterations // LINES) == 0:
            print(f"{1 - progress.work_left:.0%}  {text}  {progress.seconds:.1f} s", file=sys.stderr, flush=True)
