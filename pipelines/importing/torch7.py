"""Importing a Torch7 network: file in, `.keras` file out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from choices import DTYPES
from errors import ArgumentError, UserError, unknown_name
from pipelines.export.settings import ExportSettings
from pipelines.importing.files import KERAS, WrittenModel, check_model_output, parity_of, write_model
from pipelines.importing.shapes import parse_shape
from pipelines.importing.torch7_reference import (
    TOLERANCE,
    Reference,
    Verification,
    check,
    compare,
    given_to,
    read_reference,
)
from pipelines.inputs import check_input_files
from pipelines.startup import quiet_startup

if TYPE_CHECKING:
    import keras

    from convert.torch7.builder import BuildOptions
    from convert.torch7.context import Noise, Statistics
    from convert.torch7.image_io import ImageIO
    from convert.torch7.network import Conversion

IMAGE_IOS = ("auto", "texture-nets", "texture-nets-2016", "fast-neural-style", "none")
NOISES = ("seed", "input")
NORM_STATISTICS = ("auto", "batch", "running")
CHOICES = {"image_io": IMAGE_IOS, "dtype": DTYPES, "noise": NOISES, "norm_statistics": NORM_STATISTICS}

__all__ = ["IMAGE_IOS", "TOLERANCE", "TorchImportReport", "Verification", "import_torch_model"]


@dataclass(frozen=True)
class TorchImportReport:
    """What an import did; `image_io` is the convention that was used and `reason` why."""

    conversion: Conversion
    image_io: str
    reason: str
    parameters: int
    written: WrittenModel
    verification: Verification | None


@dataclass(frozen=True)
class Request:
    """What to make of a file: the network at `entry`, built in this way, under this image convention."""

    input: str | os.PathLike
    entry: str | None
    options: BuildOptions
    image_io: str


def import_torch_model(
    *,
    input: str | os.PathLike,
    output: str | os.PathLike,
    entry: str | None = None,
    input_shape: Sequence[str] = (),
    image_io: str = "auto",
    noise: Noise = "seed",
    norm_statistics: Statistics = "auto",
    dtype: str = "float32",
    verify: str | os.PathLike | None = None,
    layout: str = "nhwc",
    size: tuple[int, int] | None = None,
) -> TorchImportReport:
    """Convert a Torch7 file to a `.keras` file.

    Args:
        input: `.t7` file: a network, or a checkpoint table with the network under `model`.
        output: `.keras`, `.onnx` or `.tflite` file, or SavedModel folder (no suffix) to write. With image_io `none` its
            model is the bare network: pictures and volumes have channels last, other tensors Torch7's order. Else it
            follows the image contract (float32 RGB in [0, 1]; batch, height, width, 3), or makes textures of noise.
        entry: keys, joined by dots, that lead to one of several networks in the file.
        input_shape: of each input, tables depth first, as "3x224x224" in Torch7's order without the batch, ? for a
            free size, "scalar" for single numbers; none to derive them from the file (and from `verify`).
        image_io: `auto`, `texture-nets`, `texture-nets-2016`, `fast-neural-style` or `none`.
        noise: `seed` for layers that draw the random numbers a network wants, `input` for inputs noise_0, ....
        norm_statistics: `running` or `batch` statistics in batch normalisations; `auto` decides from the file.
        dtype: storage of the weights in the file, `float32` or `float16`.
        verify: `.npz` file with the arrays `input` and `output` of the bare network in Torch7 (or `input_0`, ...,
            `output_0`, ..., and `noise_0`, ... where it draws noise); nothing is written when the differences are
            above `TOLERANCE` (`BATCH_STATISTICS_TOLERANCE` with the statistics of batches).
        layout: "nchw" keeps the original order of axes at the model's borders: channels of pictures and volumes first.
        size: height and width of pictures whose size the model leaves free: what LiteRT is made for, and what any
            export is compared at where `verify` records nothing.

    Raises:
        ArgumentError: an argument has a value that is not allowed, or one that is needed is missing.
        UserError: the file cannot be read or converted, does not agree with the reference, or a weight is NaN,
            infinite or beyond 1e10.
    """
    _check_choices(image_io=image_io, dtype=dtype, noise=noise, norm_statistics=norm_statistics)
    check_model_output(output, [input, verify], dtype=dtype, layout=layout, size=size)
    check_input_files(input=input, verify=verify)
    shapes = tuple((None, *parse_shape(text)) for text in input_shape)
    reference = None if verify is None else read_reference(Path(verify))
    with quiet_startup():
        from convert.torch7.builder import BuildOptions
    options = BuildOptions(shapes, noise=noise, statistics=norm_statistics)
    request = Request(input, entry, _exportable(options, output, size, reference), image_io)
    return _import(request, reference, dtype, partial(write_model, path=output, dtype=dtype, layout=layout, size=size))


def _exportable(
    options: BuildOptions, output: str | os.PathLike, size: tuple[int, int] | None, reference: Reference | None
) -> BuildOptions:
    """Return the options with the sizes that an export needs; what is recorded has its own."""
    if Path(output).suffix == KERAS:
        return options
    pictures = (size or ExportSettings.size) if reference is None else None
    return replace(options, fixed_sizes=True, picture_size=pictures)


def _check_choices(**given: str) -> None:
    for name, value in given.items():
        if value not in CHOICES[name]:
            raise ArgumentError(unknown_name(f"`{name}`", value, CHOICES[name]))


def _import(
    request: Request, reference: Reference | None, dtype: str, write: Callable[..., WrittenModel]
) -> TorchImportReport:
    from model.provenance import make_provenance

    imported = convert_file(request, reference, dtype)
    provenance = make_provenance(
        [request.input],
        convention=imported.image_io,
        parity=parity_of(imported.verification),
        fitting_size=imported.conversion.fitting_size if imported.image_io == "none" else None,
    )
    recorded = [] if reference is None or imported.image_io != "none" else given_to(imported.model, reference)
    written = write(imported.model, provenance=provenance, recorded=recorded)
    conversion = imported.conversion
    return TorchImportReport(
        conversion,
        imported.image_io,
        imported.reason,
        conversion.model.count_params(),
        written,
        imported.verification,
    )


@dataclass(frozen=True)
class Imported:
    """A converted network, the model to save and the convention that it follows."""

    conversion: Conversion
    model: keras.Model
    image_io: str
    reason: str
    verification: Verification | None


def convert_file(request: Request, reference: Reference | None, dtype: str) -> Imported:
    """Convert, compare with a reference, and wrap the network in the file."""
    from convert.torch7.file.reader import read_t7
    from model.untrusted.sizes import check_weights

    value = read_t7(Path(request.input))
    try:
        options, verification = request.options, None
        if reference is not None:
            options, verification = _agreeing(value, request, reference, dtype)
        conversion = _converted(value, request.entry, options, dtype)
        check_weights(conversion.model.variables)
        image_io, reason = _image_io(value, request, conversion)
        model = _wrapped(value, replace(request, options=options), conversion, image_io)
    except UserError as error:
        kind = ArgumentError if isinstance(error, ArgumentError) else UserError
        raise kind(f"{request.input}: {error}") from error
    return Imported(conversion, model, image_io, reason, verification)


def _converted(value: Any, entry: str | None, options: BuildOptions, dtype: str) -> Conversion:
    from convert.torch7.network import convert_network

    conversion = convert_network(value, options, entry=entry)
    if dtype == "float16":
        _round_weights(conversion.model)
    return conversion


def _agreeing(value: Any, request: Request, reference: Reference, dtype: str) -> tuple[BuildOptions, Verification]:
    """Return the options with which the network agrees with a reference, and how well.

    What the file does not tell (the inputs' sizes, whether there is a batch) is taken from the reference.

    Raises:
        UserError: it agrees with none.
    """
    problem: UserError | None = None
    for options in candidates(request.options, reference):
        checked = replace(options, noise="input") if reference.noise else options
        try:
            conversion = _converted(value, request.entry, checked, dtype)
            found = compare(conversion.model, reference)
            return options, check(found, dtype, batch_statistics=bool(conversion.batch_statistics))
        except UserError as error:
            problem = error if problem is None or "max difference" in str(error) else problem
    raise problem or UserError("the network does not agree with the reference")


def candidates(options: BuildOptions, reference: Reference) -> Iterator[BuildOptions]:
    """Yield what is asked for, then what the reference suggests: with its first dimension as the batch, and without.

    Vectors are taken for a batch of numbers last, and so is the first dimension where the network works along it.
    """
    yield options
    yield from (replace(options, batch=batch, along_batch=False) for batch in (True, False))
    if options.shapes:
        return
    alone = replace(options, shapes=tuple((None, *x.shape) for x in reference.inputs), batch=False)
    if all(x.ndim for x in reference.inputs):
        shapes = tuple((None, *x.shape[1:]) for x in reference.inputs)
        batch = replace(options, shapes=shapes, batch=True, along_batch=False)
        yield from (alone, batch) if all(x.ndim == 1 for x in reference.inputs) else (batch, alone)
        yield replace(batch, batch=None)
    else:
        yield alone


def _image_io(value: Any, request: Request, conversion: Conversion) -> tuple[str, str]:
    """Return the image convention that a network follows, and why."""
    from convert.torch7.image_io import detect_image_io

    if request.image_io != "auto":
        return request.image_io, "as requested"
    return detect_image_io(value, conversion.model, conversion.modules)


def _wrapped(value: Any, request: Request, conversion: Conversion, image_io: str) -> keras.Model:
    """Return the model that is to be saved."""
    from convert.picture_contract import size_multiple
    from convert.torch7.image_io import wrap_network
    from convert.torch7.texture_networks import is_texture_network, makes_textures, style_model, texture_model

    if image_io != "texture-nets-2016":
        return wrap_network(conversion.model, cast("ImageIO", image_io))
    if not is_texture_network(conversion):
        raise ArgumentError("`image_io` texture-nets-2016 is for networks that generate pictures with nn.GenNoise")
    if makes_textures(conversion):
        return texture_model(value, request.options, request.entry)
    return style_model(conversion.model, size_multiple(conversion.model, conversion.model.inputs[0].shape[-1]))


def _round_weights(model: keras.Model) -> None:
    """Round the weights to what float16 storage keeps, so that a check before saving tells of the file."""
    with np.errstate(over="ignore"):  # what does not fit is refused when the file is written
        rounded = [weight.astype(np.float16).astype(weight.dtype) for weight in model.get_weights()]
    if all(np.isfinite(weight).all() for weight in rounded):
        model.set_weights(rounded)
