"""One picture file through a generator."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from images.reading import read_image
from images.resizing import resize_long_side
from images.writing import write_image
from pipelines.stylization.generator import Stylizer, stylize_picture
from pipelines.stylization.plan import Job
from pipelines.stylization.settings import StylizationSettings


@dataclass(frozen=True)
class Timing:
    """How long one picture took: in the network, and reading, resizing and writing; in seconds."""

    stylize_seconds: float
    file_seconds: float
    megapixels: float


def stylize_file(job: Job, generator: Stylizer, settings: StylizationSettings) -> Timing:
    """Read, stylise and write one picture; folders for it that are missing are made.

    Raises:
        ImageError: it cannot be read or written.
        UserError: the network fails on it.
        OSError: its folder cannot be made.
    """
    start = perf_counter()
    picture = read_image(job.source)
    if settings.image_size is not None:
        picture = resize_long_side(picture, settings.image_size)
    read = perf_counter()
    stylized = stylize_picture(picture, generator, strength=settings.strength, keep_colors=settings.keep_colors)
    done = perf_counter()
    job.target.parent.mkdir(parents=True, exist_ok=True)
    write_image(job.target, stylized.pixels, alpha=stylized.alpha)
    return Timing(done - read, read - start + perf_counter() - done, picture.megapixels)
