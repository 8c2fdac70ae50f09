"""Importing a PyTorch network that is stored as a program: file in, `.keras` file out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from choices import DTYPES
from convert.foreign import PYTORCH_ARCHIVE, PYTORCH_PROGRAM, name_foreign_file
from convert.pytorch.archive import holds_torchscript
from errors import ArgumentError, UserError, unknown_name
from images.folders import why_no_file
from pipelines.importing.files import WrittenModel, check_model_output, parity_of, write_model
from pipelines.importing.shapes import parse_shape
from pipelines.importing.torch7_reference import Verification, check, compare, given_to, read_reference
from pipelines.inputs import check_input_files
from pipelines.startup import quiet_startup

if TYPE_CHECKING:
    import keras

    from convert.pytorch.programs.network import ProgramConversion
    from model.saving import StorageType

PROGRAM_IMAGE_IOS = ("auto", "unit", "signed", "byte", "imagenet", "none")


@dataclass(frozen=True)
class ProgramImportReport:
    """What an import did; `image_io` is the convention that was used and `reason` why."""

    conversion: ProgramConversion
    image_io: str
    reason: str
    parameters: int
    written: WrittenModel
    verification: Verification | None


def is_pytorch_program(path: str | os.PathLike) -> bool:
    """Return whether `path` is a program of PyTorch, exported or TorchScript, by its content."""
    if why_no_file(Path(path)) is not None:
        return False
    kind = name_foreign_file(path)
    return kind == PYTORCH_PROGRAM or (kind == PYTORCH_ARCHIVE and holds_torchscript(Path(path)))


def import_pytorch_program(
    *,
    input: str | os.PathLike,
    output: str | os.PathLike,
    input_shape: Sequence[str] = (),
    image_io: str = "auto",
    dtype: StorageType = "float32",
    verify: str | os.PathLike | None = None,
    layout: str = "nhwc",
    size: tuple[int, int] | None = None,
) -> ProgramImportReport:
    """Convert a program of PyTorch to a `.keras` file.

    Args:
        input: what torch.export.save (.pt2) or torch.jit.save wrote.
        output: `.keras`, `.onnx` or `.tflite` file, or SavedModel folder (no suffix) to write.
        input_shape: of each input, as "3x256x256" in PyTorch's order without the batch, ? for a free size; none: those
            with which it was recorded.
        image_io: values of the pictures that the network takes and returns: `unit` (RGB in [0, 1]), `signed` ([-1, 1]),
            `byte` ([0, 255]), `imagenet` (ImageNet's mean and deviation), which the model takes and returns in [0, 1];
            `none`: the bare network, pictures and volumes with the channels last; `auto`: `signed` or `unit` for
            networks from pictures to pictures that end with tanh or sigmoid, else `none`.
        dtype: storage of the weights, `float32` or `float16`.
        verify: `.npz` file with the arrays `input` and `output` (or input_0, ..., output_0, ...) of the network in
            PyTorch; nothing is written when the differences are above pipelines.importing.torch7.TOLERANCE.
        layout: "nchw" keeps PyTorch's order of axes at the model's borders.
        size: height and width of pictures whose size the model leaves free, for exports.

    Raises:
        ArgumentError: an argument has a value that is not allowed.
        UserError: the file cannot be read or converted, or does not agree with the reference.
    """
    _check_choices(dtype=dtype, image_io=image_io)
    check_model_output(output, [input, verify], dtype=dtype, layout=layout, size=size)
    check_input_files(input=input, verify=verify)
    shapes = [parse_shape(text) for text in input_shape]
    reference = None if verify is None else read_reference(Path(verify))
    with quiet_startup():
        from convert.pytorch.programs.network import convert_program
        from model.provenance import make_provenance
    conversion = convert_program(Path(input), shapes)
    verification = None if reference is None else check(compare(conversion.model, reference), dtype)
    try:
        model, chosen, reason = _wrapped(conversion.model, image_io)
    except UserError as error:
        raise UserError(f"{input}: {error}") from error
    provenance = make_provenance([input], convention=chosen, parity=parity_of(verification))
    recorded = [] if reference is None or chosen != "none" else given_to(model, reference)
    written = write_model(model, output, provenance, dtype=dtype, layout=layout, size=size, recorded=recorded)
    return ProgramImportReport(conversion, chosen, reason, conversion.model.count_params(), written, verification)


def _check_choices(dtype: str, image_io: str) -> None:
    for name, value, allowed in (("dtype", dtype, DTYPES), ("image_io", image_io, PROGRAM_IMAGE_IOS)):
        if value not in allowed:
            raise ArgumentError(unknown_name(f"`{name}`", value, allowed))


def _wrapped(network: keras.Model, image_io: str) -> tuple[keras.Model, str, str]:
    """Return the model that is to be saved, the values of the network's pictures, and how they are known."""
    from convert.pytorch.programs.image_io import detect_convention, wrap_program

    chosen, reason = (image_io, "as requested") if image_io != "auto" else detect_convention(network)
    return wrap_program(network, chosen), chosen, reason
