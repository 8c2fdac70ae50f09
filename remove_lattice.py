"""Takes the lattice that upsampling leaves in a generator's pictures out of its last convolution."""

from __future__ import annotations

from runtimes.interruption import exit_on_signals
from runtimes.missing import tell_missing_packages

if __name__ == "__main__":
    exit_on_signals()
    tell_missing_packages()

import sys
from collections.abc import Sequence

from choices import DTYPES
from pipelines.command_line import ArgumentParser, defaults_of, run_script
from pipelines.lattice import remove_lattice_from_file
from runtimes.terminal import printable

NAME = "remove_lattice.py"
EPILOG = """Networks that enlarge their maps, by transposed convolutions or by nearest neighbours, leave a faint pattern
of 2, 4 or 8 pixels in all their pictures. Here the weights of the last convolution are changed so that this pattern
becomes much weaker, and the pictures change as little as possible otherwise, usually by one or two of 255 levels. It
is a least-squares problem and takes about a minute; nothing is trained."""


def make_parser() -> ArgumentParser:
    """Return the parser of the command line; its defaults are those of `remove_lattice_from_file`."""
    defaults = defaults_of(remove_lattice_from_file)
    parser = ArgumentParser(prog=NAME, description=__doc__, epilog=EPILOG)
    parser.add_argument(
        "--input", required=True, metavar="MODEL", help="an included model, or a .keras file, for pictures or textures"
    )
    parser.add_argument("--output", required=True, metavar="FILE.keras", help="file to write")
    parser.add_argument(
        "--data",
        metavar="FOLDER",
        default=defaults["data"],
        help="folder of photos like those that the network was trained on, with its subfolders; 48 are used, for each "
        "style; not for textures",
    )
    parser.add_argument(
        "--strength",
        type=float,
        metavar="FLOAT",
        default=defaults["strength"],
        help="how much the pattern counts beside the change of the pictures (default: %(default)s)",
    )
    parser.add_argument(
        "--dtype",
        metavar="|".join(DTYPES),
        default=defaults["dtype"],
        help="storage type of the weights (default: %(default)s)",
    )
    return parser


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments ask for and return the exit code."""
    arguments = make_parser().parse_args(argv)
    report = remove_lattice_from_file(**vars(arguments))
    print(f"pattern left: {report.pattern.left:.0%} of the original one, on {report.pattern.pictures} pictures")
    print(f"{printable(arguments.output)}: {report.bytes / 1e6:.2f} MB")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
