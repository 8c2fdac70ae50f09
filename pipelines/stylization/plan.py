"""Assigning an output to each input: from the arguments of a command to a list of jobs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from errors import ArgumentError
from film.formats import READABLE_CONTAINERS, is_film_name
from images.folders import is_folder, is_spelt_as_folder, output_names, why_no_file, why_not_replaceable
from images.formats import READABLE_SUFFIXES
from pipelines.inputs import check_local, listing_of
from pipelines.outputs import check_folder_output, check_not_read, check_picture_output

BUCKETS = "buckets (s3://, gs://) need `cluster`"


@dataclass(frozen=True)
class Job:
    """One picture to work on: the file to read and the file to write."""

    source: Path
    target: Path


@dataclass
class StylizationPlan:
    """What a run will do.

    Attributes:
        jobs: to do, each once.
        existing: jobs to skip because their outputs exist.
        unreadable: what of the input folders is called like a picture and is none, and folders that cannot be
            listed: path -> reason.
        films: of the input folders; they are left out.
    """

    jobs: list[Job] = field(default_factory=list)
    existing: list[Job] = field(default_factory=list)
    unreadable: dict[Path, str] = field(default_factory=dict)
    films: list[Path] = field(default_factory=list)


def plan_jobs(
    inputs: Sequence[str | os.PathLike],
    output: str | os.PathLike,
    *,
    overwrite: bool,
    masks: Sequence[str | os.PathLike] = (),
) -> StylizationPlan:
    """Decide before any work which file each picture goes to.

    One input file goes to the file `output`, or under its own name into the folder `output` (one that exists, or a
    name that ends in a slash). Several files, and the pictures of folders, go into the folder `output`: folders
    are searched through all their sub-folders, which appear again in the output; hidden files and files that are
    not called like pictures are passed over, films told. Formats that are read but not written (BMP, GIF) become
    PNG, see `output_names`.

    Args:
        inputs: files and folders.
        output: file or folder.
        overwrite: whether an output that exists is written anew.
        masks: further files that are read.

    Raises:
        ArgumentError: an input does not exist or holds no pictures, the output does not fit the inputs, an input
            would be overwritten, two inputs would go to one file, or the output of the only input file exists.
    """
    for path in inputs:
        check_local(BUCKETS, input=path)
    check_local(BUCKETS, output=output)
    sources = [checked_input(Path(path)) for path in inputs]
    one_file = len(sources) == 1 and sources[0].is_file()
    plan = StylizationPlan()
    if one_file and not _is_folder(output):
        check_picture_output(output)
        found = [Job(sources[0], Path(output))]
    else:
        _check_folder(output)
        named = list(dict.fromkeys(pair for path in sources for pair in _pictures_of(path, Path(output), plan)))
        names = output_names([name for _, name in named])
        found = [Job(source, Path(output) / name) for (source, _), name in zip(named, names, strict=True)]
    _check_collisions(found)
    for job in found:
        check_not_read(job.target, masks)
    for job in found:
        if (reason := why_not_replaceable(job.target)) and (overwrite or not job.target.is_file()):
            plan.unreadable[job.source] = f"{job.source}: its output {job.target} {reason}"
        else:
            (plan.existing if job.target.exists() and not overwrite else plan.jobs).append(job)
    if one_file and plan.existing:
        raise ArgumentError(f"`output` {plan.existing[0].target} exists; `overwrite` replaces it")
    return plan


def checked_input(path: Path) -> Path:
    """Return `path`, an input.

    Raises:
        ArgumentError: it is neither a folder nor a file that can hold a picture.
    """
    if not os.path.lexists(path):
        raise ArgumentError(f"`input` {path}: no such file or folder")
    if not path.is_dir() and (reason := why_no_file(path)):
        raise ArgumentError(f"`input` {reason}")
    return path


def _is_folder(output: str | os.PathLike) -> bool:
    return is_folder(Path(output)) or is_spelt_as_folder(output)


def _check_folder(output: str | os.PathLike) -> None:
    film = is_film_name(output)
    is_named_as_file = os.path.lexists(output) or film or Path(output).suffix.lower() in READABLE_SUFFIXES
    if is_named_as_file and not _is_folder(output):
        hint = "; the numbered frames of a film are given as frames/%06d.png" if film else ""
        raise ArgumentError(
            f"`output` {output}: must be a folder, because the input is a folder or several files{hint}"
        )
    check_folder_output(output)


def _pictures_of(path: Path, output: Path, plan: StylizationPlan) -> Iterable[tuple[Path, Path]]:
    """Return each picture of an input, and its name below the input."""
    if path.is_file():
        return [(path, Path(path.name))]
    listing = listing_of(path, "input", recursive=True, skip=output)
    plan.unreadable.update(listing.unreadable)
    plan.films += [other for other in listing.others if other.suffix.lower() in READABLE_CONTAINERS]
    if not (listing.pictures or listing.unreadable):
        hint = f"; films are given by name, as {plan.films[0]}" if plan.films else ""
        suffixes = ", ".join(sorted(READABLE_SUFFIXES))
        raise ArgumentError(f"`input` {path}: no pictures in this folder ({suffixes}){hint}")
    return [(picture, picture.relative_to(path)) for picture in listing.pictures]


def _check_collisions(jobs: list[Job]) -> None:
    sources = {os.path.realpath(job.source) for job in jobs}
    writers: dict[str, Path] = {}
    for job in jobs:
        target = os.path.realpath(job.target)
        if target in sources:
            raise ArgumentError(f"`output`: {job.target} is an input and would be overwritten")
        if target in writers:
            raise ArgumentError(f"`input`: {writers[target]} and {job.source} would both be written to {job.target}")
        writers[target] = job.source
