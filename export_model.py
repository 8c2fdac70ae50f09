"""Exports a generator (.keras) to SavedModel, LiteRT or ONNX, and compares the export with the original."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pipelines.command_line import ArgumentParser, defaults_of, run_script
from pipelines.export.export import FORMATS, LEAST_PSNR, ExportReport, export_model

NAME = "export_model.py"
EPILOG = """Every export takes `image` and returns `stylized`: float32 RGB pictures in [0, 1] (batch, height, width,
3), whatever its quantisation. SavedModel and ONNX take batches of any number and size, LiteRT one picture of --size.
The export is run in its own runtime beside the Keras model; below 40 dB PSNR (30 dB with weights in 8 bits) nothing is
written. LiteRT and ONNX need the packages of requirements-export.txt. dynamic: weights in 8 bits; convolutions work in
8 bits too, with ranges taken while running. int8: weights in 8 bits; wide convolutions (128 channels and more, most of
the arithmetic) work in 8 bits with ranges taken from the calibration pictures, the others in float32. Instance
normalisation and sums stay in float32 in both."""
NOTHING_WIDE = "nothing to calibrate: no convolution of this model is wide, so int8 rounds weights alone"


def make_parser() -> ArgumentParser:
    """Return the parser of the command line; its defaults are those of `export_model`."""
    defaults = defaults_of(export_model)
    parser = ArgumentParser(prog=NAME, description=__doc__, epilog=EPILOG)
    parser.add_argument("--input", required=True, metavar="MODEL.keras", help="the generator")
    parser.add_argument("--output", required=True, metavar="PATH", help="a folder, or a .tflite or .onnx file")
    parser.add_argument("--format", required=True, metavar="|".join(FORMATS), help="what to write")
    parser.add_argument(
        "--quantize",
        metavar="|".join(LEAST_PSNR),
        default=defaults["quantize"],
        help="for LiteRT: float16 halves the file, dynamic and int8 quarter it (default: %(default)s)",
    )
    parser.add_argument(
        "--calibration",
        metavar="FOLDER",
        default=defaults["calibration"],
        help="pictures like those that the model will see: int8 takes its ranges from up to 16 of them, and the first "
        "is the one that every export is compared on (default: a picture of this program)",
    )
    height, width = defaults["size"]
    parser.add_argument(
        "--size",
        type=parse_size,
        metavar="HxW",
        default=defaults["size"],
        help=f"height and width of LiteRT's pictures, and of what is compared (default: {height}x{width})",
    )
    return parser


def parse_size(text: str) -> tuple[int, int]:
    """Return "HxW" as (height, width)."""
    height, cross, width = text.lower().partition("x")
    if not (cross and height.isdecimal() and width.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH, such as 512x512")
    return int(height), int(width)


def print_report(report: ExportReport) -> None:
    """Print what an export did."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"compared with the Keras model on {report.sample}", title_justify="left")
    for heading in ("input", "MB", "max difference", "PSNR (dB)", "Keras (ms)", "export (ms)"):
        table.add_column(heading, justify="right")
    for comparison in report.comparisons:
        count, height, width = comparison.shape
        table.add_row(
            f"{count} x {height}x{width}",
            f"{report.size / 1e6:.2f}",
            f"{comparison.max_difference:.1e}",
            f"{comparison.psnr:.1f}",
            f"{comparison.model_ms:.1f}",
            f"{comparison.export_ms:.1f}",
        )
    if report.calibrated_on is not None:
        print(f"calibrated on {report.calibrated_on} pictures" if report.calibrated_on else NOTHING_WIDE)
    Console().print(table)
    print(f"wrote {report.output}")


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
