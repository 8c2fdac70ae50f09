"""Pictures of a trained texture generator, of any size, one pass each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from choices import TILEABLE
from errors import ArgumentError, UserError, one_line, unknown_name
from images.writing import write_image
from pipelines.model_library import find_model
from pipelines.outputs import check_picture_output
from pipelines.startup import quiet_startup

if TYPE_CHECKING:
    import keras

# Pictures repeat without a seam where their sides are multiples of it: the coarsest scale of the default pyramid has
# one pixel for 32, the johnson network one for 4.
MULTIPLE = 32


def sample_textures(generator: str, output: str | os.PathLike, *, count: int = 1, **options: Any) -> list[Path]:
    """Write pictures of a generator that `train.py --mode texture` made.

    Args:
        generator: name of a model that ships, or a `.keras` file.
        output: file of the picture; of several, NAME_F0000.png, NAME_F0001.png ... in its place.
        count: number of pictures.
        options: further ones of `sample_pictures`.

    Raises:
        ArgumentError: a side, the count or the output's format is not allowed, or there is no such model.
        UserError: the file is no texture generator, or its picture is not finite.
    """
    check_picture_output(Path(output))
    pictures = sample_pictures(generator, count=count, **options)
    targets = _targets(Path(output), count)
    for target, picture in zip(targets, pictures, strict=True):
        write_image(target, picture)
    return targets


def sample_pictures(
    generator: str,
    *,
    output_width: int = 512,
    output_height: int | None = None,
    count: int = 1,
    tileable: str = "none",
    random_seed: int = 0,
) -> Iterator[np.ndarray]:
    """Return pictures of a texture generator one after another, float32 (height, width, 3) in [0, 1].

    Args:
        generator: name of a model that ships, or a `.keras` file.
        output_width: pixels.
        output_height: pixels; None: as the width.
        count: number of pictures.
        tileable: directions ("none", "x", "y", "both") in which the pictures shall repeat without a seam.
        random_seed: of the first picture's noise; the others take the following numbers.

    Raises:
        ArgumentError: a side or the count is not allowed, or there is no such model.
        UserError: the file is no texture generator, or a picture is not finite.
    """
    height, width = output_height or output_width, output_width
    _check(height, width, count, tileable)
    path = find_model(generator, option="`generator`")
    with quiet_startup():
        from model.noise import takes_noise
        from model.saving import load_model
    model = load_model(path)
    if not takes_noise(model):
        raise UserError(f"`generator` {generator}: takes pictures, not noise: stylize_tensorflow.py `model` runs it")
    # The circle closes at a multiple; other sizes are cut out of the next one.
    sides = [-(-side // MULTIPLE) * MULTIPLE for side in (height, width)]
    samples = (_sample(model, path, sides, random_seed + i) for i in range(count))
    return (np.clip(picture[:height, :width], 0, 1) for picture in samples)


def _sample(model: keras.Model, path: Path, sides: Sequence[int], seed: int) -> np.ndarray:
    """Return the picture (height, width, 3) that `model`, of the file `path`, makes of noise of that size."""
    from model.noise import draw_noise

    size = f"noise of {sides[1]} x {sides[0]}"
    try:
        picture = np.asarray(model.predict_on_batch(draw_noise(model, *sides, seed=seed)))[0]
    except Exception as error:  # a foreign model may fail in any way
        raise UserError(f"{path}: the model fails on {size}: {one_line(error)}") from error
    if picture.shape != (*sides, 3):
        raise UserError(f"{path}: the model made {picture.shape} of {size}, no RGB picture")
    if not np.isfinite(picture).all():
        raise UserError(f"{path}: the model returned NaN or infinite values")
    return picture


def _check(height: int, width: int, count: int, tileable: str) -> None:
    for name, value in (("`output_width`", width), ("`output_height`", height), ("`count`", count)):
        if value < 1:
            raise ArgumentError(f"{name} must be at least 1, not {value}")
    if tileable not in TILEABLE:
        raise ArgumentError(unknown_name("`tileable`", tileable, TILEABLE))
    repeated = {"none": (), "x": (width,), "y": (height,), "both": (width, height)}
    for side in repeated[tileable]:
        if side % MULTIPLE:
            near = max(MULTIPLE, round(side / MULTIPLE) * MULTIPLE)
            raise ArgumentError(
                f"`tileable` {tileable}: a generator's sides must be multiples of {MULTIPLE}, not {side} (near: {near})"
            )


def _targets(output: Path, count: int) -> list[Path]:
    if count == 1:
        return [output]
    return [output.with_name(f"{output.stem}_F{i:04d}{output.suffix}") for i in range(count)]
