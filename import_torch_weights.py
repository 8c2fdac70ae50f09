"""Turns a Torch7 network (.t7) into a Keras model (.keras) that gives the same pixels."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.command_line import run_script

if TYPE_CHECKING:
    from pipelines.torch_import import ImportReport


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments; ends the program with exit code 2 where they are wrong."""
    parser = argparse.ArgumentParser(prog="import_torch_weights.py", description=__doc__)
    parser.add_argument("--input", required=True, metavar="MODEL.t7", help="Torch7 file: a network or a checkpoint")
    parser.add_argument("--output", metavar="MODEL.keras", help="Keras model to write")
    parser.add_argument(
        "--image-io",
        choices=["auto", "texture-nets", "fast-neural-style", "none"],
        default="auto",
        help="what is wrapped around the network so that the saved model takes and returns RGB pictures in [0, 1], "
        "NHWC, of one size: texture-nets (the network takes RGB in [0, 1] and returns BGR in 0..255 minus VGG's mean "
        "pixel), fast-neural-style (BGR minus mean in and out), none (the bare network, NHWC where Torch7 has NCHW), "
        "auto (decided from the file and told; default)",
    )
    parser.add_argument(
        "--dtype",
        choices=["float32", "float16"],
        default="float32",
        help="storage of the weights in the file; the model computes in float32 either way (default: float32)",
    )
    parser.add_argument("--summary", action="store_true", help="print the module tree; without --output do only that")
    parser.add_argument(
        "--verify",
        metavar="REFERENCE.npz",
        help="check the bare network against the arrays 'input' and 'output' (NCHW, from Torch7) before writing",
    )
    arguments = parser.parse_args(argv)
    if arguments.output is None and (arguments.verify is not None or not arguments.summary):
        parser.error("--output MODEL.keras is needed (only --summary does without)")
    return arguments


def print_summary(path: str) -> None:
    """Print the module tree of a Torch7 file; needs no Keras."""
    from convert.torch7.reader import read_t7
    from convert.torch7.tree import summary

    print(summary(read_t7(path)))


def print_report(report: ImportReport, output: str) -> None:
    """Print what an import did."""
    conversion = report.conversion
    unused = conversion.tensors_read - conversion.tensors_used
    print(f"image-io: {report.image_io} ({report.reason})")
    if report.verification is not None:
        check = report.verification
        print(f"verified: max difference {check.maximum:.3g}, relative {check.relative:.3g}")
    print(f"modules converted: {len(conversion.modules)}")
    print(
        f"tensors: {conversion.tensors_read} read, {conversion.tensors_used} used, {unused} unused (gradients, buffers)"
    )
    print(f"parameters: {report.parameters:,}")
    print(f"wrote {output}: {report.file_size:,} bytes")


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments ask for."""
    if arguments.summary:
        print_summary(arguments.input)
    if arguments.output is None:
        return 0
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from pipelines.torch_import import import_torch_model

    report = import_torch_model(
        input=arguments.input,
        output=arguments.output,
        image_io=arguments.image_io,
        dtype=arguments.dtype,
        verify=arguments.verify,
    )
    print_report(report, arguments.output)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with the given arguments (default: the command line's) and return its exit code."""
    arguments = parse_arguments(argv)
    return run_script("import_torch_weights.py", lambda: run(arguments))


if __name__ == "__main__":
    sys.exit(main())
