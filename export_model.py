"""Exports a Keras model (.keras) to SavedModel, LiteRT or ONNX, and compares the export with the original."""

from __future__ import annotations

from runtimes.interruption import exit_on_signals
from runtimes.missing import tell_missing_packages

if __name__ == "__main__":
    exit_on_signals()
    tell_missing_packages()

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from choices import LAYOUTS, SCALAR
from pipelines.command_line import ArgumentParser, defaults_of, parse_size, run_script
from pipelines.export.export import export_model
from pipelines.export.settings import FORMATS, MIN_PSNR, Shape, describe_shape
from runtimes.terminal import printable

if TYPE_CHECKING:
    from pipelines.export.run import ExportReport

NAME = "export_model.py"
EPILOG = """A generator takes `image` and returns `stylized`: float32 RGB pictures in [0, 1] (batch, height, width,
3), whatever its quantisation. One of textures takes `noise` instead: float32 (batch, height, width, depth), uniform in
[0, 1). Other models keep their inputs and outputs with their names. Where the model takes any size, so do SavedModel
and ONNX; a LiteRT model has fixed sizes. The export is run in its own runtime and compared
with the Keras model. Nothing is written below 40 dB PSNR (30 dB with weights in 8 bits), or, for float32 models other
than generators, if the difference exceeds 1e-4 (LiteRT: 1e-3) of the largest value. ONNX is also tried in OpenCV's
cv2.dnn, if that is installed, and the result is printed. LiteRT and ONNX need the packages of
requirements-export.txt. dynamic: weights in 8 bits; convolutions are computed in 8 bits too, with ranges determined
at run time. int8: weights in 8 bits; wide convolutions (128 channels and more, which is most of the arithmetic) are
computed in 8 bits with ranges from the calibration data, the others in float32; in ONNX files the weights of the
others are float32 too. Instance normalisation and sums stay in float32 in both."""
NOTHING_WIDE = "nothing to calibrate: the model has no wide convolutions, so int8 "
NOT_WIDE = {"litert": "quantises only weights", "onnx": "changes nothing"}


def make_parser() -> ArgumentParser:
    """Return the parser of the command line; its defaults are those of `export_model`."""
    defaults = defaults_of(export_model)
    parser = ArgumentParser(prog=NAME, description=__doc__, epilog=EPILOG)
    _add_target(parser, defaults)
    _add_pictures(parser, defaults)
    _add_inputs(parser, defaults)
    return parser


def _add_target(parser: ArgumentParser, defaults: Mapping[str, Any]) -> None:
    parser.add_argument("--input", required=True, metavar="MODEL", help="an included model, or a .keras file")
    parser.add_argument(
        "--output", required=True, metavar="PATH", help="a SavedModel folder, or a .tflite or .onnx file"
    )
    parser.add_argument("--format", required=True, metavar="|".join(FORMATS), help="format of the export")
    parser.add_argument(
        "--quantize",
        metavar="|".join(MIN_PSNR),
        default=defaults["quantize"],
        help="quantisation of LiteRT: float16 halves the file, dynamic and int8 quarter it; int8 is for ONNX too, "
        "where it is also faster (default: %(default)s)",
    )


def _add_pictures(parser: ArgumentParser, defaults: Mapping[str, Any]) -> None:
    parser.add_argument(
        "--calibration",
        metavar="FOLDER_OR_NPZ",
        default=defaults["calibration"],
        help="folder (without its subfolders) of pictures like those that the generator will process: int8 takes its "
        "ranges from up to 16 of them, and every export is compared on the first (default: an included picture); for "
        "other models an .npz file with many of each input, by name",
    )
    height, width = defaults["size"]
    parser.add_argument(
        "--size",
        type=parse_size,
        metavar="HxW",
        default=defaults["size"],
        help=f"height and width of the pictures of a LiteRT model, and of the comparison, where the model allows any "
        f"(default: {height}x{width})",
    )


def _add_inputs(parser: ArgumentParser, defaults: Mapping[str, Any]) -> None:
    parser.add_argument(
        "--input-shape",
        type=parse_shape,
        action="append",
        metavar="AxBxC",
        default=[],
        help="shape of an input in Keras' order without the batch, such as 224x224x3 or ?x300; given once for each "
        "input, in the model's order; ? leaves a size as it is in the model",
    )
    parser.add_argument(
        "--samples",
        metavar="FILE.npz",
        default=defaults["samples"],
        help="inputs to compare on, by name, one or more of each; a LiteRT model is made for their sizes (default for "
        "models other than generators: random numbers)",
    )
    parser.add_argument(
        "--layout",
        metavar="|".join(LAYOUTS),
        default=defaults["layout"],
        help="position of the channels in inputs and outputs: last, or first as in Torch, Caffe and OpenCV "
        "(default: %(default)s)",
    )


def parse_shape(text: str) -> Shape:
    """Return "AxBxC" as (A, B, C), with None for "?", and "scalar" as ()."""
    if text == SCALAR:
        return ()
    sizes = text.lower().split("x")
    if not all(re.fullmatch(r"\?|[0-9]{1,9}", size) for size in sizes):
        raise argparse.ArgumentTypeError(f"{text!r:.60} is not AxBxC, such as 224x224x3 or ?x300, or {SCALAR}")
    return tuple(None if size == "?" else int(size) for size in sizes)


def print_report(report: ExportReport) -> None:
    """Print what an export did."""
    if report.calibrated_on:
        print(f"calibrated on {report.calibrated_on} {report.calibrated_kind}")
    elif report.calibrated_on is not None:
        print(f"{NOTHING_WIDE}{NOT_WIDE[report.plan.format]}")
    if not report.plan.makes_pictures:
        for tensor in report.plan.inputs:
            print(f"input {printable(tensor.name)}: {tensor.dtype} {describe_shape(tensor.shape)}")
        print(f"outputs: {', '.join(map(printable, report.plan.outputs))}")
    print_comparisons(report)
    if report.opencv is not None:
        print(report.opencv)
    print(f"SHA-256 {report.sha256}")
    print(f"wrote {printable(str(report.output))}")


def print_comparisons(report: ExportReport) -> None:
    """Print the table of differences and times."""
    from rich.console import Console
    from rich.table import Table

    from pipelines.export.check import describe_inputs

    title = f"compared with the Keras model on {printable(report.sample)}"
    table = Table(title=title, title_justify="left")
    for heading in ("input", "MB", "max difference", "of largest", "PSNR (dB)", "Keras (ms)", "export (ms)"):
        table.add_column(heading, justify="right")
    for comparison in report.comparisons:
        table.add_row(
            describe_inputs(comparison.shapes),
            f"{report.size / 1e6:.2f}",
            f"{comparison.max_difference:.1e}",
            f"{comparison.relative:.1e}",
            f"{comparison.psnr:.1f}",
            f"{comparison.model_ms:.1f}",
            f"{comparison.export_ms:.1f}",
        )
    Console().print(table)


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments ask for and return the exit code."""
    arguments = make_parser().parse_args(argv)
    print_report(export_model(**vars(arguments)))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
