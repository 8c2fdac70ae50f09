"""Assigning outputs to inputs, in folders and in buckets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from errors import ArgumentError
from film.formats import READABLE_CONTAINERS
from images.folders import output_names, why_not_replaceable
from images.formats import READABLE_SUFFIXES
from pipelines.cluster.storage import is_bucket, list_files
from pipelines.inputs import listing_of
from pipelines.outputs import check_folder_output
from pipelines.stylization.plan import checked_input, plan_jobs


@dataclass
class ClusterPlan:
    """What a run will do.

    Attributes:
        rows: to do: the "number", and the addresses "source" and "target", of each picture.
        existing: number of pictures whose outputs exist.
        failed: address of what is called like a picture and is none -> the reason.
        films: of the input folders and buckets; they are left out.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    existing: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    films: list[str] = field(default_factory=list)

    def add(self, source: str, target: str) -> None:
        """Let a picture be done."""
        self.rows.append({"number": len(self.rows), "source": source, "target": target})


def plan_pictures(inputs: Sequence[str], output: str, *, overwrite: bool) -> ClusterPlan:
    """Decide before any work which address each picture goes to; the rules are those of `plan_jobs`.

    Args:
        inputs: files, folders, and buckets or folders of them.
        output: a folder or a bucket; a file where the only input is a local file.
        overwrite: whether outputs that exist are written anew.

    Raises:
        ArgumentError: see `plan_jobs`.
        UserError: a bucket cannot be listed.
    """
    if not any(map(is_bucket, (*inputs, output))):
        plan = plan_jobs(inputs, output, overwrite=overwrite)
        unreadable = {str(path): reason for path, reason in plan.unreadable.items()}
        found = ClusterPlan([], len(plan.existing), unreadable, list(map(str, plan.films)))
        for job in plan.jobs:
            found.add(str(job.source.absolute()), str(job.target.absolute()))
        return found
    if PurePosixPath(output).suffix.lower() in READABLE_SUFFIXES:
        raise ArgumentError(f"`output` {output}: must be a folder or a bucket")
    return _sorted_out(inputs, output, overwrite)


def _sorted_out(inputs: Sequence[str], output: str, overwrite: bool) -> ClusterPlan:
    plan = ClusterPlan()
    if not is_bucket(output):
        check_folder_output(output)
    there = set(list_files(output)) if is_bucket(output) else _files_below(Path(output))
    writers: dict[str, str] = {}
    named = list(dict.fromkeys(found for address in inputs for found in _pictures(address, output, plan)))
    names = output_names([Path(name) for _, name in named])
    for (source, _), name in zip(named, names, strict=True):
        target = name.as_posix()
        if target in writers:
            raise ArgumentError(f"`input`: {writers[target]} and {source} would both be written to {target}")
        writers[target] = source
        address = joined(output, target)
        if address == source:
            raise ArgumentError(f"`output`: {source} is an input and would be overwritten")
        if target in there and not overwrite:
            plan.existing += 1
        elif not is_bucket(output) and (reason := why_not_replaceable(Path(address))):
            plan.failed[source] = f"{source}: its output {address} {reason}"
        else:
            plan.add(source, address)
    return plan


def _pictures(address: str, output: str, plan: ClusterPlan) -> Iterator[tuple[str, str]]:
    """Yield the address of each picture of an input, and its name below the input; the output's folder is passed over.

    That may lie below an input: what a run wrote is not what the next one reads.
    """
    names = list_files(address) if is_bucket(address) else _local_files(Path(address), plan)
    if names == [""]:
        yield address, PurePosixPath(address).name
        return
    if _is_below(output, address):
        names = [name for name in names if not _is_below(joined(address, name), output)]
    pictures = [name for name in names if _is_called(name, READABLE_SUFFIXES)]
    plan.films += [joined(address, name) for name in names if _is_called(name, READABLE_CONTAINERS)]
    if not pictures and address not in plan.failed:
        raise ArgumentError(f"`input` {address}: contains no pictures ({', '.join(sorted(READABLE_SUFFIXES))})")
    yield from ((joined(address, name), name) for name in pictures)


def _is_below(address: str, folder: str) -> bool:
    return joined(address, "").rstrip("/").startswith(f"{joined(folder, '').rstrip('/')}/")


def _local_files(path: Path, plan: ClusterPlan) -> list[str]:
    if checked_input(path).is_file():
        return [""]
    listing = listing_of(path, "input", recursive=True)
    plan.failed.update({str(path): reason for path, reason in listing.unreadable.items()})
    return [file.relative_to(path).as_posix() for file in (*listing.pictures, *listing.others)]


def _is_called(name: str, suffixes: Collection[str]) -> bool:
    """Return whether a file that is not hidden has one of the suffixes."""
    path = PurePosixPath(name)
    return path.suffix.lower() in suffixes and not any(part.startswith(".") for part in path.parts)


def _files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def joined(folder: str, name: str) -> str:
    """Return the address of a file in a folder or a bucket; a local one from the root."""
    return f"{folder.rstrip('/')}/{name}" if is_bucket(folder) else str(Path(folder, name).absolute())
