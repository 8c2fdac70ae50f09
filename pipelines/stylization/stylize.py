"""Stylising pictures with a trained network: files to files, or arrays to arrays."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from errors import ArgumentError
from pipelines.memory_bound import parse_memory
from pipelines.model_library import find_model
from pipelines.startup import quiet_startup
from pipelines.stylization.plan import StylizationPlan, plan_jobs
from pipelines.stylization.settings import StylizationSettings

if TYPE_CHECKING:
    import numpy as np

    from images.picture import Picture
    from pipelines.stylization.generator import Stylizer
    from pipelines.stylization.large import Look
    from pipelines.stylization.picture_plan import PicturePlan
    from pipelines.stylization.run import StylizationReport


def stylize_files(
    inputs: Sequence[str | os.PathLike],
    output: str | os.PathLike,
    *,
    model: str = "starry_night",
    image_size: int | None = None,
    strength: float = 1.0,
    keep_colors: bool = False,
    precision: str = "float32",
    style: Mapping[str, float] | None = None,
    masks: Sequence[str | os.PathLike] = (),
    memory: str | int | None = None,
    brush_size: float = 1.0,
    overwrite: bool = False,
) -> StylizationReport:
    """Stylise picture files with a trained network.

    What cannot be done is noted in the report and does not stop the others, but for a full disk. Warnings and a
    progress bar with the time left go to standard error. On Ctrl-C what is written stays, and the same call continues
    with the rest.

    Args:
        inputs: files and folders (see pipelines.stylization.plan.plan_jobs).
        output: file or folder.
        model: name of a model that ships with the program, or path of a `.keras` file under the image contract.
        image_size: see `StylizationSettings`, as all options up to `masks`.
        strength: weight of the stylised picture in the result.
        keep_colors: keep the content's colours.
        precision: what the network computes in.
        style: of a network of several styles: those that are blended, with their weights.
        masks: where each style goes.
        memory: bytes that the process may take, or "4GB"; None: half of what is free. Larger pictures go in strips.
        brush_size: size of the strokes as a multiple of what the network was trained for.
        overwrite: write outputs anew that exist; otherwise they are skipped, and an error for a single input file.

    Raises:
        ArgumentError: an argument has a value that is not allowed.
        UserError: the model cannot be loaded or does not follow the image contract.
    """
    look = (image_size, strength, keep_colors, precision)
    settings = StylizationSettings(*look, style or {}, _paths(masks), parse_memory(memory), brush_size)
    path = find_model(model)
    plan = plan_jobs(inputs, output, overwrite=overwrite, masks=settings.masks)
    _check_only_picture(plan, image_size)
    return _stylize(path, plan, settings)


def _check_only_picture(plan: StylizationPlan, image_size: int | None) -> None:
    """Raise ArgumentError where there is one picture alone and it would become too large; in a folder it is told later.

    It is read only where its proportions matter; that it cannot be read is told later too.
    """
    from images.errors import ImageError
    from images.picture import MAX_PIXELS
    from images.reading import open_picture

    if image_size is None or image_size**2 <= MAX_PIXELS or len(plan.jobs) != 1:
        return
    with warnings.catch_warnings(), suppress(ImageError):
        warnings.simplefilter("ignore")  # they come again when the picture is stylised
        content = open_picture(plan.jobs[0].source)
        _check_image_size(content.height, content.width, image_size)


def _check_image_size(height: int, width: int, image_size: int) -> None:
    from images.errors import ImageError
    from images.resizing import size_of_long_side

    try:
        size_of_long_side(height, width, image_size)
    except ImageError as error:
        raise ArgumentError(f"`image_size` {image_size}: {error}") from error


def _stylize(model: Path, plan: StylizationPlan, settings: StylizationSettings) -> StylizationReport:
    start = perf_counter()
    from images.temporary_files import remove_stale
    from pipelines.stylization.run import StylizationReport, stylize_jobs

    for folder in {job.target.parent for job in (*plan.jobs, *plan.existing)}:
        remove_stale(folder)
    report = StylizationReport(skipped=plan.existing, failed=dict(plan.unreadable), films=plan.films)
    if plan.jobs:
        generator = _load(model, settings)
        report.load_seconds = perf_counter() - start
        from pipelines.stylization.files import stylize_file

        stylize_jobs(plan.jobs, partial(stylize_file, generator=generator, settings=settings), report)
    return report


def stylize_pixels(
    pixels: np.ndarray,
    *,
    model: str | Stylizer = "starry_night",
    image_size: int | None = None,
    strength: float = 1.0,
    keep_colors: bool = False,
    precision: str = "float32",
    memory: str | int | None = None,
    brush_size: float = 1.0,
) -> np.ndarray:
    """Stylise one picture in memory.

    Args:
        pixels: float32 (height, width, 3), RGB, sRGB-encoded, in [0, 1].
        model: as in `stylize_files`; or a network that `load_stylizer` has loaded, to use it many times.
        image_size: as in `stylize_files`, as `strength`, `keep_colors` and `precision`.
        strength: weight of the stylised picture in the result.
        keep_colors: keep the content's colours.
        precision: what the network computes in, where `model` is a name or a path.
        memory: as in `stylize_files`, as `brush_size`.
        brush_size: size of the strokes.

    Returns:
        The same kind of array; of the same height and width without `image_size`.

    Raises:
        ArgumentError: an argument has a value that is not allowed.
        UserError: the model cannot be loaded, does not follow the image contract or fails on the picture.
    """
    look = (image_size, strength, keep_colors, precision)
    settings = StylizationSettings(*look, memory=parse_memory(memory), brush_size=brush_size)
    if image_size is not None:
        _check_image_size(pixels.shape[0], pixels.shape[1], image_size)
    generator = load_stylizer(model, precision=precision) if isinstance(model, str | os.PathLike) else model
    from images.picture import Picture
    from images.resizing import resize_long_side
    from pipelines.stylization.generator import stylize_picture
    from pipelines.stylization.large import look_of
    from pipelines.stylization.masks import masks_of, networks_of
    from pipelines.stylization.picture_plan import plan_picture

    picture = Picture(pixels) if image_size is None else resize_long_side(Picture(pixels), image_size)
    plan = plan_picture(
        networks_of(generator), picture.height, picture.width, settings.memory, brush_size, len(masks_of(generator))
    )
    if plan is not None and plan.passes:
        return _in_strips(picture, plan, look_of(settings, generator))
    return stylize_picture(picture, generator, strength=strength, keep_colors=keep_colors, brush_size=brush_size).pixels


def _in_strips(picture: Picture, plan: PicturePlan, look: Look) -> np.ndarray:
    import numpy as np

    from images.rows import rows_of
    from pipelines.stylization.large import stylize_rows

    channels = np.empty(picture.pixels.shape, np.float32)
    folder = Path(tempfile.gettempdir())
    stylize_rows(rows_of(picture), plan, look, channels=channels, folder=folder, observe=lambda share: None)
    return channels


def load_stylizer(
    model: str | os.PathLike = "starry_night",
    *,
    precision: str = "float32",
    style: Mapping[str, float] | None = None,
    masks: Sequence[str | os.PathLike] = (),
) -> Stylizer:
    """Load a network for `stylize_pixels`, which then keeps its compiled graphs from picture to picture.

    Args:
        model: as in `stylize_files`, as the others.
        precision: what the network computes in.
        style: those that are blended.
        masks: where each style goes.

    Raises:
        ArgumentError: there is no such model, or no such precision.
        UserError: the model cannot be loaded or does not follow the image contract.
    """
    settings = StylizationSettings(precision=precision, style=style or {}, masks=_paths(masks))
    return _load(find_model(os.fspath(model)), settings)


def _paths(masks: Sequence[str | os.PathLike]) -> tuple[str, ...]:
    return tuple(os.fspath(mask) for mask in masks)


def _load(path: Path, settings: StylizationSettings) -> Stylizer:
    with quiet_startup(settings.precision):
        from pipelines.stylization.styles import load_styles

        return load_styles(path, precision=settings.precision, style=settings.style, masks=settings.masks)
