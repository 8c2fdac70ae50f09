"""The bar that shows how far a synthesis is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from runs.bar import LINES, RunBar

if TYPE_CHECKING:
    from pipelines.synthesis.run import Progress


class ProgressBar(RunBar):
    """An observer of a synthesis that shows a bar with loss and time left; use it as a context manager.

    Where standard error is no terminal it prints a line now and then. After Ctrl-C it tells how to go on.
    """

    def __call__(self, progress: Progress) -> None:
        """Show an iteration."""
        self.way_on = f"--resume {progress.folder}"
        text = f"{progress.size[1]} x {progress.size[0]}  loss {progress.loss:.5g}"
        if sys.stderr.isatty():
            self.show(progress.iterations, progress.max_iterations, text)
        elif progress.iterations % max(1, progress.max_iterations // LINES) == 0:
            iterations = f"{progress.iterations}/{progress.max_iterations}"
            print(f"{iterations}  {text}  {progress.seconds:.1f} s", file=sys.stderr, flush=True)
