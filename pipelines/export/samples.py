"""Sample inputs for comparing and calibrating exports: pictures, noise, recorded or random inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Protocol

import keras
import numpy as np

from compat import flatten_layers, input_tensors_behind
from convert.recorded import read_arrays
from errors import ArgumentError, UserError
from images.resizing import resize
from model.noise import draw_noise, takes_noise
from pipelines.export.plan import ExportPlan, TensorPlan
from pipelines.export.settings import ARRAYS
from pipelines.inputs import pictures_in, read_sound

# What a model takes: one array for each input, with a batch.
Inputs = list[np.ndarray]
PICTURES = Path(__file__).resolve().parents[2] / "pics"
# Ranges of activations hardly change from 8 pictures on.
MAX_CALIBRATION_SAMPLES = 16
MAX_LEVEL = 255
# What noise of another size has more of rows and columns: networks of several octaves take multiples of a power of 2.
NOISE_STEPS = (32, 64)


class Samples(Protocol):
    """Inputs of a model.

    Attributes:
        name: of what is compared on.
        calibrated_on: number of inputs that `calibration` has yielded.
    """

    name: str
    calibrated_on: int

    def batches(self) -> list[Inputs]:
        """Return what to compare on: one input of the plan's sample shapes, and where sizes are free others too."""

    def calibration(self) -> Iterator[Inputs]:
        """Yield inputs to calibrate with, of the plan's sample shapes."""


def make_samples(
    model: keras.Model,
    plan: ExportPlan,
    calibration: Path | None,
    *,
    recorded: Mapping[str, np.ndarray],
    calibrating: Mapping[str, np.ndarray],
) -> Samples:
    """Return the samples for `model`.

    Recorded arrays come first: the first of them is compared on. Without any, a generator is compared on the first
    picture, in alphabetical order, of the calibration folder (of the program's own pictures without one) or on noise.
    If there are others, they are what is calibrated with (MAX_CALIBRATION_SAMPLES of them, spread evenly), so that the
    comparison is on a picture that calibration did not see. Other models get random inputs.

    Args:
        model: what is exported.
        plan: of its export.
        calibration: folder of pictures, or the file of `calibrating`.
        recorded: inputs to compare on, by their names.
        calibrating: inputs to calibrate with.

    Raises:
        ArgumentError: no such folder, or no pictures in it; or a model that takes no pictures is to be calibrated with
            a folder of them.
        UserError: recorded arrays are not inputs of the model.
    """
    if recorded or calibrating:
        compared = _inputs_of(plan, recorded, "samples") if recorded else []
        calibrated = _inputs_of(plan, calibrating, "calibration") if calibrating else []
        return _Recorded(plan, compared or calibrated, calibrated or compared)
    if plan.makes_pictures and not takes_noise(model):
        return _Pictures(plan, PICTURES if calibration is None else calibration)
    if plan.makes_pictures:
        if calibration is not None:
            raise ArgumentError(f"`calibration` {calibration}: the model takes noise, not pictures: leave it out")
        return _Noise(model, plan)
    if calibration is not None:
        raise ArgumentError(
            f"`calibration` {calibration}: the model is not a generator: give an .npz file of its inputs"
        )
    if plan.quantize == "int8":
        raise ArgumentError("`quantize` int8 needs `calibration` FILE.npz: inputs like those that the model will see")
    return _Random(model, plan)


def read_calibration(path: Path | None) -> dict[str, np.ndarray]:
    """Return the recorded inputs to calibrate with; none where pictures are, or nothing."""
    return {} if path is None or path.suffix != ARRAYS else read_arrays(path, "calibration")


def _spread(files: list[Path], most: int) -> list[Path]:
    """Return at most `most` of the files, at even distances."""
    count = min(most, len(files))
    return [files[index * len(files) // count] for index in range(count)]


def _more_sizes(plan: ExportPlan, larger: tuple[int, int] = (3, 5)) -> list[tuple[int, int, int]]:
    """Return the batch, height and width of pictures to compare on: as in the plan, and two of another free size."""
    (picture,) = plan.inputs
    _, height, width, _ = picture.sample_shape
    sizes = [(1, height, width)]
    if None in picture.shape:
        free = [offset if size is None else 0 for offset, size in zip(larger, picture.shape[1:3], strict=True)]
        sizes.append((2 if picture.shape[0] is None else 1, height + free[0], width + free[1]))
    return sizes


class _Pictures:
    """Pictures of a folder: the first one that can be read to compare on, the others to calibrate with."""

    def __init__(self, plan: ExportPlan, folder: Path) -> None:
        self._others = read_sound(_spread(pictures_in(folder, "calibration"), MAX_CALIBRATION_SAMPLES + 1))
        first = next(self._others, None)
        if first is None:
            raise ArgumentError(f"`calibration` {folder}: no picture in this folder can be read")
        self.name, self._pixels = first[0].name, first[1]
        self.calibrated_on = 0
        self._plan = plan

    def batches(self) -> list[Inputs]:
        """Return the picture, and where sizes are free the picture and its mirror image."""
        return [[self._views(*size)] for size in _more_sizes(self._plan)]

    def _views(self, count: int, height: int, width: int) -> np.ndarray:
        picture = cover(self._pixels, height, width)
        return np.stack([picture, picture[:, ::-1]][:count])

    def calibration(self) -> Iterator[Inputs]:
        """Yield the pictures to calibrate with: the only one where there are no others."""
        _, height, width, _ = self._plan.inputs[0].sample_shape
        others = (pixels for _, pixels in self._others)
        for pixels in chain([next(others, self._pixels)], others):
            self.calibrated_on += 1
            yield [cover(pixels, height, width)[None]]


class _Noise:
    def __init__(self, model: keras.Model, plan: ExportPlan) -> None:
        self.name = "noise"
        self.calibrated_on = 0
        self._model = model
        self._plan = plan

    def batches(self) -> list[Inputs]:
        """Return noise of a seed that is not calibrated with."""
        sizes = _more_sizes(self._plan, NOISE_STEPS)
        return [[draw_noise(self._model, height, width, seed=0, batch=count)] for count, height, width in sizes]

    def calibration(self) -> Iterator[Inputs]:
        """Yield noise of other seeds."""
        _, height, width, _ = self._plan.inputs[0].sample_shape
        for seed in range(1, MAX_CALIBRATION_SAMPLES + 1):
            self.calibrated_on += 1
            yield [draw_noise(self._model, height, width, seed=seed)]


class _Recorded:
    def __init__(self, plan: ExportPlan, compared: Inputs, calibrating: Inputs) -> None:
        self.name = "recorded inputs"
        self.calibrated_on = 0
        self._compared = compared
        self._calibrating = calibrating
        self._batches = [tensor.shape[0] for tensor in plan.inputs]

    def batches(self) -> list[Inputs]:
        """Return the first input, and where the batch is free all of them."""
        first = [array[: batch or 1] for array, batch in zip(self._compared, self._batches, strict=True)]
        if len(self._compared[0]) == 1 or any(batch is not None for batch in self._batches):
            return [first]
        return [first, self._compared]

    def calibration(self) -> Iterator[Inputs]:
        """Yield the recorded inputs, one at a time."""
        for number in range(min(len(array) for array in self._calibrating)):
            self.calibrated_on += 1
            yield [array[number : number + 1] for array in self._calibrating]


def _inputs_of(plan: ExportPlan, arrays: Mapping[str, np.ndarray], option: str) -> Inputs:
    """Return the recorded arrays in the order of the inputs, in their types; `option` is what errors name.

    Raises:
        UserError: one is not there, or cannot be an input, or they hold different numbers of samples.
    """
    for tensor in plan.inputs:
        if tensor.name not in arrays:
            known = ", ".join(sorted(arrays)) or "none"
            raise UserError(f"`{option}`: no recorded array {tensor.name!r} (recorded: {known})")
    inputs = [_input_of(tensor, arrays[tensor.name], option, plan) for tensor in plan.inputs]
    if len({len(array) for array in inputs}) > 1:
        counts = ", ".join(f"{tensor.name} {len(array)}" for tensor, array in zip(plan.inputs, inputs, strict=True))
        raise UserError(f"`{option}`: the recorded arrays hold different numbers of samples: {counts}")
    return inputs


def _input_of(tensor: TensorPlan, array: np.ndarray, option: str, plan: ExportPlan) -> np.ndarray:
    """Return a recorded array in the type of an input.

    Raises:
        UserError: it is empty, of another shape, or holds other than finite numbers; or levels from 0 to 255 where a
            picture from 0 to 1 is needed.
    """
    what = f"`{option}`: the recorded array {tensor.name!r}"
    if array.ndim != len(tensor.sample_shape) or array.shape[1:] != tensor.sample_shape[1:]:
        raise UserError(f"{what} is {array.shape}, the model takes {tensor.sample_shape}")
    if not array.size:
        raise UserError(f"{what} is empty: {array.shape}")
    if array.dtype.kind not in "biuf":
        raise UserError(f"{what} holds other than finite numbers")
    if plan.makes_pictures and tensor.name == "image" and array.dtype.kind in "iu":
        raise UserError(f"{what} is {array.dtype}; pictures must be floats from 0 to 1")
    with np.errstate(over="ignore", invalid="ignore"):  # of what is beyond float32
        values = array.astype(tensor.dtype)
    if not (np.isfinite(array).all() and np.isfinite(values).all()):
        raise UserError(f"{what} holds other than finite numbers")
    return values


class _Random:
    def __init__(self, model: keras.Model, plan: ExportPlan) -> None:
        self.name = "random inputs"
        self.calibrated_on = 0
        self._plan = plan
        self._limits = _index_limits(model)

    def batches(self) -> list[Inputs]:
        """Return one input, and where the batch is free two."""
        free = all(tensor.shape[0] is None for tensor in self._plan.inputs)
        return [self._draw(seed, count) for seed, count in enumerate([1, 2] if free else [1])]

    def calibration(self) -> Iterator[Inputs]:
        """Yield inputs of other seeds."""
        for seed in range(2, 2 + MAX_CALIBRATION_SAMPLES):
            self.calibrated_on += 1
            yield self._draw(seed, 1)

    def _draw(self, seed: int, count: int) -> Inputs:
        random = np.random.default_rng(seed)
        shapes = [(tensor.sample_shape[0] * count, *tensor.sample_shape[1:]) for tensor in self._plan.inputs]
        inputs = zip(shapes, self._plan.inputs, self._limits, strict=True)
        return [_draw_one(random, shape, tensor.dtype, limit) for shape, tensor, limit in inputs]


def _draw_one(random: np.random.Generator, shape: tuple[int, ...], dtype: str, limit: int | None) -> np.ndarray:
    """Return indices where there is a `limit`, else levels, yes and no, or normally distributed numbers."""
    if limit is not None:
        return random.integers(min(1, limit - 1), limit, shape).astype(dtype)  # Torch7 counts from 1
    if dtype == "bool":
        return random.random(shape) < 0.5
    if dtype.startswith(("int", "uint")):
        return random.integers(0, min(MAX_LEVEL, np.iinfo(dtype).max) + 1, shape).astype(dtype)
    return random.standard_normal(shape).astype(dtype)


def _index_limits(model: keras.Model) -> list[int | None]:
    """Return for each input how many rows the embeddings have that take it, None where there are none."""
    limits: dict[int, int] = {}
    for layer in flatten_layers(model):
        if isinstance(layer, keras.layers.Embedding):
            for tensor in input_tensors_behind(model, layer):
                limits[id(tensor)] = min(layer.input_dim, limits.get(id(tensor), layer.input_dim))
    return [limits.get(id(tensor)) for tensor in model.inputs]


def cover(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the middle of a picture, its proportions kept, as large as covers (height, width, 3)."""
    factor = max(height / pixels.shape[0], width / pixels.shape[1])
    sizes = [max(math.ceil(side * factor), least) for side, least in zip(pixels.shape, (height, width), strict=False)]
    enlarged = resize(pixels, *sizes)
    top, left = (sizes[0] - height) // 2, (sizes[1] - width) // 2
    return np.ascontiguousarray(enlarged[top : top + height, left : left + width])
