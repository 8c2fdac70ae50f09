"""Trains a feed-forward generator: a style of your own from one picture, or an endless texture."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from errors import ArgumentError
from pipelines.command_line import ArgumentParser, defaults_of, run_script
from pipelines.training.settings import (
    DECAYS,
    LOSS_SCALINGS,
    MODES,
    NORMALIZATIONS,
    PRECISIONS,
    TrainingSettings,
    option,
)
from pipelines.training.train import TrainingReport, train_generator
from runs.live_view import add_live_view_arguments, live_view, without_live_view

NAME = "train.py"
EPILOG = """The result is generator.keras in the folder of checkpoints, for stylize_tensorflow.py and the rest; beside
it stand the last three checkpoints, history.csv and previews. Losses are relative to their targets' sizes: weights of
1 mean the same for every style. A good start for a style: --style-weight 5 --precision bfloat16."""


def names(text: str) -> tuple[str, ...]:
    """Return the comma-separated names in `text`."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def numbers(text: str) -> tuple[float, ...]:
    """Return the comma-separated numbers in `text`."""
    try:
        return tuple(float(number) for number in names(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 1,0.5,2") from error


def make_parser() -> ArgumentParser:
    """Return the parser of the command line; its defaults are those of `TrainingSettings`."""
    defaults = defaults_of(TrainingSettings)
    parser = ArgumentParser(prog=NAME, description=__doc__, epilog=EPILOG)

    def add(name: str, help: str, kind: Callable[[str], Any] = str, metavar: str | None = None) -> None:
        default = defaults.get(name)
        shown = ",".join(default) if isinstance(default, tuple) else default
        suffix = "" if default is None else f" (default: {shown})"
        parser.add_argument(option(name), type=kind, metavar=metavar, default=default, help=help + suffix)

    add("data", "photos to train on, nested or flat; not needed for a texture", metavar="FOLDER")
    add("style_image", "picture whose style or texture is learned", metavar="FILE")
    add("mode", "what is learned", metavar="|".join(MODES))
    add("model", "the generator: hourglass, johnson, pyramid or skip_unpool")
    add("normalization", "of the generator", metavar="|".join(NORMALIZATIONS))
    add("initial_generator", "begin with the weights of this one instead of new ones", metavar="NAME_OR_FILE")
    add("style_size", "resize the style picture's longer side to this many pixels, 0 keeps it", int)
    add("image_size", "side of the crops trained on, in pixels", int)
    add("batch_size", "pictures a step", int)
    add("learning_rate", "Adam's at the start", float)
    add("learning_rate_decay", "times 0.8 every 2000 iterations, or half a cosine", metavar="|".join(DECAYS))
    add("num_iterations", "steps in all", int)
    add("content_layers", "VGG-19 layers whose activations are kept", names, "LAYER,...")
    add("style_layers", "VGG-19 layers whose Gram matrices are matched", names, "LAYER,...")
    add("style_layer_weights", "a weight for each style layer (default: 1 each)", numbers, "NUMBER,...")
    for term in ("content", "style", "tv", "diversity"):
        add(f"{term}_weight", WEIGHT_HELP[term], float)
    add("loss_scaling", "relative to targets, or the old Torch7 trainer's", metavar="|".join(LOSS_SCALINGS))
    add("pyramid_loss", "number of scales, each half as fine, at which style and content are compared", int)
    add("pyramid_decay", "factor of a scale's losses beside the next finer one's", float)
    parser.add_argument("--vgg-no-pad", action="store_true", help="no padding in VGG-19's convolutions")
    add("noise_depth", "planes of noise (default: 3 for a texture, none for a style)", int)
    add("save_every", "iterations from one checkpoint and preview to the next", int)
    add("checkpoints_path", "folder of the checkpoints and the result", metavar="FOLDER")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint, if there is one")
    add("seed", "of weights, crops and noise", int)
    add("threads", "that read photos", int)
    add("precision", "what is computed in; weights stay float32", metavar="|".join(PRECISIONS))
    add("weights", "VGG-19's weights (default: found or downloaded)", metavar="FILE")
    add("data_dir", "folder in which VGG-19's weights are looked for", metavar="FOLDER")
    add("log_dir", "write TensorBoard logs into this folder", metavar="FOLDER")
    add_live_view_arguments(parser)
    return parser


WEIGHT_HELP = {
    "content": "of the content term",
    "style": "of the style term",
    "tv": "of the total variation, which smooths",
    "diversity": "of the term that keeps texture samples different (batches of 2 and more)",
}


def print_report(report: TrainingReport) -> None:
    """Print what a run did."""
    resumed = f" (went on from {report.resumed_from})" if report.resumed_from else ""
    print(f"trained {report.iterations} iterations{resumed} in {report.seconds:.0f} s: {report.generator}")
    if report.unreadable:
        print(f"left out {report.unreadable} files of the data folder that cannot be read")


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments ask for and return the exit code."""
    arguments = make_parser().parse_args(argv)
    if arguments.style_image is None:
        raise ArgumentError("--style-image is needed")
    settings = TrainingSettings(**without_live_view(arguments))
    with live_view(NAME, arguments) as views:
        print_report(train_generator(settings, views))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
