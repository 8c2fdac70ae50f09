"""Stylises pictures and films with a trained network (.keras): files or whole folders, with the model loaded once."""

from __future__ import annotations

from runtimes.interruption import exit_on_signals
from runtimes.missing import tell_missing_packages

if __name__ == "__main__":
    exit_on_signals()
    tell_missing_packages()

import argparse
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errors import ArgumentError, counted
from options import options_of, refuse
from pipelines.command_line import (
    ArgumentParser,
    add_options,
    defaults_of,
    refuse_others,
    run_script,
    values_of,
    with_flags,
)
from pipelines.memory_bound import parse_memory
from pipelines.model_library import described_models
from pipelines.stylization.film.settings import FilmSettings
from pipelines.stylization.settings import StylizationSettings, parse_styles
from pipelines.stylization.stylize import stylize_files
from runtimes.terminal import printable, tell

if TYPE_CHECKING:
    from pipelines.cluster.pictures import ClusterReport
    from pipelines.stylization.film.stylize import FilmReport
    from pipelines.stylization.run import StylizationReport

NAME = "stylize_tensorflow.py"
FILM_OPTIONS = [name for name, _, _ in options_of(FilmSettings)]
EPILOG = """Reads JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF and HEIC, with palettes, CMYK, 16 bits, transparency, EXIF
orientation and ICC profiles. Writes JPEG, PNG, WebP or TIFF according to the suffix of the output, in sRGB and 8 bits
(16 bits from 16-bit TIFF to TIFF). Transparency is kept except in JPEG; EXIF data and resolution are kept. Large
pictures go through the network in strips, with the same result: the memory needed is printed, and --memory limits
it. A film is a video (.mp4, .mov, .mkv, .webm), an animated GIF or WebP, or numbered frames (frames/%06d.png). Sound,
subtitles, chapters and timestamps are kept. After an interruption the same command resumes the film."""


def make_parser() -> ArgumentParser:
    """Return the parser of the command line; its defaults are those of the settings and of `stylize_files`."""
    defaults = defaults_of(stylize_files)
    parser = ArgumentParser(prog=NAME, description=__doc__, epilog=EPILOG)
    _add_files(parser, defaults)
    _add_look(parser)
    _add_memory(parser, defaults)
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace existing outputs; those in a folder are skipped otherwise, so that the same command resumes",
    )
    add_options(parser.add_argument_group("films"), FilmSettings)
    _add_cluster_arguments(parser)
    parser.add_argument("--list-models", action="store_true", help="print the names of the included models")
    return parser


def _add_files(parser: ArgumentParser, defaults: Mapping[str, Any]) -> None:
    parser.add_argument(
        "--input",
        nargs="+",
        metavar="FILE_OR_FOLDER",
        help="pictures, and folders of pictures with their subfolders; or one film",
    )
    parser.add_argument(
        "--output",
        metavar="FILE_OR_FOLDER",
        help="a file for one picture or film; a folder for several (also for one, if it exists or the name ends in "
        "a slash); the subfolders of an input folder are kept",
    )
    parser.add_argument(
        "--model",
        metavar="NAME_OR_PATH",
        default=defaults["model"],
        help="a .keras file, or a name that --list-models prints (default: %(default)s)",
    )


def _add_look(parser: ArgumentParser) -> None:
    add_options(parser, StylizationSettings)
    parser.add_argument(
        "--style",
        nargs="+",
        metavar="NAME=WEIGHT",
        default=(),
        help="styles to blend, for a network with several styles; NAME alone has weight 1",
    )
    parser.add_argument(
        "--mask",
        dest="masks",
        nargs="+",
        metavar="FILE",
        default=(),
        help="pictures that are white where a style is applied: one for each of --style, or one for a network with one "
        "style; where no mask is white the picture is unchanged",
    )


def _add_memory(parser: ArgumentParser, defaults: Mapping[str, Any]) -> None:
    parser.add_argument(
        "--memory",
        metavar="SIZE",
        default=defaults["memory"],
        help="memory that the program may take, such as 4GB; larger pictures are processed in strips, with the same "
        "result (default: half of the free memory)",
    )


def _add_cluster_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("several machines (docs/cluster.md)")
    group.add_argument(
        "--cluster",
        metavar="local|ADDRESS",
        help="distribute the work over the workers of a Ray cluster: local starts one here, auto or HOST:6379 uses an "
        "existing one; inputs and outputs may then be buckets (s3://, gs://)",
    )
    group.add_argument(
        "--worker-cpus",
        type=int,
        metavar="THREADS",
        default=1,
        help="processor threads per worker; clusters with GPUs have one worker per GPU (default: %(default)s)",
    )


def print_models() -> int:
    """Print the models included with the program, one per line."""
    print(*described_models(), sep="\n")
    return 0


def print_report(report: StylizationReport, arguments: argparse.Namespace) -> int:
    """Print what a run did and return its exit code."""
    count = len(report.written)
    if report.load_seconds:
        print(f"loaded {printable(arguments.model)} in {report.load_seconds:.2f} s")
    if count:
        seconds = report.stylize_seconds
        print(
            f"stylised {counted(count, 'picture')} ({report.megapixels:.2f} megapixels) "
            f"in {seconds:.2f} s: {seconds / count:.2f} s a picture, {seconds / report.megapixels:.2f} s a megapixel "
            f"(reading and writing: {report.file_seconds:.2f} s)"
        )
    return print_left_out(report.films, len(report.skipped), report.failed.values())


def print_left_out(films: Sequence[object], skipped: int, reasons: Collection[str]) -> int:
    """Print what was left out, how many pictures were skipped and why others failed; return the exit code.

    It is 1 where some failed.
    """
    if films:
        first = printable(str(films[0]))
        hint = "films cannot be in buckets" if "://" in first else "to be given by name"
        print(f"left out {counted(len(films), 'film')}, {hint}: {first}")
    if skipped:
        print(f"skipped {counted(skipped, 'picture')} with an existing output (--overwrite replaces it)")
    for reason in reasons:
        tell(f"{NAME}: error: {with_flags(' '.join(reason.split()))}")
    return 1 if reasons else 0


def is_film_command(inputs: Sequence[str], output: str) -> bool:
    """Say whether a film is asked for; a GIF that moves becomes a picture where the output is one.

    Where the output is a film, so is an input that is not called like a picture.

    Raises:
        ArgumentError: there is a film among several inputs.
    """
    from film.formats import is_animation, is_film, is_film_name

    becomes_film = is_film_name(output)
    films = [path for path in inputs if is_film(path) or (becomes_film and _may_be_film(path))]
    if films and len(inputs) > 1:
        raise ArgumentError(f"`input` {films[0]} is a film: films are stylised one at a time")
    return bool(films) and (becomes_film or not is_animation(films[0]))


def _may_be_film(path: str) -> bool:
    from images.folders import why_no_file
    from images.formats import READABLE_SUFFIXES

    return why_no_file(Path(path)) is None and Path(path).suffix.lower() not in READABLE_SUFFIXES


def look_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what is asked for of each picture or frame, as `StylizationSettings` and `stylize_files` take it."""
    options = values_of(arguments, StylizationSettings)
    return options | {"style": parse_styles(arguments.style), "masks": tuple(arguments.masks)}


def run_film(arguments: argparse.Namespace) -> int:
    """Stylise a film, show how far it is, and return the exit code."""
    from pipelines.stylization.film.stylize import stylize_film
    from pipelines.stylization.rate_bar import rate_bar

    look = StylizationSettings(**look_options(arguments))
    settings = FilmSettings(look, **values_of(arguments, FilmSettings))
    stylize = stylize_film if arguments.cluster is None else _cluster_film(arguments)
    with rate_bar("frames") as observe:
        report = stylize(
            arguments.input[0],
            arguments.output,
            settings,
            model=arguments.model,
            overwrite=arguments.overwrite,
            observe=observe,
            note=tell,
        )
    return print_film_report(report)


def _cluster_film(arguments: argparse.Namespace) -> Callable[..., FilmReport]:
    from pipelines.cluster.film import stylize_film_on_cluster

    return partial(stylize_film_on_cluster, cluster=arguments.cluster, worker_cpus=arguments.worker_cpus)


def print_film_report(report: FilmReport) -> int:
    """Print what a run did and return the exit code: 1 where frames were broken."""
    rate = report.frames / report.seconds if report.seconds else 0.0
    print(
        f"wrote {printable(str(report.output))}: {counted(report.frames, 'frame')} in "
        f"{report.seconds:.1f} s, {rate:.2f} a second"
    )
    for line in report.notes:
        tell(f"{NAME}: warning: {line}")
    for seconds in report.broken:
        tell(f"{NAME}: error: the frame at {seconds:.2f} s is broken or missing; its neighbour is shown instead")
    return 1 if report.broken else 0


def run_cluster(arguments: argparse.Namespace) -> int:
    """Stylise pictures on the machines of a cluster, and return the exit code."""
    from pipelines.cluster.pictures import stylize_on_cluster
    from pipelines.stylization.rate_bar import rate_bar

    look = StylizationSettings(**look_options(arguments), memory=parse_memory(arguments.memory))
    with rate_bar("pictures") as observe:
        report = stylize_on_cluster(
            arguments.input,
            arguments.output,
            look,
            cluster=arguments.cluster,
            model=arguments.model,
            worker_cpus=arguments.worker_cpus,
            overwrite=arguments.overwrite,
            observe=observe,
            note=tell,
        )
    return print_cluster_report(report)


def print_cluster_report(report: ClusterReport) -> int:
    """Print what a run did and return the exit code: 1 where pictures failed."""
    if report.written:
        print(
            f"stylised {counted(report.written, 'picture')} "
            f"({report.megapixels:.2f} megapixels) in {report.seconds:.1f} s with room for "
            f"{counted(report.workers, 'worker')}: "
            f"{report.network_seconds / report.written:.2f} s of the network a picture "
            f"(reading and writing: {report.file_seconds / report.written:.2f} s)"
        )
    return print_left_out(report.films, report.skipped, report.failed.values())


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments ask for and return the exit code."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.list_models:
        refuse_others(parser, arguments, ("list_models",), "`list_models` only prints names")
        return print_models()
    for name in ("input", "output"):
        if getattr(arguments, name) is None:
            raise ArgumentError(f"`{name}` is needed")
    if arguments.cluster is None and arguments.worker_cpus != parser.get_default("worker_cpus"):
        raise ArgumentError("`worker_cpus` needs `cluster`")
    if arguments.cluster is not None and arguments.masks:
        raise ArgumentError("`mask` cannot be used with `cluster`, whose workers do not have its files")
    if is_film_command(arguments.input, arguments.output):
        if arguments.memory is not None:
            raise ArgumentError("`memory` is for pictures; the frames of a film are not split into strips")
        return run_film(arguments)
    refuse(FilmSettings(**values_of(arguments, FilmSettings)), FILM_OPTIONS, "only for films, and `input` is none")
    if arguments.cluster is not None:
        return run_cluster(arguments)
    report = stylize_files(
        arguments.input,
        arguments.output,
        model=arguments.model,
        memory=arguments.memory,
        overwrite=arguments.overwrite,
        **look_options(arguments),
    )
    return print_report(report, arguments)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
