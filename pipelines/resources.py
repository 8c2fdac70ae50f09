"""Estimates of the memory and time of an optimisation, and refusal of what does not fit."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from keras import ops

from choices import RANDOM_LAYER
from errors import ArgumentError
from model.layer_names import BLOCKS
from model.random_filters import FILTER_SIZES, FILTERS
from pipelines.memory_bound import memory_bound
from runs.machine import check_memory, gigabytes, gigabytes_of_limit

# Bytes of the program itself with the descriptor's weights and its libraries; and of strips that are worked on, with
# what the C library keeps of those before.
BASE_BYTES, STRIPS_BYTES = 900_000_000, 500_000_000
# Bytes a pixel: of the picture, its pyramid, gradients and copies; of each optimiser's vectors beside those; and what
# it needs less with its memory of curvatures in files.
PICTURE_BYTES = 130
OPTIMIZER_BYTES = {"adam": 60, "lbfgs": 580, "l-bfgs-b": 750}
FILE_BYTES = {"adam": 0, "lbfgs": 480, "l-bfgs-b": 690}
# Evaluations of the loss an iteration, about, and passes over the descriptor in each: forwards, twice that backwards,
# and in strips forwards once more.
EVALUATIONS, PASSES, PASSES_IN_STRIPS = 1.1, 3, 4
# What convolutions reach of the speed of a product of large matrices, about.
EFFICIENCY = 0.5
MATRIX_SIDE = 1024


@dataclass(frozen=True)
class Work:
    """What is optimised.

    Attributes:
        size: (height, width) of the result.
        pixels: of the largest scale, times the number of pictures.
        pixel_iterations: pixels times iterations, over all scales.
        layers: of the descriptor.
        octaves: that are described at each scale.
        optimizer: its name.
        max_pixels: up to which the descriptor sees pictures at once, not in strips.
        bytes_at_once: a pixel's bytes in it then, and in all other terms.
        bytes_of_terms: a pixel's bytes in other terms than the descriptor's where it sees strips.
        bytes_before: that are taken before anything is optimised, beside the program's own.
    """

    size: tuple[int, int]
    pixels: int
    pixel_iterations: float
    layers: Sequence[str]
    octaves: int
    optimizer: str
    max_pixels: int
    bytes_at_once: int
    bytes_of_terms: int = 0
    bytes_before: int = 0

    @property
    def in_strips(self) -> bool:
        """Whether the descriptor sees the largest scale in strips."""
        return self.pixels > self.max_pixels

    def bytes_needed(self, *, in_files: bool) -> int:
        """Return about how many bytes of memory the work takes; files that are mapped into it do not count."""
        pixel = PICTURE_BYTES + OPTIMIZER_BYTES[self.optimizer] - in_files * FILE_BYTES[self.optimizer]
        if not self.in_strips:
            pixel += self.bytes_at_once
        else:
            pixel += self.bytes_of_terms + (0 if in_files else 2 * map_bytes(self.layers))
        return BASE_BYTES + max(self.in_strips * STRIPS_BYTES + pixel * self.pixels, self.bytes_before)

    def bytes_of_files(self) -> int:
        """Return about how many bytes the files take."""
        return (FILE_BYTES[self.optimizer] + self.in_strips * 2 * map_bytes(self.layers)) * self.pixels

    def operations(self) -> float:
        """Return about how many floating-point operations the descriptor does."""
        passes = PASSES_IN_STRIPS if self.in_strips else PASSES
        pyramid = sum(0.25**octave for octave in range(self.octaves))
        return descriptor_operations(self.layers) * self.pixel_iterations * EVALUATIONS * passes * pyramid


@dataclass(frozen=True)
class Resources:
    """What a run takes.

    Attributes:
        folder: where large arrays are, in files mapped into memory; None: all are in memory.
        note: for the user.
    """

    folder: str | None
    note: str


def plan_resources(work: Work, memory: int | None, parameter: str) -> Resources:
    """Return what a run takes, with its arrays in files where they do not fit otherwise.

    Args:
        work: what is optimised.
        memory: bytes that the process may take; None: half of what is free decides about files, and what the machine
            has is the limit.
        parameter: that asks for the size, as messages call it.

    Raises:
        ArgumentError: not even with files it fits.
    """
    in_files = work.bytes_needed(in_files=False) > memory_bound(memory)
    needed = work.bytes_needed(in_files=in_files)
    if needed == BASE_BYTES + work.bytes_before:
        parameter = "`source`"
    if memory is not None and needed > memory:
        raise ArgumentError(
            f"{parameter} is too large: {_size(work)} need about {gigabytes(needed)} of memory, but `memory` is "
            f"{gigabytes_of_limit(memory)}"
        )
    check_memory(needed, parameter)
    files = f" and {gigabytes(work.bytes_of_files())} of files" if in_files else ""
    how = ", computing in strips" if work.in_strips else ""
    note = f"{_size(work)} need about {gigabytes(needed)} of memory{files}{how}, and {_duration(work)}"
    return Resources(tempfile.gettempdir() if in_files else None, note)


def _size(work: Work) -> str:
    height, width = work.size
    return f"{width} x {height} pixels"


def _duration(work: Work) -> str:
    seconds = work.operations() / (EFFICIENCY * matrix_speed())
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds > 2 * length:
            return f"roughly {seconds / length:.0f} {unit}"
    return f"roughly {max(1, seconds):.0f} s"


def matrix_speed() -> float:
    """Return how many floating-point operations a second this machine does in a product of large matrices."""
    matrix = ops.ones((MATRIX_SIDE, MATRIX_SIDE))
    times = []
    for _ in range(3):
        start = time.perf_counter()
        np.asarray(ops.convert_to_numpy(ops.matmul(matrix, matrix)))
        times.append(time.perf_counter() - start)
    return 2 * MATRIX_SIDE**3 / min(times)


def map_bytes(layers: Sequence[str]) -> int:
    """Return the bytes a pixel of the maps that lie between the descriptor's blocks up to the deepest of `layers`."""
    return int(sum(4 * map_values(f"pool{block}") for block in range(1, _blocks(layers))))


def map_values(layer: str) -> float:
    """Return how many values a pixel the map of one of the descriptor's layers has."""
    if layer == RANDOM_LAYER:
        return FILTERS * len(FILTER_SIZES)
    block = int(layer[4])  # of conv3_2, relu3_2 or pool3
    return BLOCKS[block - 1][1] / 4 ** (block - (not layer.startswith("pool")))


def descriptor_operations(layers: Sequence[str]) -> float:
    """Return the multiplications and additions a pixel of the descriptor's blocks up to the deepest of `layers`."""
    total, channels = 0.0, 3
    for block, (convolutions, filters) in enumerate(BLOCKS[: _blocks(layers)]):
        for _ in range(convolutions):
            total += 2 * 9 * channels * filters / 4**block
            channels = filters
    return total


def _blocks(layers: Sequence[str]) -> int:
    """Return the number of the descriptor's blocks that are needed; the random one is as a single block."""
    if RANDOM_LAYER in layers:
        return 1
    return max(int(layer[4]) for layer in layers)
