"""Makes new pictures of a texture: multi-octave Gram-matrix synthesis by optimisation."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from errors import ArgumentError, unknown_name
from pipelines.command_line import ArgumentParser, defaults_of, run_script
from pipelines.synthesis.bar import ProgressBar
from pipelines.synthesis.sampling import sample_textures
from pipelines.synthesis.settings import CHOICES, PRESETS, SynthesisSettings, option
from pipelines.synthesis.synthesize import SynthesisReport, resume, synthesize
from runs.live_view import add_live_view_arguments, live_view, without_live_view

NAME = "synthesize.py"
# The options that --generator takes.
SAMPLING = ("output", "output_width", "output_height", "count", "tileable", "random_seed")
EPILOG = """Layers are called as in the papers (relu1_1, pool1, relu3_2 ...) or counted in the list of VGG-19's layers
without its input: 0 is relu1_1, 2 pool1, 7 relu3_2. The pictures, the loss and what is needed to go on after an
interruption stand in a new folder in --output-dir. A quick first try: -s pebbles.jpg -ow 256 -o 2 -m 100."""


def make_parser() -> ArgumentParser:
    """Return the parser of the command line; its defaults are those of `SynthesisSettings`."""
    parser = ArgumentParser(prog=NAME, description=__doc__, epilog=EPILOG)
    add = _Adder(parser)
    parser.add_argument(
        "--source", "-s", nargs="+", default=(), metavar="FILE_OR_FOLDER", help="pictures of the texture"
    )
    add("output_width", "-ow", "pixels", int)
    add("output_height", "-oh", "pixels (default: as the width)", int)
    add("octaves", "-o", "sizes, each half the one before, at which the texture is matched", int)
    parser.add_argument(
        "--layers", "-l", nargs="+", metavar="LAYER", help="whose Gram matrices are matched (default: 2 7)"
    )
    add("max_iter", "-m", "iterations of the optimiser, of all scales together", int)
    add("output_prefix", "-op", "how the name of the run's folder begins")
    add("output_dir", None, "where the run's folder is made", metavar="FOLDER")
    add("output", None, "write the (first) final picture here too", metavar="FILE")
    add("save_every", "-n", "iterations from one saved picture to the next", int)
    add("source_scale", "-ss", "factor by which the sources are resized", float)
    add("source_width", "-sw", "width to which the sources are resized", int)
    add("padding_mode", "-p", "boundaries in the descriptor: none, or zeros")
    add("join_mode", "-j", "how the Gram matrices of several sources become one")
    add("mul", None, "factor of the target Gram matrices", float)
    _add_frame_options(add)
    add("seed", None, "noise that the optimisation starts from, in the sources' colours")
    add("data_dir", "-d", "folder in which the descriptor's weights are looked for", metavar="FOLDER")
    add("tol", None, "relative fall of the loss, and gradient, at which the optimiser ends", float)
    add("descriptor", None, "network whose features are compared; random needs no weights")
    add("pooling", None, "of the descriptor")
    add("weights", None, "the descriptor's weights (default: found or downloaded)", metavar="FILE")
    add("tileable", None, "directions in which the picture repeats without a seam")
    add(
        "schedule", None, "start small and refine, or the full size alone (default: coarse-to-fine, single with --init)"
    )
    add("optimizer", None, "SciPy's L-BFGS-B, or L-BFGS with its vectors on the device")
    parser.add_argument("--no-bounds", dest="bounds", action="store_false", help="clip pixels only when they are saved")
    add("random_seed", None, "of the first picture", int)
    add("init", None, "picture to start from", metavar="FILE")
    add("precision", None, "of the descriptor; bfloat16 is faster where the processor has it")
    parser.add_argument(
        "--guide",
        nargs=2,
        metavar=("SOURCE_MASK", "OUTPUT_MASK"),
        help="label pictures: which part of the source goes where in the output; equal colours go together",
    )
    parser.add_argument("--match-histogram", action="store_true", help="give saved pictures the sources' histogram")
    parser.add_argument("--preset", metavar="|".join(PRESETS), help="defaults of a paper, which other options override")
    parser.add_argument("--resume", metavar="FOLDER", help="go on with an interrupted run; takes no other options")
    parser.add_argument(
        "--generator",
        metavar="NAME_OR_FILE",
        help="no optimisation: write a picture of a trained texture generator (bark, or a .keras file of train.py) "
        f"to --output; takes {', '.join(option(name) for name in SAMPLING)}",
    )
    add_live_view_arguments(parser)
    return parser


def _add_frame_options(add: _Adder) -> None:
    add("count", "-c", "frames made at once", int)
    add("if_weight", None, "weight of the inter-frame loss", float)
    add("if_shift", None, "pixels of shift by which neighbouring frames shall seem to differ", float)
    add("if_order", None, "how many neighbours of each frame are kept at a distance", int)
    add("if_distance_type", None, "distance of frames: root mean square, or of Laplacian pyramids")
    add("if_octaves", None, "octaves of the distance, at most --octaves", int)


class _Adder:
    """Adds arguments with the defaults of the settings."""

    def __init__(self, parser: ArgumentParser) -> None:
        self.parser = parser
        self.defaults = defaults_of(SynthesisSettings)

    def __call__(
        self, name: str, short: str | None, help: str, kind: Callable[[str], Any] = str, metavar: str | None = None
    ) -> None:
        default = self.defaults[name]
        flags = [option(name)] if short is None else [option(name), short]
        self.parser.add_argument(
            *flags,
            type=kind,
            metavar="|".join(CHOICES[name]) if name in CHOICES else metavar,
            default=default,
            help=help if default is None else f"{help} (default: {default})",
        )


def read_settings(arguments: argparse.Namespace) -> SynthesisSettings:
    """Return the settings that the arguments ask for."""
    values = without_live_view(arguments)
    for name in ("preset", "resume", "generator"):
        del values[name]
    for name in ("source", "layers", "guide"):
        values[name] = values[name] and tuple(values[name])
    return SynthesisSettings(**values)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments; a preset gives the defaults of those that are not given."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.resume is not None:
        _refuse_others(parser, arguments, ("resume",), "--resume goes on with the settings of its run")
    if arguments.generator is not None:
        _refuse_others(parser, arguments, ("generator", *SAMPLING), "--generator has no optimisation to set")
    if arguments.preset is None:
        return arguments
    if arguments.preset not in PRESETS:
        raise ArgumentError(unknown_name("--preset", arguments.preset, PRESETS))
    parser.set_defaults(**PRESETS[arguments.preset])
    return parser.parse_args(argv)


def _refuse_others(
    parser: ArgumentParser, arguments: argparse.Namespace, allowed: Collection[str], reason: str
) -> None:
    """Raise ArgumentError where arguments are given that are not `allowed`."""
    values = without_live_view(arguments)
    given = [name for name, value in values.items() if value != parser.get_default(name)]
    others = [option(name) for name in given if name not in allowed]
    if others:
        raise ArgumentError(f"{reason}: leave out {' '.join(others)}")


def sample(arguments: argparse.Namespace) -> int:
    """Write pictures of a trained generator and return the exit code."""
    if arguments.output is None:
        raise ArgumentError("--generator needs --output FILE")
    values = {name: getattr(arguments, name) for name in SAMPLING}
    for path in sample_textures(arguments.generator, **values):
        print(f"wrote {path}")
    return 0


def print_report(report: SynthesisReport) -> None:
    """Print what a run did."""
    print(
        f"{report.message} ({report.iterations} iterations, {report.evaluations} evaluations, {report.seconds:.1f} s)"
    )
    print(f"loss of the saved picture: {report.loss:.6g}")
    for name, value in report.terms.items():
        print(f"  {name}: {value:.6g}")
    print(f"wrote {report.folder}: {', '.join(path.name for path in report.pictures)}")


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments ask for and return the exit code."""
    arguments = parse(argv)
    if arguments.generator is not None:
        return sample(arguments)
    if arguments.resume is None:
        job = partial(synthesize, read_settings(arguments))
    else:
        job = partial(resume, arguments.resume)
    with live_view(NAME, arguments) as views:
        with ProgressBar() as bar:
            report = job([bar, *views])
        print_report(report)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
