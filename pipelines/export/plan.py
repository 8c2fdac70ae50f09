"""The plan of an export: names and shapes of its inputs and outputs."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from errors import ArgumentError, UserError, counted
from model.noise import takes_noise
from model.rewiring import without_structure
from pipelines.export.settings import ExportSettings, Shape, describe_shape
from pipelines.stylization.generator import check_image_contract

# Of one input to compare on: 2 GiB in float32, the most that a file of Protocol Buffers holds.
MAX_VALUES = 2**29
# The size that a free axis has where neither the settings nor the samples say it: of anything but pictures.
FREE_SIZE = 16
PICTURE_RANK = 4


@dataclass(frozen=True)
class TensorPlan:
    """An input of an export.

    Attributes:
        name: in the export.
        dtype: type of its values, by NumPy's name.
        shape: in the export, with the batch; None for a free size.
        sample_shape: of one input to compare on, with the batch.
    """

    name: str
    dtype: str
    shape: Shape
    sample_shape: tuple[int, ...]


@dataclass(frozen=True)
class ExportPlan:
    """What an export will be.

    Attributes:
        format: one of FORMATS.
        quantize: one of MIN_PSNR.
        makes_pictures: whether the model follows the image contract: `image` (or `noise`) in, `stylized` out.
        inputs: in the model's order.
        outputs: names, in the model's order.
    """

    format: str
    quantize: str
    makes_pictures: bool
    inputs: tuple[TensorPlan, ...]
    outputs: tuple[str, ...]


def make_plan(
    model: keras.Model, settings: ExportSettings, *, recorded: Mapping[str, np.ndarray], bare: bool = False
) -> ExportPlan:
    """Return what the export of `model` will be.

    A model under the image contract keeps it: `image` (in texture mode `noise`) in, `stylized` out. Others keep the
    names of their inputs and outputs, with underscores where a runtime allows letters, digits and underscores alone.

    Args:
        model: Functional or Sequential.
        settings: what is asked for.
        recorded: arrays to compare on, by the inputs' names; their sizes fill the free ones of the model.
        bare: the model does not follow the image contract, even if its shapes do.

    Raises:
        ArgumentError: a given shape does not fit the model, or an input would have more than MAX_VALUES values.
        UserError: the model declares no inputs.
    """
    if not getattr(model, "inputs", None):
        raise UserError("the model declares no inputs, so it cannot be exported")
    makes_pictures = not bare and follows_image_contract(model)
    names = input_names(model, makes_pictures=makes_pictures)
    shapes = settings.input_shapes or (None,) * len(names)
    if len(shapes) != len(names):
        raise ArgumentError(
            f"`input_shape`: {counted(len(shapes), 'shape')} for {counted(len(names), 'input')}; each input needs one"
        )
    inputs, recording = [], "`calibration`" if settings.samples is None else "`samples`"
    for name, tensor, given in zip(names, model.inputs, shapes, strict=True):
        shape = _merged(name, tuple(tensor.shape), given, "`input_shape`")
        seen = None if name not in recorded else recorded[name].shape[1:]
        sample = _filled(_merged(name, shape, seen, recording), settings)
        if math.prod(sample) > MAX_VALUES:
            described = f"the input {name} of {describe_shape(sample[1:])}"
            raise ArgumentError(f"`size`, `input_shape`: {described} has more than {MAX_VALUES:,} values")
        inputs.append(TensorPlan(name, tensor.dtype, sample if settings.format == "litert" else shape, sample))
    # In an ONNX file inputs and outputs of one name would be one tensor.
    taken = names if settings.format == "onnx" else ()
    outputs = ("stylized",) if makes_pictures else output_names(model, taken)
    return ExportPlan(settings.format, settings.quantize, makes_pictures, tuple(inputs), outputs)


def follows_image_contract(model: keras.Model) -> bool:
    """Say whether `model` takes pictures or noise of any size and returns pictures."""
    if takes_noise(model):
        return True
    try:
        check_image_contract(model)
    except UserError:
        return False
    return True


def input_names(model: keras.Model, *, makes_pictures: bool) -> list[str]:
    """Return the names that an export has for the inputs, in the model's order."""
    if makes_pictures:
        return ["noise" if takes_noise(model) else "image"]
    return _apart([_argument(name) for name in _identifiers([tensor.name for tensor in model.inputs])])


def _argument(name: str) -> str:
    """Return the name as one of TensorFlow's arguments, which begin with no underscore, as those of numbers do here."""
    if name.startswith("_"):
        return f"input{name}"
    return f"input_{name}" if keyword.iskeyword(name) or name == "self" else name


def output_names(model: keras.Model, taken: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the outputs in the order of `model.outputs`: keys of a dict, else those of their layers.

    Of what is nested in a dict the keys are joined by underscores. A tensor may be there under several names. Those
    that are `taken` get a number.
    """
    if isinstance(structure := output_structure(model), Mapping):
        return tuple(_apart(["_".join(map(str, path)) for path, _ in keras.tree.flatten_with_path(structure)], taken))
    return tuple(_apart(_identifiers(without_structure(model).output_names), taken))


def output_structure(model: keras.Model) -> Any:
    """Return the outputs as a Functional model nests them; those of a Sequential one, which never nests, are None."""
    return None if isinstance(model, keras.Sequential) else model.output


def _identifiers(names: Sequence[str]) -> list[str]:
    """Return the names made of letters, digits and underscores alone, each another."""
    return _apart([re.sub(r"\W|^(?=\d)", "_", name, flags=re.ASCII) for name in names])


def _apart(names: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """Return the names, with numbers after those that others have too, or that are `taken`."""
    made: list[str] = []
    for name in names:
        unique, count = name, 1
        while unique in made or unique in taken:
            count += 1
            unique = f"{name}_{count}"
        made.append(unique)
    return made


def _merged(name: str, shape: Shape, given: Sequence[int | None] | None, what: str) -> Shape:
    """Return `shape` (with the batch) with its free sizes from `given` (without)."""
    if given is None:
        return shape
    sizes = shape[1:]
    fits = len(sizes) == len(given) and all(
        None in pair or pair[0] == pair[1] for pair in zip(sizes, given, strict=True)
    )
    if not fits:
        described = describe_shape(tuple(given)) or "of numbers"
        raise ArgumentError(f"{what} {described}: the input {name} is {describe_shape(sizes)}")
    return (shape[0], *(size if size is not None else other for size, other in zip(sizes, given, strict=True)))


def _filled(shape: Shape, settings: ExportSettings) -> tuple[int, ...]:
    """Return `shape` with 1 for a free batch, height and width of pictures as set, and FREE_SIZE elsewhere."""
    defaults = [1] + [FREE_SIZE] * (len(shape) - 1)
    if len(shape) == PICTURE_RANK:
        # A model may have its channels first without being asked for it: those have a size, unlike height and width.
        has_channels_first = settings.layout == "nchw" or (shape[1] is not None and shape[3] is None)
        height = 2 if has_channels_first else 1
        defaults[height : height + 2] = settings.size
    return tuple(default if size is None else size for size, default in zip(shape, defaults, strict=True))
