"""Converts every network in a folder, compares it with the truth, exports it, and writes the page of proof.

python -m benchmarks.models [--shared ../shared] [--folder MORE ...]

Takes the published networks of ../shared/fixtures/real and the cases beside them (about an hour), and those of further
folders. The program's own importers and exports do the work, each network in turn in a process that may die.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from benchmarks.models.networks import Network, caffe_cases, found_networks, torch7_cases
from benchmarks.models.page import Group, write_page
from benchmarks.models.trial import Export, Trial, try_network
from benchmarks.paths import ROOT, find_shared
from errors import one_line
from pipelines.command_line import run_script

# Networks of one process; then another begins, with an empty memory.
CHUNK = 40
PUBLISHED = ("onnx", "litert", "int8")
CASES = ("onnx", "litert")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    parser.add_argument("--shared", type=Path, help="folder of reference files (default: ../shared)")
    parser.add_argument("--folder", type=Path, action="append", default=[], help="a further folder of networks")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="the groups whose titles have one of these words")
    parser.add_argument(
        "--results", type=Path, help="file of results, a line each: what stands there already is not tried again"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "models.md", help="the page")
    return parser


def groups(arguments: argparse.Namespace) -> Iterator[Group]:
    """Yield the groups of networks that the arguments ask for."""
    fixtures = find_shared(arguments.shared) / "fixtures"
    made = [
        Group(
            "Published networks", fixtures / "real", found_networks(fixtures / "real", fixtures / "torch7_wide"), True
        ),
        Group("Torch7 cases", fixtures / "torch7", torch7_cases(fixtures / "torch7")),
        Group("Torch7 cases of every module", fixtures / "torch7_wide", torch7_cases(fixtures / "torch7_wide")),
        Group("Caffe cases", fixtures / "caffe", caffe_cases(fixtures / "caffe")),
    ]
    made += [Group(folder.name, folder, found_networks(folder), True) for folder in arguments.folder]
    for group in made:
        if arguments.only is None or any(word in group.title for word in arguments.only):
            yield group


class Results:
    """What is known of networks, by the group's title and the network's name, kept in a file where one is given."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[tuple[str, str], Trial] = {}
        if path is not None and path.is_file():
            for line in path.read_text().splitlines():
                title, entry = json.loads(line)
                exports = {name: Export(**export) for name, export in entry.pop("exports").items()}
                difference = entry.pop("difference")
                pair = None if difference is None else (difference[0], difference[1])
                self._known[title, entry["name"]] = Trial(**entry, difference=pair, exports=exports)

    def of(self, title: str, network: Network) -> Trial | None:
        """Return what is known of a network."""
        return self._known.get((title, network.name))

    def add(self, title: str, trial: Trial) -> None:
        """Remember what became of a network."""
        self._known[title, trial.name] = trial
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps([title, asdict(trial)]) + "\n")


def try_all(group: Group, results: Results) -> list[Trial]:
    """Return what becomes of every network of a group; after Ctrl-C, what is known of them."""
    waiting = [network for network in group.networks if results.of(group.title, network) is None]
    formats = PUBLISHED if group.published else CASES
    try:
        for first in range(0, len(waiting), CHUNK):
            for trial in _in_a_process(waiting[first : first + CHUNK], formats):
                results.add(group.title, trial)
            print(f"{group.title}: {min(first + CHUNK, len(waiting))} of {len(waiting)}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print(f"{group.title}: interrupted", file=sys.stderr)
    known = [results.of(group.title, network) for network in group.networks]
    return [trial for trial in known if trial is not None]


def _in_a_process(networks: Sequence[Network], formats: tuple[str, ...]) -> Iterator[Trial]:
    """Yield what becomes of networks in a process of their own; a network that kills it is told, the others go on."""
    left = list(networks)
    while left:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            try:
                while left:
                    trial = pool.submit(try_network, left[0], formats).result()
                    left.pop(0)
                    yield trial
            except BrokenProcessPool:
                yield Trial(left.pop(0).name, "the process died", agrees=False)
            except Exception as error:  # an error of the program itself, to be told rather than to end everything
                yield Trial(left.pop(0).name, f"{type(error).__name__}: {one_line(error)}", agrees=False)


def run(argv: Sequence[str] | None) -> int:
    """Try everything and write the page; return 1 where a network that converts does not agree with the truth."""
    arguments = make_parser().parse_args(argv)
    results = Results(arguments.results)
    found = [(group, try_all(group, results)) for group in groups(arguments)]
    given = sys.argv[1:] if argv is None else argv
    write_page(arguments.output, shlex.join(["python", "-m", "benchmarks.models", *given]), found)
    return int(any(not trial.agrees for _, trials in found for trial in trials))


def main(argv: Sequence[str] | None = None) -> int:
    """Run with the given arguments (default: the command line's) and return the exit code."""
    return run_script("benchmarks.models", lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
