"""The input pipeline of training: random crops of photos, or noise, each batch a function of its number alone."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import keras
import numpy as np

from errors import UserError, counted
from images.errors import ImageError
from images.reading import read_image
from images.resizing import resize
from losses.pictures.consistency import MAX_SHIFT
from pipelines.training.augmentation import random_crop, recolored, shifted_views

# Standard deviation of a crop's values below which it counts as flat. Where a generator sees a picture without any
# detail, each of its normalisations divides by almost nothing and the gradient overflows.
FLAT = 1 / 512


class PhotoCrops:
    """Random square crops of photos: crop number n is the same at every time and in every process.

    Each pass takes all photos in a new order. Of each it takes another square, in other colours (see
    `pipelines.training.augmentation`). In place of an unreadable file, or of a crop of a single colour, the next photo
    is taken.

    Args:
        photos: files, or pictures in memory, float32 (height, width, 3) in [0, 1].
        size: of the crops, in pixels.
        seed: of everything random.

    Raises:
        UserError: none of the photos can be read, or all are of a single colour.
    """

    def __init__(self, photos: Sequence[Path | np.ndarray], *, size: int, seed: int) -> None:
        self.files = list(photos)
        self.size = size
        self.seed = seed
        self.unreadable: dict[Path, ImageError] = {}  # and why
        self._lock = threading.Lock()
        self(0)

    def at_size(self, size: int) -> Self:
        """Return the crops of the same photos at another size; which files are unreadable is known to both."""
        crops = copy.copy(self)
        crops.size = size
        return crops

    def __call__(self, number: int) -> np.ndarray:
        """Return crop `number`, float32 (size, size, 3) in [0, 1]."""
        taken, position = divmod(number, len(self.files))
        order = np.random.default_rng((self.seed, 0, taken)).permutation(len(self.files))
        random = np.random.default_rng((self.seed, 1, number))
        for index in np.roll(order, -position):
            pixels = self._read(self.files[index])
            if pixels is None:
                continue
            crop = random_crop(pixels, self.size, random)
            if crop.std(axis=(0, 1)).max() >= FLAT:
                return recolored(crop, random)
        files = counted(len(self.files), "file")
        if len(self.unreadable) == len(self.files):
            reason = next(iter(self.unreadable.values()))
            raise UserError(f"`data`: no picture that can be read among {files}: {reason}")
        raise UserError(f"`data`: no picture with any detail among {files}")

    def centre(self, number: int) -> np.ndarray:
        """Return the largest square in the middle of the photo that crop `number` is of, resized to `size`."""
        order = np.roll(np.arange(len(self.files)), -number)
        pixels = next(pixels for index in order if (pixels := self._read(self.files[index])) is not None)
        side = min(pixels.shape[:2])
        top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
        return resize(pixels[top : top + side, left : left + side], self.size, self.size)

    def _read(self, path: Path | np.ndarray) -> np.ndarray | None:
        if isinstance(path, np.ndarray):
            return path
        if path in self.unreadable:
            return None
        try:
            return read_image(path).pixels
        except ImageError as error:
            with self._lock:
                self.unreadable[path] = error
            return None


class ShiftedCrops:
    """Crops of photos, each with another view of the same place, see `shifted_views`, in one array.

    TensorFlow's strategy for several workers takes one array a batch, so that the shift stands in planes of its own.

    Args:
        crops: of any size.
        size: of the views, in pixels.
        seed: of shifts and noise.
    """

    def __init__(self, crops: PhotoCrops, *, size: int, seed: int) -> None:
        self.crops = crops.at_size(size + MAX_SHIFT)
        self.seed = seed

    def __call__(self, number: int) -> np.ndarray:
        """Return both views of crop `number`, and down and right in pixels: float32 (size, size, 3 + 3 + 2)."""
        photo, other, shift = shifted_views(self.crops(number), np.random.default_rng((self.seed, 3, number)))
        planes = np.broadcast_to(shift.astype(np.float32), (*photo.shape[:2], 2))
        return np.concatenate([photo, other, planes], axis=-1)


def noise_sample(number: int, *, size: int, depth: int, seed: int) -> np.ndarray:
    """Return the noise of sample `number`: float32 (size, size, depth), uniform in [0, 1)."""
    return np.random.default_rng((seed, 2, number)).random((size, size, depth), dtype=np.float32)


class TrainingBatches(keras.utils.PyDataset):
    """Batches of consecutive samples of a training run.

    Args:
        sample: from its number to a sample (height, width, channels).
        batch_size: samples of a batch.
        count: number of batches.
        first_sample: number of the first sample: where a stage begins, or a resumed run goes on.
        threads: that make batches ahead.
        shard: (index, count): give only one of so many equal parts of each batch; for several workers.
    """

    def __init__(
        self,
        sample: Callable[[int], np.ndarray],
        *,
        batch_size: int,
        count: int,
        first_sample: int,
        threads: int,
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        super().__init__(workers=threads, use_multiprocessing=False, max_queue_size=4 * threads)
        self.sample = sample
        self.batch_size = batch_size
        self.count = count
        self.first_sample = first_sample
        self.shard = shard

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        shard, shards = self.shard
        count = self.batch_size // shards
        start = self.first_sample + index * self.batch_size + shard * count
        return (np.stack([self.sample(number) for number in range(start, start + count)]),)
