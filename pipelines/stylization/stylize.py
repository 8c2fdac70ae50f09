"""Stylising pictures: files in, files out, one model for all of them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from errors import ArgumentError, UserError, unknown_name
from images.errors import ImageError, ImageWarning
from pipelines.model_library import find_model
from pipelines.startup import quiet_startup
from pipelines.stylization.files import Job, plan_jobs

if TYPE_CHECKING:
    from rich.progress import Progress

    from pipelines.stylization.generator import Generator

PRECISIONS = ("float32", "bfloat16")


@dataclass
class StylizationReport:
    """What a run did.

    Attributes:
        written: the jobs that were done.
        skipped: the jobs whose outputs existed.
        failed: job -> the reason.
        load_seconds: importing Keras, loading and compiling the model.
        stylize_seconds: the network's time over all pictures that were written.
        file_seconds: reading, resizing, blending and writing those pictures.
        megapixels: their sizes as they went through the network.
    """

    written: list[Job] = field(default_factory=list)
    skipped: list[Job] = field(default_factory=list)
    failed: dict[Job, str] = field(default_factory=dict)
    load_seconds: float = 0.0
    stylize_seconds: float = 0.0
    file_seconds: float = 0.0
    megapixels: float = 0.0


@dataclass(frozen=True)
class _Look:
    """What is done to each picture."""

    image_size: int | None
    strength: float
    keep_colors: bool


def stylize_files(
    inputs: Sequence[str | os.PathLike],
    output: str | os.PathLike,
    *,
    model: str = "starry_night",
    image_size: int | None = None,
    strength: float = 1.0,
    keep_colors: bool = False,
    precision: str = "float32",
    overwrite: bool = False,
) -> StylizationReport:
    """Stylise picture files with a trained network.

    A picture that cannot be read, stylised or written is noted in the report and does not stop the others. Warnings
    and a progress bar with the time left go to standard error. On Ctrl-C what is written stays; the same call goes
    on with the rest.

    Args:
        inputs: files and folders (see pipelines.stylization.files.plan_jobs).
        output: file or folder.
        model: name of a model that ships with the program, or path of a `.keras` file under the image contract.
        image_size: the longer side to which each picture is resized first; None keeps its size.
        strength: share of the stylised picture in the result, 0 to 1; the rest is the content.
        keep_colors: keep the chroma of the content; of the stylised picture comes the luma.
        precision: what the network computes in: "float32" or "bfloat16" (faster where the processor has it).
        overwrite: write outputs anew that exist; otherwise they are skipped, and an error for a single input file.

    Raises:
        ArgumentError: an argument has a value that is not allowed.
        UserError: the model cannot be loaded or does not follow the image contract.
    """
    look = _checked_look(image_size, strength, keep_colors)
    if precision not in PRECISIONS:
        raise ArgumentError(unknown_name("--precision", precision, PRECISIONS))
    path = find_model(model)
    jobs, skipped = plan_jobs([Path(name) for name in inputs], Path(output), overwrite=overwrite)
    report = StylizationReport(skipped=skipped)
    if jobs:
        for folder in {job.target.parent for job in jobs}:
            folder.mkdir(parents=True, exist_ok=True)
        start = perf_counter()
        generator = _load(path, precision)
        report.load_seconds = perf_counter() - start
        _stylize_all(jobs, generator, look, report)
    return report


def _checked_look(image_size: int | None, strength: float, keep_colors: bool) -> _Look:
    if image_size is not None and image_size < 1:
        raise ArgumentError(f"--image-size must be 1 or more, not {image_size}")
    if not 0 <= strength <= 1:
        raise ArgumentError(f"--strength must be from 0 to 1, not {strength}")
    return _Look(image_size, strength, keep_colors)


def _load(path: Path, precision: str) -> Generator:
    with quiet_startup():
        from pipelines.stylization.generator import load_generator

        return load_generator(path, precision=precision)


def _stylize_all(jobs: list[Job], generator: Generator, look: _Look, report: StylizationReport) -> None:
    with _progress_bar() as progress:
        task = progress.add_task("", total=len(jobs))
        try:
            for job in jobs:
                progress.update(task, description=job.source.name)
                _stylize_one(job, generator, look, report, progress)
                progress.advance(task)
        except KeyboardInterrupt:
            _tell(progress, f"{len(report.written)} of {len(jobs)} pictures are written and stay")
            raise


def _stylize_one(job: Job, generator: Generator, look: _Look, report: StylizationReport, progress: Progress) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")  # those of libraries say nothing to users
        warnings.simplefilter("always", ImageWarning)
        try:
            _stylize_file(job, generator, look, report)
            report.written.append(job)
        except (UserError, ImageError, OSError, MemoryError) as error:
            message = str(error) or type(error).__name__
            report.failed[job] = message if str(job.source) in message else f"{job.source}: {message}"
    for warning in caught:
        _tell(progress, f"warning: {warning.message}")


def _stylize_file(job: Job, generator: Generator, look: _Look, report: StylizationReport) -> None:
    from images.reading import read_image
    from images.resizing import resize_long_side
    from images.writing import write_image
    from pipelines.stylization.generator import stylize_picture

    start = perf_counter()
    picture = read_image(job.source)
    if look.image_size is not None:
        picture = resize_long_side(picture, look.image_size)
    read = perf_counter()
    stylized = stylize_picture(picture, generator, strength=look.strength, keep_colors=look.keep_colors)
    done = perf_counter()
    write_image(job.target, stylized.pixels, alpha=stylized.alpha)
    report.stylize_seconds += done - read
    report.file_seconds += read - start + perf_counter() - done
    report.megapixels += picture.megapixels


def _progress_bar() -> Progress:
    """Return a progress bar on standard error; where that is no terminal only messages appear."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _tell(progress: Progress, message: str) -> None:
    progress.console.print(message, soft_wrap=True, markup=False, highlight=False)
