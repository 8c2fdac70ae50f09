"""Exporting a generator for servers, phones and browsers, each export proven against the original."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from errors import ArgumentError, UserError, unknown_name
from pipelines.export.files import check_output, size_of, whole_or_nothing
from pipelines.startup import quiet_startup

if TYPE_CHECKING:
    from pipelines.export.check import Comparison


@dataclass(frozen=True)
class Format:
    """An export format: what its file is called ("" for a folder), and the packages beyond requirements.txt."""

    suffix: str
    packages: tuple[str, ...] = ()


FORMATS = {
    "saved_model": Format(""),
    "litert": Format(".tflite", ("ai_edge_litert",)),
    "onnx": Format(".onnx", ("onnx", "onnxruntime", "tf2onnx")),
}
# The peak signal-to-noise ratio in dB that an export must reach, by quantisation.
LEAST_PSNR = {"none": 40.0, "float16": 40.0, "dynamic": 30.0, "int8": 30.0}


@dataclass(frozen=True)
class ExportReport:
    """What an export did.

    Attributes:
        output: the file or folder written.
        size: of it, in bytes.
        sample: name of what it was compared on.
        calibrated_on: number of pictures that the ranges of "int8" were taken from; None without "int8".
        comparisons: with the Keras model, the first one at the size asked for.
    """

    output: Path
    size: int
    sample: str
    calibrated_on: int | None
    comparisons: list[Comparison]


def export_model(
    *,
    input: str | os.PathLike,
    output: str | os.PathLike,
    format: str,
    quantize: str = "none",
    calibration: str | os.PathLike | None = None,
    size: tuple[int, int] = (512, 512),
) -> ExportReport:
    """Export a `.keras` file, and compare what came out, run by its own runtime, with the Keras model.

    An export follows the image contract whatever its quantisation: input `image`, output `stylized`, float32. (A
    network in texture mode has the input `noise` in place of `image`.)

    Args:
        input: `.keras` file of a generator.
        output: what to write, whole or not at all: a folder for "saved_model", a file for "litert" (`.tflite`) and
            "onnx" (`.onnx`). What stands there is replaced, if it is such a file or a SavedModel.
        format: "saved_model" and "onnx" take batches of any number and size, "litert" one picture of `size`.
        quantize: "none", or for LiteRT "float16" (weights), "dynamic" (weights in 8 bits, ranges of activations taken
            while running) or "int8" (weights in 8 bits; wide convolutions work in 8 bits, with ranges taken from
            `calibration`, all else in float32).
        calibration: folder of pictures. The first is compared on, "int8" takes its ranges from others. Without it
            the first of the program's own pictures is compared on.
        size: height and width that LiteRT's picture has, and at which every export is compared.

    Raises:
        ArgumentError: an argument has a value that is not allowed.
        UserError: the model cannot be exported to this format, or the export's pictures differ from the model's by
            more than LEAST_PSNR allows.
    """
    kind = _check_arguments(format, quantize, size)
    target = check_output(Path(output), suffix=kind.suffix)
    with quiet_startup():
        from pipelines.export import check, formats
        from pipelines.export.graph import load_generator_model
        from pipelines.export.samples import make_samples
    model = load_generator_model(input)
    samples = make_samples(model, calibration, calibrate=quantize == "int8")
    write, run = formats.exporter(format, size=size, quantize=quantize, samples=samples)
    with whole_or_nothing(target) as temporary:
        write(model, temporary)
        shapes = [(1, *size)] if format == "litert" else [(1, *size), (2, size[0] + 3, size[1] + 5)]
        comparisons = check.compare(model, run(temporary), [samples.batch(*shape) for shape in shapes])
        check.require_psnr(comparisons, LEAST_PSNR[quantize])
    calibrated_on = samples.calibrated_on if quantize == "int8" else None
    return ExportReport(target, size_of(target), samples.name, calibrated_on, comparisons)


def _check_arguments(format: str, quantize: str, size: tuple[int, int]) -> Format:
    if format not in FORMATS:
        raise ArgumentError(unknown_name("--format", format, FORMATS))
    if quantize not in LEAST_PSNR:
        raise ArgumentError(unknown_name("--quantize", quantize, LEAST_PSNR))
    if quantize != "none" and format != "litert":
        raise ArgumentError(f"--quantize {quantize} is for --format litert alone, not for {format}")
    if min(size) < 1:
        raise ArgumentError(f"--size {size[0]}x{size[1]}: height and width must be at least 1")
    missing = [package for package in FORMATS[format].packages if find_spec(package) is None]
    if missing:
        raise UserError(
            f"--format {format} needs {', '.join(missing)}, not installed here: pip install -r requirements-export.txt"
        )
    return FORMATS[format]
