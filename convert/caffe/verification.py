"""Comparing a converted network with blobs that Caffe computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from convert.axes import array_from_source_order
from convert.caffe.conversion import Conversion
from convert.recorded import read_arrays
from errors import UserError, one_line

TOLERANCE = 5e-5  # largest difference allowed, relative to the blob's largest number


@dataclass(frozen=True)
class Difference:
    """How far a blob is from Caffe's: the largest difference, and its share of the blob's largest number."""

    blob: str
    maximum: float
    relative: float

    @property
    def is_small(self) -> bool:
        """Return whether the blob agrees."""
        return self.relative <= TOLERANCE


def read_reference(path: str | Path) -> dict[str, np.ndarray]:
    """Return the arrays of a reference file.

    Raises:
        UserError: the file is no `.npz` file, or has no arrays `input...` and `blob_...`.
    """
    reference = read_arrays(path, "verify", "input(_.*)?|blob_.*")
    if not any(name.startswith("blob_") for name in reference):
        raise UserError(f"`verify` {path}: contains no array blob_NAME")
    return {name: array.astype(np.float32) for name, array in reference.items()}


def compare_with_caffe(conversion: Conversion, reference: Mapping[str, np.ndarray]) -> list[Difference]:
    """Return how far the network's blobs are from the reference's.

    Args:
        conversion: the converted network.
        reference: arrays in Caffe's order of axes: `input`, or `input_NAME` for each of several inputs, and
            `blob_NAME` for each blob to compare, as pycaffe shows it after a forward pass of the whole network.
            Blobs that the converted part lacks, or that a layer after it changes in place, are passed over.

    Raises:
        UserError: an input is missing or does not fit, or no blob can be compared.
    """
    blobs = [name.removeprefix("blob_") for name in reference if name.startswith("blob_")]
    part, whole = conversion.part.values, conversion.network.values
    made = {value for node in conversion.part.nodes for value in node.tops}
    blobs = [name for name in blobs if part.get(name) in made and part[name] == whole.get(name)]
    if not blobs:
        raise UserError("`verify`: none of the blobs in the file is computed by the converted part of the network")
    model = conversion.builder.model(blobs)
    given = inputs_for(conversion, model, reference)
    try:
        outputs = model(given if len(given) > 1 else given[0])
    except (ValueError, TypeError) as error:
        raise UserError(f"`verify`: the network cannot process the input: {one_line(error)}") from error
    outputs = outputs if isinstance(outputs, dict) else {blobs[0]: outputs}
    return [_compare(name, outputs[name], reference[f"blob_{name}"]) for name in blobs]


def inputs_for(conversion: Conversion, model: keras.Model, reference: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return the reference's arrays for the inputs of `model`, in their order, channels last.

    Raises:
        UserError: one is missing.
    """
    blobs = {name: blob for blob, name in conversion.builder.input_names.items()}
    given = []
    for tensor in model.inputs:
        blob = blobs[tensor.name]
        key = f"input_{blob}" if f"input_{blob}" in reference else "input"
        if key not in reference or (key == "input" and len(model.inputs) > 1):
            raise UserError(f"`verify`: the file has no array input_{blob}")
        given.append(array_from_source_order(reference[key]))
    return given


def _compare(name: str, output: object, expected: np.ndarray) -> Difference:
    actual = keras.ops.convert_to_numpy(output)
    expected = array_from_source_order(expected)
    if actual.shape != expected.shape:
        raise UserError(f"`verify`: blob {name!r} is {actual.shape}, in the file {expected.shape} (NHWC)")
    # Numbers that are not finite must be the same ones.
    with np.errstate(invalid="ignore"):
        difference = np.abs(np.where(actual == expected, 0, actual - expected))
    difference[np.isnan(actual) & np.isnan(expected)] = 0
    maximum = float(difference.max(initial=0))
    largest = float(np.abs(expected[np.isfinite(expected)]).max(initial=0))
    return Difference(name, maximum, maximum / largest if largest else maximum)
