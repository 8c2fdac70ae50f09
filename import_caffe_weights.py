"""Converts a Caffe network (.prototxt and .caffemodel) into a Keras model with the same output."""

from __future__ import annotations

from runtimes.interruption import exit_on_signals
from runtimes.missing import tell_missing_packages

if __name__ == "__main__":
    exit_on_signals()
    tell_missing_packages()

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from convert.printable import printable
from errors import ArgumentError, UserError
from pipelines.command_line import ArgumentParser, comma_list, defaults_of, refuse_others, run_script
from pipelines.importing.arguments import add_export_arguments
from pipelines.importing.caffe import POOLINGS, CaffeImportReport, import_caffe_model
from pipelines.importing.shapes import in_layout
from pipelines.inputs import check_input_files
from runtimes.terminal import tell

NAME = "import_caffe_weights.py"
EPILOG = """The model is the network alone: its inputs and outputs are those of Caffe, with axes in the order number,
height, width, channels instead of number, channels, height, width. It returns one blob, or a dict of several, by
name. Preprocessing (BGR order, subtracting a mean) is not part of it. Reads files of the formats V0, V1 and new.
Include and exclude rules are followed for the test phase; loss and accuracy layers are left out."""


def make_parser() -> ArgumentParser:
    """Return the parser of the command line; its defaults are those of `import_caffe_model`."""
    defaults = defaults_of(import_caffe_model)
    parser = ArgumentParser(prog=NAME, description=__doc__, epilog=EPILOG)
    _add_files(parser, defaults)
    _add_changes(parser, defaults)
    _add_checks(parser, defaults)
    return parser


def _add_files(parser: ArgumentParser, defaults: Mapping[str, Any]) -> None:
    parser.add_argument(
        "--prototxt", required=True, metavar="FILE", help="description of the network (deploy.prototxt)"
    )
    parser.add_argument("--input", metavar="FILE.caffemodel", help="the network's parameters")
    parser.add_argument(
        "--output", metavar="FILE_OR_FOLDER", help="a .keras, .onnx or .tflite file to write, or a SavedModel folder"
    )


def _add_changes(parser: ArgumentParser, defaults: Mapping[str, Any]) -> None:
    parser.add_argument(
        "--pooling",
        metavar="|".join(POOLINGS),
        default=defaults["pooling"],
        help="change all pooling layers except global ones to average or max pooling (default: %(default)s)",
    )
    parser.add_argument(
        "--until",
        metavar="LAYER",
        default=defaults["until"],
        help="cut the network after this layer, whose tops become the outputs unless --outputs names others",
    )
    parser.add_argument(
        "--outputs",
        metavar="BLOB",
        **comma_list(str),
        default=defaults["outputs"],
        help="blobs that the model returns (default: those that no layer reads); a blob has its value after the last "
        "layer that changes it in place",
    )
    parser.add_argument(
        "--normalize",
        metavar="PHOTO_FOLDER",
        default=defaults["normalize"],
        help="scale the weights so that each filter's mean activation over all photos of this folder and its "
        "subfolders is 1, as in Gatys' normalised VGG; for chains of convolutions, rectifications and poolings (use "
        "--until to cut off the rest)",
    )


def _add_checks(parser: ArgumentParser, defaults: Mapping[str, Any]) -> None:
    parser.add_argument(
        "--summary",
        action="store_true",
        help="print the layers with shapes and parameters; without --output, do nothing else",
    )
    parser.add_argument(
        "--verify",
        metavar="REF.npz",
        default=defaults["verify"],
        help="compare with the arrays 'blob_NAME' that Caffe computed from 'input' or 'input_NAME' (NCHW) and write "
        "nothing if one differs by more than 5e-5 of its largest value",
    )
    parser.add_argument(
        "--input-shape",
        metavar="3x224x224",
        action="append",
        default=defaults["input_shape"],
        help="size of an input without the batch, in Caffe's order, ? for a free one, scalar for single numbers; once "
        "for each input, or once for all; needed where the network reads files whose size is not in the prototxt",
    )
    parser.add_argument(
        "--raw-detections",
        action="store_true",
        help="return all boxes and scores instead of those that a DetectionOutput layer selects",
    )
    add_export_arguments(parser, defaults)


def print_summary(arguments: argparse.Namespace) -> None:
    """Print the network's layers; needs no Keras."""
    from convert.caffe.summary import summarize

    check_input_files(prototxt=arguments.prototxt, input=arguments.input)
    print(summarize(arguments.prototxt, arguments.input))


def listed(names: Sequence[str]) -> str:
    """Return names from a file in a row."""
    return ", ".join(map(printable, names))


def print_report(report: CaffeImportReport, arguments: argparse.Namespace) -> None:
    """Print what an import did."""
    for difference in report.differences:
        verdict = "" if difference.is_small else "  TOO LARGE"
        far = f"max difference {difference.maximum:.3g}, relative {difference.relative:.3g}"
        print(f"{printable(difference.blob)}: {far}{verdict}")
    if report.surplus:
        tell(f"{NAME}: warning: only in the caffemodel, not used: {listed(report.surplus)}")
    if report.ignored:
        tell(f"{NAME}: warning: fields that Caffe does not have, ignored: {listed(report.ignored)}")
    if report.corner_crops:
        tell(
            f"{NAME}: warning: without crop_param these layers cut at the upper left, as in Caffe 1.0: "
            f"{listed(report.corner_crops)}; earlier Caffes, such as those of FCN and HED, found the offset: write it "
            "into the prototxt for their networks"
        )
    if report.left_out:
        print(f"left out, for training only: {listed(report.left_out)}")
    if report.written is None:
        raise UserError(f"the network does not agree with {arguments.verify}; nothing was written")
    print(f"layers converted: {report.layers}")
    unused = report.blobs_read - report.blobs_used
    cut = f" (cut off: {listed(report.cut)})" if report.cut else ""
    print(f"blobs: {report.blobs_read} read, {report.blobs_used} used, {unused} unused{cut}")
    for name, shape in report.input_shapes.items():
        written = in_layout(shape, arguments.layout)
        print(f"input {printable(name)}: {' x '.join('any' if size is None else str(size) for size in written)}")
    print(f"outputs: {listed(report.outputs)}")
    print(f"parameters: {report.parameters:,}")
    for line in report.written.lines():
        print(line)


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments ask for and return the exit code."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.output is None and not arguments.summary:
        raise ArgumentError("--output FILE.keras is required (except with --summary)")
    if arguments.output is not None and arguments.input is None:
        raise ArgumentError("--input FILE.caffemodel is required (except with --summary)")
    if arguments.output is None:
        refuse_others(
            parser, arguments, ("prototxt", "input", "summary"), "`summary` without `output` does nothing else"
        )
    if arguments.summary:
        print_summary(arguments)
    if arguments.output is None:
        return 0
    report = import_caffe_model(
        prototxt=arguments.prototxt,
        input=arguments.input,
        output=arguments.output,
        pooling=arguments.pooling,
        until=arguments.until,
        outputs=arguments.outputs,
        normalize=arguments.normalize,
        verify=arguments.verify,
        layout=arguments.layout,
        size=arguments.size,
        input_shape=arguments.input_shape,
        raw_detections=arguments.raw_detections,
    )
    print_report(report, arguments)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
