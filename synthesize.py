"""Makes new pictures of a texture: multi-octave Gram-matrix synthesis by optimisation."""

from __future__ import annotations

from runtimes.interruption import exit_on_signals
from runtimes.missing import tell_missing_packages

if __name__ == "__main__":
    exit_on_signals()
    tell_missing_packages()

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from errors import ArgumentError, counted
from options import check, described, option, options_of
from pipelines.command_line import ArgumentParser, add_options, note, refuse_others, run_script, spellings_of, values_of
from pipelines.materials.material import Material
from pipelines.materials.settings import MaterialSettings
from pipelines.materials.synthesize import WITHOUT, make_material
from pipelines.synthesis.sampling import sample_textures
from pipelines.synthesis.settings import PRESETS, SynthesisSettings
from pipelines.synthesis.synthesize import SynthesisReport, resume, synthesize
from runs.bar import ProgressBar, share_bar
from runs.live_view import LiveViewOptions, live_view
from runtimes.terminal import printable

NAME = "synthesize.py"
# The options that --generator takes.
SAMPLING = ("output", "output_width", "output_height", "count", "tileable", "random_seed", "memory")
# Those that --maps, --derive and --material take.
FOR_MATERIALS = {"source", "output", "preset", "maps", "derive", "material", "format", "bits"}
LIVE_VIEW = {name for name, _, _ in options_of(LiveViewOptions)}
FOR_MATERIALS |= {name for name, _, _ in options_of(SynthesisSettings)} - WITHOUT
EPILOG = """Layers are named as in the papers (relu1_1, pool1, relu3_2 ...) or numbered in VGG-19 without its input: 0
is relu1_1, 2 pool1, 7 relu3_2. Pictures, loss and state of the run are saved in a new folder in --output-dir. After
an interruption the same command resumes the run; a material is saved when it is complete, and starts over. For a quick
first try: -s pics/bricks.jpg -ow 256 -m 100."""


@described
@dataclass(frozen=True, kw_only=True)
class Command:
    """What the command line can ask for beside the options of a synthesis."""

    preset: str | None = option(
        "use the settings of a paper; options given explicitly override them", choices=tuple(PRESETS)
    )
    restart: bool = option("start over in a new folder, even if the same run was interrupted", default=False, kind=bool)
    resume: str | None = option(
        "resume the interrupted run in this folder; the only other options allowed are those of the live view, "
        "and --output, which confirms an output file outside the folder",
        metavar="FOLDER",
    )
    generator: str | None = option(
        "write samples of a trained texture generator (bark, gold_leaf, klimt_gold, plaster, roof_slates, or a .keras "
        "file of train.py) instead of optimising; "
        "takes " + ", ".join(f"--{name.replace('_', '-')}" for name in SAMPLING),
        metavar="NAME_OR_FILE",
    )

    def __post_init__(self) -> None:
        check(self)


def make_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(prog=NAME, description=__doc__, epilog=EPILOG)
    add_options(parser, SynthesisSettings)
    add_options(parser, Command)
    add_options(parser.add_argument_group("materials"), MaterialSettings)
    add_options(parser.add_argument_group("live view"), LiveViewOptions)
    return parser


def read_settings(arguments: argparse.Namespace) -> SynthesisSettings:
    """Return the settings that the arguments ask for."""
    return SynthesisSettings(**values_of(arguments, SynthesisSettings))


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments; a preset gives the defaults of those that are not given."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    command = Command(**values_of(arguments, Command))
    if command.resume is not None:
        refuse_others(
            parser, arguments, ("resume", "output", *LIVE_VIEW), "`resume` uses the settings of the interrupted run"
        )
    if command.generator is not None:
        refuse_others(parser, arguments, ("generator", *SAMPLING), "`generator` does not use optimisation")
    if material_of(arguments).is_asked_for:
        refuse_others(parser, arguments, FOR_MATERIALS | LIVE_VIEW, "materials do not support these options")
        parser.set_defaults(tileable="both")
    if command.preset is not None:
        parser.set_defaults(**PRESETS[command.preset])
    return parser.parse_args(argv)


def material_of(arguments: argparse.Namespace) -> MaterialSettings:
    """Return what the arguments ask for of a material."""
    return MaterialSettings(**values_of(arguments, MaterialSettings))


def sample(arguments: argparse.Namespace) -> int:
    """Write pictures of a trained generator and return the exit code."""
    if arguments.output is None:
        raise ArgumentError("`generator` needs `output` FILE")
    values = {name: getattr(arguments, name) for name in SAMPLING}
    with share_bar("in strips") as observe:
        paths = sample_textures(arguments.generator, observe=observe, **values)
    for path in paths:
        print(f"wrote {printable(str(path))}")
    return 0


def print_material(result: Material, files: Sequence[Path]) -> None:
    """Print the scores of a material, what of it is guessed, and its files."""
    found = result.scores
    print(f"{counted(result.iterations, 'iteration')}, {result.seconds:.1f} s")
    seams = "" if found.seam is None else f"seam {max(found.seam.values()):.2f} (1 is best), "
    print(f"{seams}repetition {found.repetition:.2f} (source {found.source_repetition:.2f})")
    print(f"distance from the source {found.distance:.3f}, correlations between maps within {found.register:.3f}")
    if result.guesses:
        print(f"guessed, not measured: {', '.join(result.guesses)}")
    print(f"wrote {printable(str(files[0].parent))}: {', '.join(path.name for path in files)}")


def print_report(report: SynthesisReport) -> None:
    """Print what a run did."""
    print(
        f"{report.message} ({counted(report.iterations, 'iteration')}, "
        f"{counted(report.evaluations, 'evaluation')}, {report.seconds:.1f} s)"
    )
    print(f"loss of the saved picture: {report.loss:.6g}")
    for name, value in report.terms.items():
        print(f"  {name}: {value:.6g}")
    print(f"wrote {printable(str(report.folder))}: {', '.join(path.name for path in report.pictures)}")
    if report.output is not None:
        print(f"wrote {printable(str(report.output))}")


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments ask for and return the exit code."""
    arguments = parse(argv)
    if arguments.generator is not None:
        return sample(arguments)
    if material_of(arguments).is_asked_for:
        return make(arguments)
    if arguments.resume is None:
        job = partial(synthesize, read_settings(arguments), restart=arguments.restart)
    else:
        job = partial(resume, arguments.resume, output=arguments.output)
    with live_view(NAME, LiveViewOptions(**values_of(arguments, LiveViewOptions))) as views:
        with ProgressBar() as bar:
            report = job([bar, *views], note=note)
        print_report(report)
    return 0


def make(arguments: argparse.Namespace) -> int:
    """Make a material and return the exit code."""
    options = {name: value for name, value in values_of(arguments, SynthesisSettings).items() if name not in WITHOUT}
    with live_view(NAME, LiveViewOptions(**values_of(arguments, LiveViewOptions))) as views:
        with share_bar("places of the maps") as show, ProgressBar() as bar:

            def observe(share: float) -> None:
                bar.close()
                show(share)

            result, files = make_material(
                material_of(arguments),
                arguments.output,
                [bar, *views],
                note=note,
                observe=observe,
                sources=arguments.source,
                **options,
            )
        print_material(result, files)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv), spellings=spellings_of(SynthesisSettings))


if __name__ == "__main__":
    sys.exit(main())
