"""Importing a PyTorch network: state dict in, `.keras` file out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from choices import DTYPES
from convert.foreign import PYTORCH_KINDS, name_foreign_file
from convert.recorded import read_arrays
from errors import ArgumentError, UserError, one_line, unknown_name
from images.folders import why_no_file
from pipelines.importing.files import WrittenModel, check_model_output, parity_of, write_model
from pipelines.importing.torch7 import TOLERANCE, Verification
from pipelines.inputs import check_input_files
from pipelines.startup import quiet_startup

if TYPE_CHECKING:
    import keras

    from convert.pytorch.network import Conversion
    from model.saving import StorageType

CHANNELS = 3  # of the pictures that the networks take and return


@dataclass(frozen=True)
class PyTorchImportReport:
    """What an import did."""

    conversion: Conversion
    parameters: int
    written: WrittenModel
    verification: Verification | None


def is_pytorch_file(path: str | os.PathLike) -> bool:
    """Return whether `path` is a PyTorch or safetensors file, by its content."""
    return why_no_file(Path(path)) is None and name_foreign_file(path) in PYTORCH_KINDS


def import_pytorch_model(
    *,
    input: str | os.PathLike,
    output: str | os.PathLike,
    dtype: StorageType = "float32",
    entry: str | None = None,
    verify: str | os.PathLike | None = None,
    layout: str = "nhwc",
    size: tuple[int, int] | None = None,
) -> PyTorchImportReport:
    """Convert the tensors in a PyTorch file to a `.keras` file.

    The model follows the image contract (float32 RGB in [0, 1]; batch, height, width, 3).

    Args:
        input: a state dict, or a checkpoint with state dicts in it: the zip format, the older one, or safetensors.
        output: `.keras`, `.onnx` or `.tflite` file, or SavedModel folder (no suffix) to write.
        dtype: storage of the weights in the file, `float32` or `float16`.
        entry: keys, joined by dots, that lead to one of several networks in the file.
        verify: `.npz` file with the arrays `input` and `output` of the network in PyTorch (NCHW, in the network's own
            range and order of channels); nothing is written when the differences are above
            pipelines.importing.torch7.TOLERANCE.
        layout: "nchw" keeps Torch's order of axes at the model's borders: channels of pictures and volumes first.
        size: height and width of pictures whose size the model leaves free: what LiteRT is made for, and what any
            export is compared at where `verify` records nothing.

    Raises:
        ArgumentError: an argument has a value that is not allowed, or `entry` is needed.
        UserError: the file cannot be read, is of no known network, or does not agree with the reference.
    """
    if dtype not in DTYPES:
        raise ArgumentError(unknown_name("`dtype`", dtype, DTYPES))
    check_model_output(output, [input, verify], dtype=dtype, layout=layout, size=size)
    check_input_files(input=input, verify=verify)
    reference = None if verify is None else _read_reference(Path(verify))
    with quiet_startup():
        from convert.pytorch.network import convert_pytorch
        from model.provenance import make_provenance
    conversion = convert_pytorch(input, entry=entry)
    verification, recorded = None, []
    if reference is not None:
        given, expected = map(conversion.pictures, reference)
        verification, recorded = _verify(conversion.model, given, expected, TOLERANCE[dtype]), [given]
    provenance = make_provenance([input], convention=conversion.architecture, parity=parity_of(verification))
    written = write_model(
        conversion.model, output, provenance, dtype=dtype, layout=layout, size=size, recorded=recorded
    )
    return PyTorchImportReport(conversion, conversion.model.count_params(), written, verification)


def _read_reference(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the arrays `input` and `output` of a reference file, channels last."""
    arrays = read_arrays(path, "verify", "input|output")
    if sorted((name, array.ndim, *array.shape[1:2]) for name, array in arrays.items()) != [
        ("input", 4, CHANNELS),
        ("output", 4, CHANNELS),
    ]:
        raise UserError(f"`verify` {path}: lacks the arrays 'input' and 'output' of N x {CHANNELS} x H x W")
    given, expected = (arrays[name].astype(np.float32).transpose(0, 2, 3, 1) for name in ("input", "output"))
    return given, expected


def _verify(model: keras.Model, given: np.ndarray, expected: np.ndarray, tolerance: float) -> Verification:
    import keras

    try:
        outputs = keras.ops.convert_to_numpy(model(given))
    except (ValueError, TypeError) as error:  # of pictures that are too small
        raise UserError(f"`verify`: the network cannot process {given.shape} (NHWC): {one_line(error)}") from error
    # Some networks round sizes up, which the model takes back.
    expected = expected[:, : outputs.shape[1], : outputs.shape[2]]
    if outputs.shape != expected.shape:
        raise UserError(f"`verify`: the model makes {outputs.shape}, the reference is {expected.shape} (NHWC)")
    maximum = float(np.abs(outputs - expected).max(initial=0.0))
    relative = maximum / (float(np.abs(expected).max(initial=0.0)) or 1.0)
    if not relative <= tolerance:
        raise UserError(
            f"the network does not agree with the reference: max difference {maximum:.3g}, relative {relative:.3g}, "
            f"allowed {tolerance:g}"
        )
    return Verification(maximum, relative)
