"""Stylises pictures with an exported model: a SavedModel folder, a .tflite file or an .onnx file, also of others.

It needs only the folders images/ and runtimes/ of this program, and the runtime of the model, so that it can be copied
to a server.
"""

from __future__ import annotations

from runtimes.interruption import INTERRUPTED, exit_on_signals
from runtimes.missing import tell_missing_packages

if __name__ == "__main__":
    exit_on_signals()
    tell_missing_packages()

import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from images.errors import ImageError, ImageWarning, is_disk_full
from images.folders import address_of, list_pictures, output_names, why_no_file, why_not_creatable, why_not_replaceable
from images.formats import READABLE_SUFFIXES, WRITABLE_FORMATS
from runtimes.pictures.arguments import parser_of
from runtimes.terminal import (
    ArgumentParser,
    RunError,
    prepare_standard_streams,
    printable,
    reason_of,
    say,
    signals_as_interrupts,
    tell,
)

if TYPE_CHECKING:
    import numpy as np

    from images.picture import Picture
    from runtimes.pictures.graph import PictureGraph
    from runtimes.pictures.reference import Reference

NAME = "stylize_tensorflow_graph.py"


def load_graph(
    path: Path,
    style: Sequence[str] = (),
    runtime: str | None = None,
    image_io: Sequence[str] = ("unit",),
    reference: Reference | None = None,
) -> PictureGraph:
    """Load a model of pictures into `runtime`, with its style where it has several or takes any.

    Raises:
        RunError: there is none, it cannot be loaded, it takes something else than pictures, or the style does not fit.
    """
    from runtimes.graph import GraphError
    from runtimes.loading import runtimes_of
    from runtimes.pictures.graph import load_picture_graph
    from runtimes.pictures.image_io import CONVENTIONS, MAX_CONVENTIONS
    from runtimes.styles import StyleError, parse_weights

    _check_model("model", path)
    if runtime is not None and runtime not in runtimes_of(path):
        raise RunError(f"--runtime {runtime}: {path} runs in {' or '.join(runtimes_of(path))}", exit_code=2)
    if not 1 <= len(image_io) <= MAX_CONVENTIONS or not set(image_io) <= set(CONVENTIONS):
        wanted = f"one or two of {', '.join(CONVENTIONS)}"
        raise RunError(f"--image-io {' '.join(image_io)}: must be {wanted}", exit_code=2)
    try:
        return load_picture_graph(path, parse_weights(style), runtime, image_io, reference)
    except StyleError as error:
        raise RunError(f"--style: {error}", exit_code=2) from error
    except GraphError as error:
        raise RunError(f"--model {error}") from error


def _check_model(name: str, path: Path) -> None:
    from runtimes.loading import is_loadable

    if not os.path.lexists(path):
        raise RunError(f"--{name} {path}: no such file or folder", exit_code=2)
    if not is_loadable(path):
        raise RunError(f"--{name} {path}: not a SavedModel folder, .tflite file or .onnx file", exit_code=2)


def read_reference(image: str | None, model: str | None, image_io: Sequence[str]) -> Reference | None:
    """Return the style picture and the model that computes what is taken of it.

    Raises:
        RunError: there is no such model or picture, or a model without a picture.
    """
    from images.resizing import read_style
    from runtimes.pictures.reference import Reference

    if model is not None:
        _check_model("style-model", Path(model))
        if image is None:
            raise RunError("--style-model is for the picture of --style-image, which is missing", exit_code=2)
    if image is None:
        return None
    if reason := why_no_file(Path(image)):
        raise RunError(f"--style-image {reason}", exit_code=2)
    return Reference(partial(read_style, Path(image)), None if model is None else Path(model), image_io)


@dataclass(frozen=True)
class Plan:
    """What to do: (source, target) of each picture, and why some entries of the folders are none."""

    jobs: list[tuple[Path, Path]]
    unreadable: list[str]


def plan(inputs: Sequence[Path], output: str) -> Plan:
    """Return which file each picture goes to.

    Raises:
        RunError: an input does not exist or holds no pictures, or the output does not fit the inputs.
    """
    sources, unreadable = _find_pictures(inputs)
    target = Path(output)
    if reason := why_not_creatable(target):
        raise RunError(f"--output {reason}", exit_code=2)
    if target.is_dir() or output.endswith(os.sep):
        jobs = _jobs_in(target, sources)
    elif len(inputs) == 1 and inputs[0].is_file():
        jobs = [(sources[0], _writable(target))]
    elif os.path.lexists(target) or target.suffix.lower() in READABLE_SUFFIXES:
        raise RunError(
            f"--output {output}: must be a folder, because there are several inputs or a folder", exit_code=2
        )
    else:
        jobs = _jobs_in(target, sources)
    _check_targets(jobs)
    return Plan(jobs, unreadable)


def _find_pictures(inputs: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Return the pictures among the inputs and in their folders, and why some entries of the folders are none."""
    sources: list[Path] = []
    unreadable: list[str] = []
    for path in inputs:
        if not os.path.lexists(path):
            raise RunError(f"--input {path}: no such file or folder", exit_code=2)
        if path.is_dir():
            listing = list_pictures(path)
            if not (listing.pictures or listing.unreadable):
                raise RunError(f"--input {path}: no pictures in this folder", exit_code=2)
            sources += listing.pictures
            unreadable += listing.unreadable.values()
        elif reason := why_no_file(path):
            raise RunError(f"--input {reason}", exit_code=2)
        else:
            sources.append(path)
    return list(dict.fromkeys(sources)), unreadable


def _writable(target: Path) -> Path:
    if target.suffix.lower() not in WRITABLE_FORMATS:
        raise RunError(f"--output {target}: must end in one of {', '.join(WRITABLE_FORMATS)}", exit_code=2)
    if not target.absolute().parent.is_dir():
        raise RunError(f"--output {target}: there is no folder {target.parent}", exit_code=2)
    return target


def _check_targets(jobs: Sequence[tuple[Path, Path]]) -> None:
    sources = {os.path.realpath(source) for source, _ in jobs}
    writers: dict[str, Path] = {}
    for source, target in jobs:
        place = os.path.realpath(target)
        if place in sources or place in writers:
            others = f" ({writers[place]} and {source})" if place in writers else ""
            raise RunError(f"--output {target}: an input or the output of another input{others}", exit_code=2)
        writers[place] = source
        if reason := why_not_replaceable(target):
            raise RunError(f"--output {target} {reason}", exit_code=2)


def _jobs_in(folder: Path, sources: Sequence[Path]) -> list[tuple[Path, Path]]:
    names = output_names([Path(source.name) for source in sources])
    return [(source, folder / name) for source, name in zip(sources, names, strict=True)]


def stylize(picture: Picture, graph: PictureGraph) -> Picture:
    """Return `picture` stylised, with its alpha; of its size, or of as many times that as the model enlarges pictures.

    Raises:
        GraphError: the model fails on it, or returns something else than such a picture.
    """
    from images.picture import Picture
    from images.resizing import resize
    from runtimes.pictures.fitting import fitting_size, mirrored, run_at_any_size

    if graph.size is None:
        stylized = run_at_any_size(partial(_run, graph), picture.pixels, say)
    else:
        height, width = fitting_size(picture.height, picture.width, graph.size)
        answer = _run(graph, mirrored(resize(picture.pixels, height, width), graph.size))
        scale = answer.shape[0] // graph.size[0]
        visible = answer[: scale * height, : scale * width]
        stylized = resize(visible, scale * picture.height, scale * picture.width)
    return Picture(stylized, None if picture.alpha is None else resize(picture.alpha, *stylized.shape[:2]))


def _run(graph: PictureGraph, pixels: np.ndarray) -> np.ndarray:
    """Return the model's answer to `pixels` (height, width, 3), perhaps larger, clipped to [0, 1]."""
    from images.picture import warn_of_range

    answer = graph.run(pixels[None])[0]
    warn_of_range(answer)
    return answer.clip(0, 1)


def stylize_file(source: Path, target: Path, graph: PictureGraph) -> None:
    """Stylise one file, and tell where the picture had to be fitted to the model.

    Raises:
        GraphError: the model fails.
        ImageError: a picture cannot be read or written.
    """
    from images.reading import open_picture
    from images.writing import keeps_depth, write_deep_tiff, write_image
    from runtimes.pictures.fitting import fitting_steps

    content = open_picture(source)
    picture = content.picture()
    if graph.size not in (None, (picture.height, picture.width)):
        say(f"{printable(source.name)}: {fitting_steps(picture.height, picture.width, graph.size)}")
    stylized = stylize(picture, graph)
    target.parent.mkdir(parents=True, exist_ok=True)
    write = write_deep_tiff if keeps_depth(target, content.bits) else write_image
    write(target, stylized.pixels, alpha=stylized.alpha, metadata=content.metadata)


def stylize_all(planned: Plan, graph: PictureGraph) -> int:
    """Stylise all files and return the exit code; one that fails is told and stops the others only on a full disk."""
    from images.temporary_files import remove_stale
    from runtimes.graph import GraphError

    for folder in {target.parent for _, target in planned.jobs}:
        remove_stale(folder)
    failures = list(planned.unreadable)
    start = perf_counter()
    written = 0
    for source, target in planned.jobs:
        try:
            stylize_file(source, target, graph)
            written += 1
        except (GraphError, ImageError, OSError, MemoryError) as error:
            reason = reason_of(error) or type(error).__name__
            failures.append(reason if str(source) in reason else f"{source}: {reason}")
            if is_disk_full(error):  # every other would be stylised in vain
                break
    for failure in failures:
        _tell(f"error: {failure}")
    count = len(planned.jobs) + len(planned.unreadable)
    say(f"stylised {written} of {count} in {perf_counter() - start:.2f} s")
    return 1 if failures else 0


def _tell(message: str) -> None:
    tell(f"{NAME}: {' '.join(message.split())}")


def make_parser() -> ArgumentParser:
    """Return the parser of the arguments."""
    return parser_of(NAME, str(__doc__))


def run(argv: Sequence[str] | None) -> int:
    """Do what the arguments ask for and return the exit code."""
    parser = make_parser()
    arguments = parser.parse_args(argv)
    values = arguments.image_io
    single = ("output", "model", "style_image", "style_model")
    places = [(name, [value]) for name in single if (value := getattr(arguments, name)) is not None]
    for option, texts in (("input", arguments.input), *places, ("style", arguments.style), ("image-io", values)):
        name = option.replace("_", "-")
        # Empty, it would be the working directory; of `--option=--` argparse makes an empty list.
        if "" in texts or [] in (texts, *texts):
            raise RunError(f"--{name} is empty", exit_code=2)
        if address := next(filter(None, map(address_of, texts)), None):
            raise RunError(
                f"--{name} {address}: not a local path; only files of this machine are used",
                exit_code=2,
            )
    planned = plan([Path(text) for text in arguments.input], arguments.output)
    reference = read_reference(arguments.style_image, arguments.style_model, values)
    graph = load_graph(Path(arguments.model), arguments.style, arguments.runtime, values, reference)
    return stylize_all(planned, graph)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with the given arguments (default: the command line's) and return its exit code.

    Exit codes: 2 for bad arguments, 1 for a failed run, 130 after Ctrl-C, SIGTERM or SIGHUP.
    """
    prepare_standard_streams()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of libraries say nothing to users
        warnings.simplefilter("always", ImageWarning)
        warnings.showwarning = lambda message, *_, **__: _tell(f"warning: {message}")
        try:
            with signals_as_interrupts():
                return run(argv)
        except KeyboardInterrupt:
            _tell("interrupted")
            return INTERRUPTED
        except (RunError, ImageError, OSError) as error:
            _tell(f"error: {reason_of(error)}")
            return getattr(error, "exit_code", 1)


if __name__ == "__main__":
    sys.exit(main())
