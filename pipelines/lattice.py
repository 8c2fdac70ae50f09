"""Taking the lattice out of a generator's file."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from choices import DTYPES
from errors import ArgumentError, unknown_name
from pipelines.inputs import pictures_in, read_sound
from pipelines.model_library import find_model
from pipelines.outputs import check_file_output, check_not_read
from pipelines.startup import quiet_startup

if TYPE_CHECKING:
    import keras
    import numpy as np

    from model.lattice import Pattern

RANK = 4
PICTURES = 48
LONG_SIDE = 512  # pixels of a photo; smaller ones are not enlarged
NOISE_SIDE = 256
MAX_STRENGTH = 1e6


@dataclass(frozen=True)
class LatticeReport:
    """What was done.

    Attributes:
        pattern: that was found in the generator's pictures.
        bytes: size of the file.
    """

    pattern: Pattern
    bytes: int


def remove_lattice_from_file(
    *,
    input: str | os.PathLike,
    output: str | os.PathLike,
    data: str | os.PathLike | None = None,
    strength: float = 10.0,
    dtype: Literal["float32", "float16"] = "float32",
) -> LatticeReport:
    """Write a copy of a generator whose pictures have less of a lattice, see `model.lattice.remove_lattice`.

    Args:
        input: name of an included model, or `.keras` file: a generator of pictures from pictures or noise.
        output: `.keras` file to write.
        data: folder of photos like those that the generator was trained on, of which 48 are taken at random for each
            style; None for a generator of textures.
        strength: of the change, above 0.
        dtype: of the weights in the file.

    Raises:
        ArgumentError: an argument has a value that is not allowed, or the generator's last convolution is of another
            kind.
        ImageError: no photo can be read.
        UserError: the model cannot be read, or the file cannot be written.
    """
    if not 0 < strength <= MAX_STRENGTH:
        raise ArgumentError(f"`strength` must be above 0 and at most {MAX_STRENGTH:g}, not {strength}")
    if dtype not in DTYPES:
        raise ArgumentError(unknown_name("`dtype`", dtype, DTYPES))
    path = find_model(os.fspath(input), option="`input`")
    check_file_output(output)
    if Path(output).suffix != ".keras":
        raise ArgumentError(f"`output` {output}: must end in .keras")
    check_not_read(Path(output), [path])
    photos = None if data is None else pictures_in(data, "data", recursive=True)
    with quiet_startup():
        from model.lattice import remove_lattice
        from model.saving import load_model, save_model
    generator = load_model(path)
    pattern = remove_lattice(generator, _inputs(generator, photos), strength=strength)
    with quiet_startup():  # Keras imports TensorFlow to save, where that is installed, on every backend
        return LatticeReport(pattern, save_model(generator, output, dtype=dtype))


def _inputs(generator: keras.Model, photos: list[Path] | None) -> Iterator[Any]:
    """Return what the generator is called on; each picture in every style of a network of several."""
    from model.styles import style_names

    names = style_names(generator)
    shape = generator.inputs[0].shape
    if len(generator.inputs) != (2 if names else 1) or len(shape) != RANK:
        raise ArgumentError("`input`: not a generator: it must take pictures or noise, and no more than styles beside")
    takes_noise = generator.inputs[0].name == "noise"
    if takes_noise and photos is not None:
        raise ArgumentError("`data`: not for a generator of textures, which takes noise")
    if not takes_noise and photos is None:
        raise ArgumentError("`data` is needed: a folder of photos")
    return _with_styles(_noise(shape[-1]) if photos is None else _photos(photos), len(names))


def _with_styles(arrays: Iterator[np.ndarray], styles: int) -> Iterator[Any]:
    import numpy as np

    for array in arrays:
        yield from ([array, row[np.newaxis]] for row in np.eye(styles, dtype=np.float32)) if styles else [array]


def _noise(depth: int) -> Iterator[np.ndarray]:
    import numpy as np

    rng = np.random.default_rng(0)
    for _ in range(PICTURES):
        yield rng.random((1, NOISE_SIDE, NOISE_SIDE, depth), dtype=np.float32)


def _photos(photos: list[Path]) -> Iterator[np.ndarray]:
    """Yield PICTURES of the photos that can be read, in random order, or all where there are fewer."""
    import numpy as np

    from images.resizing import resize, size_of_long_side

    order = [photos[number] for number in np.random.default_rng(0).permutation(len(photos))]
    for _, pixels in itertools.islice(read_sound(order), PICTURES):
        height, width = pixels.shape[:2]
        size = size_of_long_side(height, width, min(LONG_SIDE, max(height, width)))
        yield resize(pixels, *size)[np.newaxis]
