"""Exporting a model for servers, phones and browsers; each export is compared with the original."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from errors import ArgumentError, UserError
from pipelines.export.files import check_output
from pipelines.export.settings import ARRAYS, ExportSettings, Shape
from pipelines.inputs import check_input_files, pictures_in
from pipelines.model_library import find_model, makes_textures
from pipelines.outputs import check_not_read
from pipelines.startup import quiet_startup
from runtimes.styles import STYLES

if TYPE_CHECKING:
    import keras

    from model.provenance import Provenance
    from pipelines.export.run import ExportReport


def export_model(
    *,
    input: str | os.PathLike,
    output: str | os.PathLike,
    format: str,
    quantize: str = "none",
    calibration: str | os.PathLike | None = None,
    size: tuple[int, int] = (512, 512),
    input_shape: Sequence[Shape] = (),
    samples: str | os.PathLike | None = None,
    layout: str = "nhwc",
) -> ExportReport:
    """Export a Keras model, and compare what came out, run by its own runtime, with the Keras model.

    A generator keeps the image contract whatever its quantisation: input `image`, output `stylized`, float32. (A
    network in texture mode has the input `noise` in place of `image`.) Any other model keeps its own inputs and
    outputs, by their names.

    Args:
        input: name of an included model, or `.keras` file.
        output: what to write, whole or not at all: a folder for "saved_model", a file for "litert" (`.tflite`) and
            "onnx" (`.onnx`). What stands there is replaced, if it is such a file or a SavedModel.
        format: "saved_model" and "onnx" keep sizes free that the model leaves free, "litert" has fixed ones and a batch
            of 1.
        quantize: "none", or for LiteRT "float16" (weights), "dynamic" (weights in 8 bits, ranges of activations taken
            while running) or "int8" (weights in 8 bits; wide convolutions work in 8 bits, with ranges taken from
            `calibration`, all else in float32). For ONNX "int8" is allowed too: wide convolutions, with their weights,
            in 8 bits.
        calibration: folder of pictures, for generators: the first is compared on, "int8" takes its ranges from others;
            without it the first of the program's own pictures is compared on. For any model an `.npz` file of inputs,
            by their names, with as many of each as there are samples.
        size: height and width of pictures whose size the model leaves free: what LiteRT is made for, and what every
            export is compared at.
        input_shape: of each input, in Keras' order without the batch; None for a size that stays as the model has it.
            Without it, and without `samples`, a model that works at one size alone gets that size, if its record tells.
        samples: `.npz` file like that of `calibration`, to compare on; its sizes are those that LiteRT is made for.
            Without it a model that is no generator is compared on random inputs (whole numbers for embeddings).
        layout: "nchw" puts the channels of pictures and volumes first, as Torch and Caffe have them.

    Raises:
        ArgumentError: an argument has a value that is not allowed.
        UserError: the model cannot be exported to this format, or the export's outputs differ from the model's by
            more than MIN_PSNR and `Format.max_difference` allow.
    """
    paths = [None if path is None else Path(path) for path in (calibration, samples)]
    settings = ExportSettings(format, quantize, paths[0], size, tuple(map(tuple, input_shape)), paths[1], layout)
    target = check_output(output, suffix=settings.kind.suffix)
    require_packages(settings)
    return _export(_checked_input(input, target, settings), target, settings)


def _export(path: Path, target: Path, settings: ExportSettings) -> ExportReport:
    with quiet_startup():
        from convert.recorded import read_arrays
        from model.provenance import fitting_size_of, read_provenance
        from pipelines.export.graph import load_exportable
        from pipelines.export.layout import channels_first
        from pipelines.export.run import run_export
    model = load_exportable(path)
    nchw = settings.layout == "nchw"
    recorded = {} if settings.samples is None else read_arrays(settings.samples, "samples")
    provenance = _record(model, read_provenance(path))
    bare = nchw or provenance.get("convention") == "none"
    model = channels_first(model) if nchw else model
    size = fitting_size_of(provenance)
    if size is not None and not (recorded or settings.input_shapes):
        shapes = tuple(tuple(own or size for own in tensor.shape[1:]) for tensor in model.inputs)
        settings = replace(settings, input_shapes=shapes)
    try:
        return run_export(model, target, settings, recorded=recorded, provenance=provenance, bare=bare)
    except ArgumentError:
        raise
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _record(model: keras.Model, provenance: Provenance | None) -> Provenance:
    """Return what the metadata say: where the model comes from, and the names of its styles in their order."""
    from model.styles import style_names

    styles = list(style_names(model))
    return {**(provenance or {}), **({STYLES: styles} if styles else {})}


def require_packages(settings: ExportSettings) -> None:
    """Raise UserError unless all that the format needs is installed."""
    missing = [package for package in settings.kind.packages if find_spec(package) is None]
    if missing:
        raise UserError(
            f"`format` {settings.format} needs {', '.join(missing)}, which is not installed: "
            "pip install -r requirements-export.txt"
        )


def _checked_input(input: str | os.PathLike, target: Path, settings: ExportSettings) -> Path:
    """Return the model's file.

    Raises:
        ArgumentError: an input is not there or lies in the target, or int8 has none to take ranges from.
    """
    calibration = settings.calibration
    check_input_files(samples=settings.samples)
    if calibration is not None and calibration.suffix != ARRAYS:
        pictures_in(calibration, "calibration")
    else:
        check_input_files(calibration=calibration)
    if calibration is not None and settings.samples is not None:
        if calibration.suffix != ARRAYS:
            raise ArgumentError(f"`calibration` {calibration}: with `samples` it must be an .npz file of inputs too")
        if settings.quantize != "int8":
            raise ArgumentError("`calibration`: only for `quantize` int8 where `samples` are what is compared on")
    path = find_model(os.fspath(input), option="`input`")
    check_not_read(target, [path, settings.samples, calibration])
    given = settings.calibration or settings.samples
    if settings.quantize == "int8" and given is None and not _takes_noise(path):
        raise ArgumentError(
            "`quantize` int8 needs `calibration` FOLDER: pictures like those that the model will see (or an .npz file "
            "of its inputs)"
        )
    return path


def _takes_noise(path: Path) -> bool:
    """Say whether a file holds a generator in texture mode, without loading Keras; no for what is no model at all."""
    try:
        return zipfile.is_zipfile(path) and makes_textures(path)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, zipfile.BadZipFile):
        return False
