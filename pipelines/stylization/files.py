"""Which picture goes where: from the inputs and the output of a command to a list of jobs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from errors import ArgumentError
from images.formats import READABLE_SUFFIXES, WRITABLE_FORMATS


@dataclass(frozen=True)
class Job:
    """One picture to work on: the file to read and the file to write."""

    source: Path
    target: Path


def plan_jobs(inputs: Sequence[Path], output: Path, *, overwrite: bool) -> tuple[list[Job], list[Job]]:
    """Decide before any work which file each picture goes to.

    One input file goes to the file `output`, or under its own name into the folder `output` (a folder that exists,
    or a name without suffix). Several files, and the pictures of folders, go into the folder `output`: folders
    are searched through all their sub-folders, which appear again in the output; hidden files and files that are
    not called like pictures are passed over. Formats that are read but not written (BMP, GIF) become PNG.

    Args:
        inputs: files and folders.
        output: file or folder.
        overwrite: whether an output that exists is written anew.

    Returns:
        The jobs to do, and those to skip because their outputs exist.

    Raises:
        ArgumentError: an input does not exist or holds no pictures, the output does not fit the inputs, an input
            would be overwritten, two inputs would go to one file, or the output of the only input file exists.
    """
    for path in inputs:
        if not path.exists():
            raise ArgumentError(f"--input {path}: no such file or folder")
    one_file = len(inputs) == 1 and inputs[0].is_file()
    if one_file and output.suffix and not output.is_dir():
        jobs = [Job(inputs[0], writable_file(output))]
    else:
        _check_folder(output)
        jobs = [job for path in inputs for job in _jobs_of(path, output)]
    jobs = list(dict.fromkeys(jobs))
    _check_collisions(jobs)
    existing = [] if overwrite else [job for job in jobs if job.target.exists()]
    if one_file and existing:
        raise ArgumentError(f"--output {existing[0].target} exists; --overwrite replaces it")
    return [job for job in jobs if job not in set(existing)], existing


def writable_file(output: Path) -> Path:
    """Return `output`, the file of one picture; raise ArgumentError unless its format can be written."""
    if output.suffix.lower() not in WRITABLE_FORMATS:
        known = ", ".join(sorted(WRITABLE_FORMATS))
        raise ArgumentError(f"--output {output}: unknown picture format {output.suffix} (known: {known})")
    return output


def _check_folder(output: Path) -> None:
    if output.is_dir():
        return
    if output.exists() or output.suffix.lower() in READABLE_SUFFIXES:
        raise ArgumentError(f"--output {output}: must be a folder, for the input is a folder or several files")


def _jobs_of(path: Path, output: Path) -> Iterator[Job]:
    if path.is_file():
        yield Job(path, output / _output_name(Path(path.name)))
        return
    pictures = list(_pictures(path, output))
    if not pictures:
        raise ArgumentError(f"--input {path}: no pictures in this folder ({', '.join(sorted(READABLE_SUFFIXES))})")
    for picture in pictures:
        yield Job(picture, output / _output_name(picture.relative_to(path)))


def _pictures(folder: Path, output: Path) -> Iterator[Path]:
    """Yield the pictures of a folder and its sub-folders, but for the output folder, in alphabetical order."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(name for name in folders if name[0] != "." and not _same(here / name, output))
        for name in sorted(files):
            if name[0] != "." and Path(name).suffix.lower() in READABLE_SUFFIXES:
                yield here / name


def _same(first: Path, second: Path) -> bool:
    return first.resolve() == second.resolve()


def _output_name(name: Path) -> Path:
    return name if name.suffix.lower() in WRITABLE_FORMATS else name.with_suffix(".png")


def _check_collisions(jobs: list[Job]) -> None:
    sources = {job.source.resolve() for job in jobs}
    writers: dict[Path, Path] = {}
    for job in jobs:
        target = job.target.resolve()
        if target in sources:
            raise ArgumentError(f"--output: {job.target} is an input and would be overwritten")
        if target in writers:
            raise ArgumentError(f"--input: {writers[target]} and {job.source} would both become {job.target}")
        writers[target] = job.source
