"""Stylising one picture file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from images.errors import ImageError
from images.large.mapped import mapped_zeros
from images.reading import open_picture
from images.resizing import resize_long_side
from images.rows import PictureRows, rows_of
from images.writing import (
    check_size,
    keeps_alpha,
    keeps_depth,
    warn_of_lost_alpha,
    write_deep_tiff,
    write_image,
    write_levels,
)
from pipelines.stylization.generator import Stylizer, stylize_picture
from pipelines.stylization.large import Look, look_of, stylize_rows
from pipelines.stylization.masks import masks_of, networks_of
from pipelines.stylization.picture_plan import PicturePlan, plan_picture
from pipelines.stylization.plan import Job
from pipelines.stylization.settings import StylizationSettings
from strips.run import Observer


@dataclass(frozen=True)
class Timing:
    """How long one picture took: in the network, and reading, resizing and writing; in seconds."""

    stylize_seconds: float
    file_seconds: float
    megapixels: float


def stylize_file(
    job: Job,
    generator: Stylizer,
    settings: StylizationSettings,
    *,
    tell: Callable[[str], object] = lambda line: None,
    observe: Observer = lambda share: None,
) -> Timing:
    """Read, stylise and write one picture; folders for it that are missing are made.

    Args:
        job: what to read and to write.
        generator: the network.
        settings: how.
        tell: told before the work how a large picture goes through the network, and what memory that takes.
        observe: told the share of a large picture that is done.

    Raises:
        ImageError: it cannot be read or written.
        UserError: the network fails on it, or it does not fit into the memory that the settings allow.
        OSError: its folder cannot be made.
    """
    start = perf_counter()
    content = open_picture(job.source)
    if settings.image_size is not None:
        content = _resized(content, job.source, settings.image_size)
    check_size(job.target, content.height, content.width)
    size = content.height, content.width
    plan = plan_picture(networks_of(generator), *size, settings.memory, settings.brush_size, len(masks_of(generator)))
    if plan is not None:
        tell(f"{job.source}: {content.width} x {content.height} pixels, {plan}")
    job.target.parent.mkdir(parents=True, exist_ok=True)
    read = perf_counter()
    if plan is None or not plan.passes:
        writing_seconds = _stylize_whole(job, content, generator, settings)
    else:
        writing_seconds = _stylize_in_strips(job, content, look_of(settings, generator), plan, observe)
    done = perf_counter()
    return Timing(done - read - writing_seconds, read - start + writing_seconds, content.height * content.width / 1e6)


def _resized(content: PictureRows, source: Path, longer: int) -> PictureRows:
    try:
        picture = resize_long_side(content.picture(), longer)
    except ImageError as error:
        raise ImageError(f"{source}: `image_size` {longer}: {error}") from error
    return rows_of(picture, bits=content.bits, metadata=content.metadata)


def _stylize_whole(job: Job, content: PictureRows, generator: Stylizer, settings: StylizationSettings) -> float:
    """Stylise and write a picture that goes through the network whole; return the seconds of writing."""
    picture = content.picture()
    stylized = stylize_picture(
        picture,
        generator,
        strength=settings.strength,
        keep_colors=settings.keep_colors,
        brush_size=settings.brush_size,
    )
    start = perf_counter()
    write = write_deep_tiff if keeps_depth(job.target, content.bits) else write_image
    write(job.target, stylized.pixels, alpha=stylized.alpha, metadata=content.metadata)
    return perf_counter() - start


def _stylize_in_strips(job: Job, content: PictureRows, look: Look, plan: PicturePlan, observe: Observer) -> float:
    """Stylise and write a picture in strips; return the seconds of writing."""
    has_alpha = _keeps_alpha(job.target, content)
    shape = (content.height, content.width, 4 if has_alpha else 3)
    dtype = np.uint16 if keeps_depth(job.target, content.bits) else np.uint8
    levels = mapped_zeros(shape, dtype, str(job.target.parent))
    stylize_rows(content, plan, look, channels=levels, folder=job.target.parent, observe=observe)
    start = perf_counter()
    write_levels(job.target, levels, metadata=content.metadata)
    return perf_counter() - start


def _keeps_alpha(target: Path, content: PictureRows) -> bool:
    if content.read_alpha is None:
        return False
    if keeps_alpha(target):
        return True
    if any((content.read_alpha(range(row, row + 1)) < 1).any() for row in range(content.height)):
        warn_of_lost_alpha(target)
    return False
