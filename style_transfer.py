"""Repaints a picture in the style of others: multi-scale optimisation of the pixels."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pipelines.command_line import ArgumentParser, defaults_of, run_script
from pipelines.transfer.bar import TransferBar
from pipelines.transfer.settings import CHOICES, CONTENT_LAYERS, INITS, STYLE_LAYERS, TransferSettings, option
from pipelines.transfer.transfer import TransferReport, transfer
from runs.live_view import add_live_view_arguments, live_view, without_live_view

NAME = "style_transfer.py"
EPILOG = """trace.json beside the output holds the arguments and every iterate. A quick first try: style_transfer.py
photo.jpg painting.jpg -o out.png -s 256 -ii 200 -i 100."""


def make_parser() -> ArgumentParser:
    """Return the parser of the command line; its defaults are those of `TransferSettings`."""
    parser = ArgumentParser(prog=NAME, description=__doc__, epilog=EPILOG)
    add = _Adder(parser)
    parser.add_argument("content", metavar="CONTENT", help="picture that shall be repainted")
    parser.add_argument("styles", nargs="+", metavar="STYLE", help="pictures in whose style")
    add("output", "-o", "the result; .png, .jpg, .webp, or .tif with 16 bits", metavar="FILE")
    add("style_weights", "-sw", "one for each style (default: all the same)", float, nargs="+", metavar="WEIGHT")
    add("devices", None, "one device, or two that share the descriptor, such as gpu:0 gpu:1", nargs="+", metavar="NAME")
    add("random_seed", "-r", "of the first picture", int)
    add("content_weight", "-cw", "of the content", float)
    add("tv_weight", "-tw", "of smoothness (L2 total variation)", float)
    add("optimizer", None, "Adam, or L-BFGS")
    add("min_scale", "-ms", "longer side of the smallest scale", int)
    add("end_scale", "-s", "longer side of the result; 512+: with the area of 512 x 512")
    add("iterations", "-i", "of every scale but the first", int)
    add("initial_iterations", "-ii", "of the first scale", int)
    add("save_every", None, "iterations from one saved picture to the next", int)
    add("step_size", "-ss", "of Adam", float)
    add("avg_decay", "-ad", "of the running average over iterates, which is the result", float)
    add("init", None, f"first picture: {', '.join(INITS)}, or a file", metavar="NAME|FILE")
    add("style_scale_fac", None, "longer side of the styles over that of the result", float)
    add("style_size", None, "longer side of the styles at every scale", int)
    add("style_loss", None, "what makes up style: means and covariances, or Gram matrices")
    add("content_layers", None, f"LAYER or LAYER=WEIGHT (default: {' '.join(CONTENT_LAYERS)})", nargs="+")
    add("style_layers", None, f"LAYER or LAYER=WEIGHT (default: {' '.join(STYLE_LAYERS)})", nargs="+")
    parser.add_argument(
        "--mask",
        nargs=2,
        action="append",
        default=[],
        dest="masks",
        metavar=("CONTENT_MASK", "STYLE_MASK"),
        help="once for each style: pictures that are light where its part of the content and of the style lie",
    )
    parser.add_argument("--keep-colors", action="store_true", help="give the result the content's colours")
    add("proof", None, "CMYK profile: reduce content and styles to the colours of a press", metavar="ICC_PROFILE")
    add("descriptor", None, "network whose features are compared; random needs no weights")
    add("pooling", None, "of the descriptor")
    add("weights", None, "the descriptor's weights (default: found or downloaded)", metavar="FILE")
    add("data_dir", None, "folder in which the descriptor's weights are looked for", metavar="FOLDER")
    add("precision", None, "of the descriptor; bfloat16 is faster where the processor has it")
    parser.add_argument("--resume", action="store_true", help="go on with the interrupted run of the same command")
    add_live_view_arguments(parser)
    return parser


class _Adder:
    """Adds arguments with the defaults of the settings."""

    def __init__(self, parser: ArgumentParser) -> None:
        self.parser = parser
        self.defaults = defaults_of(TransferSettings)

    def __call__(
        self, name: str, short: str | None, help: str, kind: Callable[[str], Any] = str, **options: Any
    ) -> None:
        default = self.defaults[name]
        if name in CHOICES:
            options["metavar"] = "|".join(CHOICES[name])
        flags = [option(name)] if short is None else [option(name), short]
        help = f"{help} (default: {default})" if default not in (None, ()) else help
        self.parser.add_argument(*flags, type=kind, default=default, help=help, **options)


def read_settings(values: dict[str, Any]) -> TransferSettings:
    """Return the settings that the arguments' values ask for."""
    return TransferSettings(**{name: _frozen(value) for name, value in values.items() if name != "resume"})


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def print_report(report: TransferReport) -> None:
    """Print what a run did."""
    print(f"{report.iterations} iterations, {report.seconds:.1f} s, loss {report.loss:.5g}")
    for name, value in report.terms.items():
        print(f"  {name}: {value:.5g}")
    print(f"wrote {report.output}: {report.size[1]} x {report.size[0]}")


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments ask for and return the exit code."""
    arguments = make_parser().parse_args(argv)
    settings = read_settings(without_live_view(arguments))
    with live_view(NAME, arguments) as viewers, TransferBar() as bar:
        report = transfer(settings, [bar, *viewers], resume=arguments.resume, note=partial(print, file=sys.stderr))
    print_report(report)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
