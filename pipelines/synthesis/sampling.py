"""Pictures of a trained texture generator, of any size, one pass each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from choices import TILEABLE
from errors import ArgumentError, UserError, one_line, unknown_name
from images.large.mapped import mapped_zeros
from images.temporary_files import remove_stale
from images.writing import check_size, write_image
from pipelines.memory_bound import parse_memory
from pipelines.model_library import find_model
from pipelines.outputs import check_file_output, check_names_file, check_picture_name
from pipelines.startup import quiet_startup
from runs.machine import check_memory, return_memory_at_once

if TYPE_CHECKING:
    import keras

    from pipelines.stylization.picture_plan import Pass

# Pictures repeat without a seam where their sides are multiples of it: the coarsest scale of the default pyramid has
# one pixel for 32, the johnson network one for 4.
MULTIPLE = 32
# The most pictures of a command: as many names are kept, and looked at before the first is written.
MAX_PICTURES = 100_000


def sample_textures(
    generator: str,
    output: str | os.PathLike,
    *,
    output_width: int = 512,
    output_height: int | None = None,
    count: int = 1,
    **options: Any,
) -> list[Path]:
    """Write pictures of a generator that `train.py --mode texture` made.

    Args:
        generator: name of a model that ships, or a `.keras` file.
        output: file of the picture; of several, NAME_F0000.png, NAME_F0001.png ... in its place.
        output_width: pixels.
        output_height: pixels; None: as the width.
        count: number of pictures.
        options: further ones of `sample_pictures`.

    Raises:
        ArgumentError: a side, the count or the output's format is not allowed, or there is no such model.
        UserError: the file is no texture generator, or its picture is not finite.
        ImageError: the output's format cannot hold a picture of this size, or it cannot be written.
    """
    check_picture_name(output)
    check_names_file(output)
    if count > MAX_PICTURES:
        raise ArgumentError(f"`count` must be at most {MAX_PICTURES} with a generator, not {count}")
    check_size(Path(output), output_height or output_width, output_width)
    targets = _targets(Path(output), count)
    for target in targets:  # all of them, before the first is written
        check_file_output(target)
    pictures = sample_pictures(
        generator, output_width=output_width, output_height=output_height, count=count, **options
    )
    remove_stale(Path(output).absolute().parent)
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
    memory: str | float | None = None,
    observe: Callable[[float], object] = lambda share: None,
    option: str = "`generator`",
) -> Iterator[np.ndarray]:
    """Return pictures of a texture generator one after another, float32 (height, width, 3) in [0, 1].

    A picture that does not fit into the memory is computed in strips, with the same pixels, and is in a file that is
    mapped into memory.

    Args:
        generator: name of a model that ships, or a `.keras` file.
        output_width: pixels.
        output_height: pixels; None: as the width.
        count: number of pictures.
        tileable: directions ("none", "x", "y", "both") in which the pictures shall repeat without a seam.
        random_seed: of the first picture's noise; the others take the following numbers.
        memory: that the process may take, as "4GB" or a number of bytes; None: half of what is free.
        observe: told the share of a picture in strips that is done.
        option: the argument that names the generator, for errors.

    Raises:
        ArgumentError: a side, the count, the seed or the memory is not allowed, or there is no such model.
        UserError: the file is no texture generator, a picture is not finite, or not even strips fit.
    """
    height, width = output_height or output_width, output_width
    bound = parse_memory(memory)
    _check(height, width, count, tileable, random_seed)
    path = find_model(generator, option=option, textures=True)
    with quiet_startup():
        from model.acceleration import with_constant_kernels
        from model.noise import takes_noise
        from model.saving import load_model
    model = load_model(path)
    if not takes_noise(model):
        raise UserError(f"{option} {generator}: takes pictures, not noise; use stylize_tensorflow.py `model`")
    # The circle closes at a multiple; other sizes are cut out of the next one.
    sides = [-(-side // MULTIPLE) * MULTIPLE for side in (height, width)]
    sampler = _Sampler(with_constant_kernels(model), path, (sides[0], sides[1]), bound, observe)
    return (sampler(random_seed + i)[:height, :width] for i in range(count))


@dataclass(frozen=True, eq=False)
class _Sampler:
    """Makes pictures of one size, whole or in strips.

    Args:
        model: the generator.
        path: its file, for messages.
        size: (height, width), multiples of MULTIPLE.
        memory: bytes that the process may take; None: half of what is free.
        observe: told the share of a picture in strips that is done.
    """

    model: keras.Model
    path: Path
    size: tuple[int, int]
    memory: int | None
    observe: Callable[[float], object]

    def __call__(self, seed: int) -> np.ndarray:
        """Return the picture of a seed's noise, (height, width, 3) in [0, 1]."""
        from pipelines.stylization.picture_plan import plan_picture

        plan = plan_picture([self.model], *self.size, self.memory)
        size = f"noise of {self.size[1]} x {self.size[0]}"
        try:
            if plan is None or not plan.passes:
                return self._checked(self._whole(seed), size)
            return self._in_strips(plan.passes[0], seed)
        except UserError:
            raise
        except Exception as error:  # a foreign model may fail in any way
            raise UserError(f"{self.path}: the model fails on {size}: {one_line(error)}") from error

    def _whole(self, seed: int) -> np.ndarray:
        from model.noise import draw_noise

        return np.asarray(self.model.predict_on_batch(draw_noise(self.model, *self.size, seed=seed)))[0]

    def _checked(self, picture: np.ndarray, size: str) -> np.ndarray:
        if picture.shape != (*self.size, 3):
            raise UserError(f"{self.path}: the model made {picture.shape} of {size}, not an RGB picture")
        return self._in_range(picture)

    def _in_range(self, pixels: np.ndarray) -> np.ndarray:
        if not np.isfinite(pixels).all():
            raise UserError(f"{self.path}: the model returned NaN or infinite values")
        return np.clip(pixels, 0, 1)

    def _in_strips(self, one: Pass, seed: int) -> np.ndarray:
        from model.noise import draw_noise_rows
        from strips.run import run_strips

        return_memory_at_once()
        picture = mapped_zeros((*self.size, 3), np.float32)
        depth = self.model.inputs[0].shape[-1]

        def keep(rows: range, pixels: np.ndarray) -> None:
            picture[rows.start : rows.stop] = self._in_range(pixels)

        run_strips(
            one.cut,
            one.plan,
            lambda rows: draw_noise_rows(rows, self.size[1], depth, seed=seed),
            keep,
            observe=self.observe,
        )
        return picture


def _check(height: int, width: int, count: int, tileable: str, random_seed: int) -> None:
    for name, value in (("`output_width`", width), ("`output_height`", height), ("`count`", count)):
        if value < 1:
            raise ArgumentError(f"{name} must be at least 1, not {value}")
    # Even in strips the picture is in memory in the end, in bytes.
    check_memory(3 * height * width, "`output_height`" if height > width else "`output_width`")
    if not isinstance(random_seed, Integral) or isinstance(random_seed, bool) or random_seed < 0:
        raise ArgumentError(f"`random_seed` must be a whole number of at least 0, not {random_seed!r}")
    if tileable not in TILEABLE:
        raise ArgumentError(unknown_name("`tileable`", tileable, TILEABLE))
    repeated = {"none": (), "x": (width,), "y": (height,), "both": (width, height)}
    for side in repeated[tileable]:
        if side % MULTIPLE:
            near = max(MULTIPLE, round(side / MULTIPLE) * MULTIPLE)
            raise ArgumentError(
                f"`tileable` {tileable}: with a generator the sides must be multiples of {MULTIPLE}, "
                f"not {side} (near: {near})"
            )


def _targets(output: Path, count: int) -> list[Path]:
    if count == 1:
        return [output]
    return [output.with_name(f"{output.stem}_F{i:04d}{output.suffix}") for i in range(count)]
