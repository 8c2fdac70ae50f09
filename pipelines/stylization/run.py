"""Stylising the pictures of a plan one after the other; one that fails does not stop the others, a full disk does."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TimeRemainingColumn
from rich.text import Text

from errors import UserError, counted
from images.errors import ImageError, ImageWarning, is_disk_full
from pipelines.stylization.plan import Job
from runtimes.terminal import printable, raise_lost_interrupt, reason_of

if TYPE_CHECKING:
    from pipelines.stylization.files import Timing

# `stylize_file` with its network.
Work = Callable[..., "Timing"]


@dataclass
class StylizationReport:
    """What a run did.

    Attributes:
        written: the jobs that were done.
        skipped: the jobs whose outputs existed.
        failed: file or folder that could not be read, stylised or written -> the reason.
        films: those of the input folders, which were left out.
        load_seconds: importing Keras, loading and compiling the model.
        stylize_seconds: the network's time over all pictures that were written.
        file_seconds: reading, resizing and writing those pictures.
        megapixels: their sizes as they went through the network.
    """

    written: list[Job] = field(default_factory=list)
    skipped: list[Job] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    films: list[Path] = field(default_factory=list)
    load_seconds: float = 0.0
    stylize_seconds: float = 0.0
    file_seconds: float = 0.0
    megapixels: float = 0.0


def stylize_jobs(jobs: list[Job], stylize: Work, report: StylizationReport) -> None:
    """Do all jobs by `stylize` and note each in `report`; warnings and a progress bar go to standard error.

    Where the disk is full the remaining ones are left: every one would be stylised in vain.
    """
    with _progress_bar() as progress:
        task = progress.add_task("", total=len(jobs))
        try:
            for done, job in enumerate(jobs):
                progress.update(task, description=printable(job.source.name))
                if not _stylize_one(job, stylize, report, _Teller(progress, task, done)):
                    if left := len(jobs) - done - 1:
                        report.failed[job.source] += f"; not tried: {counted(left, 'more picture')}"
                    break
                progress.update(task, completed=done + 1)
                raise_lost_interrupt()
        except KeyboardInterrupt:
            _tell(progress, f"{len(report.written)} of {len(jobs)} pictures were written")
            raise


@dataclass(frozen=True)
class _Teller:
    """What a picture's work tells: lines, and the share that is done, on the bar of all pictures.

    Attributes:
        progress: the bar.
        task: on it.
        done: pictures before this one.
    """

    progress: Progress
    task: TaskID
    done: int

    def line(self, text: str) -> None:
        """Show a line above the bar."""
        _tell(self.progress, text)

    def share(self, share: float) -> None:
        """Move the bar inside the picture."""
        self.progress.update(self.task, completed=self.done + share)


def _stylize_one(job: Job, stylize: Work, report: StylizationReport, teller: _Teller) -> bool:
    """Do a job and note it in `report`; say whether there is still room on the disk."""
    has_room = True
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")  # those of libraries say nothing to users
        warnings.simplefilter("always", ImageWarning)
        try:
            timing = stylize(job, tell=teller.line, observe=teller.share)
        except (UserError, ImageError, OSError, MemoryError) as error:
            message = reason_of(error) or type(error).__name__
            report.failed[job.source] = message if str(job.source) in message else f"{job.source}: {message}"
            has_room = not is_disk_full(error)
        else:
            report.written.append(job)
            report.stylize_seconds += timing.stylize_seconds
            report.file_seconds += timing.file_seconds
            report.megapixels += timing.megapixels
    for warning in caught:
        teller.line(f"warning: {warning.message}")
    return has_room


class _NameColumn(ProgressColumn):
    """The name of the picture, cut off where it would take the room of the bar and the numbers."""

    def render(self, task: Task) -> Text:
        """Return the name as text."""
        return Text(task.description, overflow="ellipsis", no_wrap=True)


class _CountColumn(ProgressColumn):
    """How many pictures are done, and how much of the present one."""

    def render(self, task: Task) -> Text:
        """Return the numbers as text."""
        whole, share = divmod(task.completed, 1)
        return Text(f"{int(whole)}/{task.total:.0f}" + (f" + {share:.0%}" if share else ""))


def _progress_bar() -> Progress:
    """Return a progress bar on standard error; where that is no terminal only messages appear."""
    console = Console(stderr=True)
    columns = (_NameColumn(), BarColumn(), _CountColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _tell(progress: Progress, message: str) -> None:
    progress.console.print(printable(message), soft_wrap=True, markup=False, highlight=False)
