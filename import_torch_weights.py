"""Converts a Torch7 or PyTorch network (.t7, .pth, .safetensors, .pt2) into a Keras model with the same output."""

from __future__ import annotations

from runtimes.interruption import exit_on_signals
from runtimes.missing import tell_missing_packages

if __name__ == "__main__":
    exit_on_signals()
    tell_missing_packages()

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from convert.printable import printable
from errors import ArgumentError
from pipelines.command_line import ArgumentParser, defaults_of, refuse_others, run_script
from pipelines.importing.arguments import add_export_arguments
from pipelines.importing.programs import PROGRAM_IMAGE_IOS, import_pytorch_program, is_pytorch_program
from pipelines.importing.pytorch import import_pytorch_model, is_pytorch_file
from pipelines.importing.shapes import in_layout, written_shape
from pipelines.importing.torch7 import (
    DTYPES,
    IMAGE_IOS,
    NOISES,
    NORM_STATISTICS,
    TorchImportReport,
    Verification,
    import_torch_model,
)
from pipelines.inputs import check_input_files

if TYPE_CHECKING:
    import keras

NAME = "import_torch_weights.py"
EPILOG = """The saved model takes and returns RGB pictures in [0, 1] (float32; batch, height, width, 3) of any size,
unless --image-io is none. Programs written by torch.export.save (.pt2) or torch.jit.save (TorchScript) contain the
network itself: any network can be imported whose operators are supported. PyTorch state dicts are recognised by the
names and shapes of their tensors; supported are the TransformerNet of the fast_neural_style example, of its first
version of 2017 and of pytorch-neural-style-transfer-johnson, the networks of fast-neural-style-pytorch, the generators
of AnimeGANv2, CartoonGAN, CycleGAN and CUT (with residual blocks) and pix2pix (U-Nets and with residual blocks),
RRDBNet and SRVGGNetCompact of ESRGAN and Real-ESRGAN, and VGG-19 and VGG-16, whole or their first layers alone. No
code in the file is executed. Keras loads the model in safe mode after `import layers`."""


def make_parser() -> ArgumentParser:
    """Return the parser of the command line; its defaults are those of `import_torch_model`."""
    defaults = defaults_of(import_torch_model)
    parser = ArgumentParser(prog=NAME, description=__doc__, epilog=EPILOG)
    _add_files(parser, defaults)
    _add_reading(parser, defaults)
    _add_results(parser, defaults)
    return parser


def _add_files(parser: ArgumentParser, defaults: Mapping[str, Any]) -> None:
    parser.add_argument(
        "--input",
        required=True,
        metavar="MODEL.t7|.pth|.pt2",
        help="Torch7, PyTorch or safetensors file with a network or a checkpoint, or a PyTorch program",
    )
    parser.add_argument(
        "--output", metavar="FILE_OR_FOLDER", help="a .keras, .onnx or .tflite file to write, or a SavedModel folder"
    )


def _add_reading(parser: ArgumentParser, defaults: Mapping[str, Any]) -> None:
    parser.add_argument(
        "--image-io",
        metavar="|".join(dict.fromkeys((*IMAGE_IOS, *PROGRAM_IMAGE_IOS))),
        default=defaults["image_io"],
        help="conversion between pictures and the inputs and outputs of the network; texture-nets: it takes RGB in "
        "[0, 1] and returns BGR in 0..255 minus the mean pixel of VGG; texture-nets-2016: the same, but it takes the "
        "picture twice and noise, or noise alone; fast-neural-style: it takes and returns BGR minus the mean pixel; "
        "none: no conversion, only NHWC instead of NCHW; auto: detected from the file and printed; for PyTorch "
        "programs: unit, signed, byte or imagenet: it takes and returns RGB in [0, 1], in [-1, 1], in [0, 255] or with "
        "ImageNet's mean and deviation (default: %(default)s)",
    )
    parser.add_argument(
        "--entry",
        metavar="a.b.c",
        default=defaults["entry"],
        help="which of several networks in the file to convert: the keys that lead to it, joined by dots",
    )
    parser.add_argument(
        "--input-shape",
        metavar="3x224x224",
        action="append",
        default=[],
        help="sizes of the network's input in Torch's order, without the batch, ? for a dynamic size, scalar for "
        "single numbers; given once for each input, tables depth first (default: derived from the file)",
    )
    parser.add_argument(
        "--noise",
        metavar="|".join(NOISES),
        default=defaults["noise"],
        help="source of a network's random numbers: a seed, or additional inputs noise_0, noise_1, ... (default: "
        "%(default)s)",
    )


def _add_results(parser: ArgumentParser, defaults: Mapping[str, Any]) -> None:
    parser.add_argument(
        "--norm-statistics",
        metavar="|".join(NORM_STATISTICS),
        default=defaults["norm_statistics"],
        help="statistics used by batch normalisation: those of the current batch, the running ones in the file, or "
        "detected from the file and printed (default: %(default)s)",
    )
    parser.add_argument(
        "--dtype",
        metavar="|".join(DTYPES),
        default=defaults["dtype"],
        help="type of the weights in the file; the model computes in float32 in both cases (default: %(default)s)",
    )
    parser.add_argument(
        "--summary",
        action="store_true",
        help="print the modules (PyTorch: tensors, or the operators of a program); without --output, do nothing else",
    )
    parser.add_argument(
        "--verify",
        metavar="REFERENCE.npz",
        default=defaults["verify"],
        help="compare the bare network with the arrays 'input' and 'output' (or input_0, ..., output_0, ..., "
        "noise_0, ...) that Torch7 or PyTorch computed, in its order and the network's own range, and write nothing if "
        "they differ by more than rounding errors",
    )
    add_export_arguments(parser, defaults)


def print_summary(path: str) -> None:
    """Print the module tree of a Torch7 file, the tensors of a PyTorch file or the operators of a PyTorch program."""
    check_input_files(input=path)
    if is_pytorch_program(path):
        from convert.pytorch.programs.summary import summarize_program

        print(summarize_program(path))
        return
    if is_pytorch_file(path):
        from convert.pytorch.summary import summarize

        print(summarize(path))
        return
    from convert.torch7.file.reader import read_t7
    from convert.torch7.summary import summary

    print(summary(read_t7(path)))


def print_report(report: TorchImportReport, layout: str) -> None:
    """Print what an import did."""
    conversion = report.conversion
    unused = conversion.tensors_read - conversion.tensors_used
    print(f"image-io: {report.image_io} ({report.reason})")
    print_shapes(conversion.model, layout)
    if conversion.batch_statistics:
        print(f"normalisation: {len(conversion.batch_statistics)} modules use the statistics of the current batch")
    if conversion.noisy:
        print(f"noise: drawn by {len(conversion.noisy)} modules")
    print_verification(report.verification)
    print(f"modules converted: {len(conversion.modules)}")
    print(
        f"tensors: {conversion.tensors_read} read, {conversion.tensors_used} used, {unused} unused (gradients, buffers)"
    )
    print(f"parameters: {report.parameters:,}")
    for line in report.written.lines():
        print(line)


def import_pytorch(arguments: argparse.Namespace) -> None:
    """Import a PyTorch file and print what was done."""
    others = arguments.input_shape or arguments.noise != "seed" or arguments.norm_statistics != "auto"
    if others:
        raise ArgumentError("`input_shape`, `noise` and `norm_statistics` are for Torch7 files")
    if arguments.image_io != "auto":
        raise ArgumentError("`image_io` is for Torch7 files and PyTorch programs; other networks have a fixed one")
    report = import_pytorch_model(
        input=arguments.input,
        output=arguments.output,
        dtype=arguments.dtype,
        entry=arguments.entry,
        verify=arguments.verify,
        layout=arguments.layout,
        size=arguments.size,
    )
    conversion = report.conversion
    where = f", at {printable(conversion.entry)}" if conversion.entry else ""
    print(f"network: {conversion.architecture}{where}")
    print(f"decided: {conversion.decided}")
    print_verification(report.verification)
    print(f"tensors: {conversion.tensors}")
    print(f"parameters: {report.parameters:,}")
    for line in report.written.lines():
        print(line)


def import_program(arguments: argparse.Namespace) -> None:
    """Import a PyTorch program and print what was done."""
    if arguments.noise != "seed" or arguments.norm_statistics != "auto":
        raise ArgumentError("`noise` and `norm_statistics` are for Torch7 files")
    if arguments.entry is not None:
        raise ArgumentError("`entry` is for files with several networks; a PyTorch program is one")
    report = import_pytorch_program(
        input=arguments.input,
        output=arguments.output,
        input_shape=arguments.input_shape,
        image_io=arguments.image_io,
        dtype=arguments.dtype,
        verify=arguments.verify,
        layout=arguments.layout,
        size=arguments.size,
    )
    conversion = report.conversion
    print(f"network: {conversion.kind}")
    print(f"image-io: {report.image_io} ({report.reason})")
    print_shapes(conversion.model, arguments.layout)
    print_verification(report.verification)
    print(f"tensors: {conversion.tensors}")
    print(f"parameters: {report.parameters:,}")
    for line in report.written.lines():
        print(line)


def print_shapes(network: keras.Model, layout: str) -> None:
    """Print the shapes of what a network takes and returns."""
    names = [tensor.name for tensor in network.inputs] + [f"output_{i}" for i in range(len(network.outputs))]
    for name, tensor in zip(names, (*network.inputs, *network.outputs), strict=True):
        print(f"{name}: {written_shape(in_layout(tensor.shape, layout))}")


def print_verification(check: Verification | None) -> None:
    """Print how far the network is from the reference, if there was one."""
    if check is not None:
        print(f"verified: max difference {check.maximum:.3g}, relative {check.relative:.3g}")


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments ask for and return the exit code."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.output is None and not arguments.summary:
        raise ArgumentError("--output MODEL.keras is required (except with --summary)")
    if arguments.output is None:
        refuse_others(parser, arguments, ("input", "summary"), "`summary` without `output` does nothing else")
    if arguments.summary:
        print_summary(arguments.input)
    if arguments.output is None:
        return 0
    if is_pytorch_program(arguments.input):
        import_program(arguments)
        return 0
    if is_pytorch_file(arguments.input):
        import_pytorch(arguments)
        return 0
    report = import_torch_model(
        input=arguments.input,
        output=arguments.output,
        entry=arguments.entry,
        input_shape=arguments.input_shape,
        image_io=arguments.image_io,
        noise=arguments.noise,
        norm_statistics=arguments.norm_statistics,
        dtype=arguments.dtype,
        verify=arguments.verify,
        layout=arguments.layout,
        size=arguments.size,
    )
    print_report(report, arguments.layout)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
