"""What an export is compared on and calibrated with: pictures, or noise for a network in texture mode."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import keras
import numpy as np

from errors import ArgumentError
from images.formats import READABLE_SUFFIXES
from images.reading import read_image
from images.resizing import resize
from model.noise import draw_noise, takes_noise

PICTURES = Path(__file__).resolve().parents[2] / "pics"
# Their ranges hardly change from 8 pictures on.
MOST_CALIBRATED_ON = 16


class Samples(Protocol):
    """Inputs of a network.

    Attributes:
        name: of what is compared on.
        calibrated_on: number of inputs that `calibration` has yielded.
    """

    name: str
    calibrated_on: int

    def batch(self, count: int, height: int, width: int) -> np.ndarray:
        """Return (count, height, width, channels) to compare on, float32 in [0, 1], every one another."""

    def calibration(self, height: int, width: int) -> Iterator[np.ndarray]:
        """Yield (1, height, width, channels) to calibrate with, float32 in [0, 1]."""


def make_samples(model: keras.Model, folder: str | os.PathLike | None, *, calibrate: bool) -> Samples:
    """Return the samples for `model`: the pictures in `folder` (not in folders below), or the program's own, or noise.

    The first picture, in alphabetical order, is compared on. If there are others, they are what is calibrated with
    (MOST_CALIBRATED_ON of them, spread evenly), so that the comparison is on a picture that calibration did not see.

    Raises:
        ArgumentError: no such folder, no pictures in it, or none given to calibrate a network with that takes pictures.
    """
    if takes_noise(model):
        return _Noise(model)
    if folder is None and calibrate:
        raise ArgumentError("--quantize int8 needs --calibration FOLDER: pictures like those that the model will see")
    first, *others = _picture_files(PICTURES if folder is None else Path(folder))
    return _Pictures(first, _spread(others or [first], MOST_CALIBRATED_ON))


def _picture_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ArgumentError(f"--calibration {folder}: no such folder")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in READABLE_SUFFIXES and path.is_file())
    if not files:
        raise ArgumentError(f"--calibration {folder}: no pictures in it ({', '.join(sorted(READABLE_SUFFIXES))})")
    return files


def _spread(files: list[Path], most: int) -> list[Path]:
    """Return at most `most` of the files, at even distances."""
    count = min(most, len(files))
    return [files[index * len(files) // count] for index in range(count)]


class _Pictures:
    def __init__(self, compared: Path, calibrating: list[Path]) -> None:
        self.name = compared.name
        self.calibrated_on = 0
        self._pixels = read_image(compared).pixels
        self._calibrating = calibrating

    def batch(self, count: int, height: int, width: int) -> np.ndarray:
        """Return the picture, the picture mirrored, the picture upside down ..."""
        picture = cover(self._pixels, height, width)
        views = [picture, picture[:, ::-1], picture[::-1], picture[::-1, ::-1]]
        return np.stack(views[:count])

    def calibration(self, height: int, width: int) -> Iterator[np.ndarray]:
        """Yield the pictures to calibrate with."""
        for path in self._calibrating:
            self.calibrated_on += 1
            yield cover(read_image(path).pixels, height, width)[None]


class _Noise:
    def __init__(self, model: keras.Model) -> None:
        self.name = "noise"
        self.calibrated_on = 0
        self._model = model

    def batch(self, count: int, height: int, width: int) -> np.ndarray:
        """Return noise of a seed that is not calibrated with."""
        return draw_noise(self._model, height, width, seed=0, batch=count)

    def calibration(self, height: int, width: int) -> Iterator[np.ndarray]:
        """Yield noise of other seeds."""
        for seed in range(1, MOST_CALIBRATED_ON + 1):
            self.calibrated_on += 1
            yield draw_noise(self._model, height, width, seed=seed)


def cover(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the middle of a picture, its proportions kept, as large as covers (height, width, 3)."""
    factor = max(height / pixels.shape[0], width / pixels.shape[1])
    sizes = [max(math.ceil(side * factor), least) for side, least in zip(pixels.shape, (height, width), strict=False)]
    enlarged = resize(pixels, *sizes)
    top, left = (sizes[0] - height) // 2, (sizes[1] - width) // 2
    return np.ascontiguousarray(enlarged[top : top + height, left : left + width])
