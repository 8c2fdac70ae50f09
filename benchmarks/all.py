"""All benchmarks of speed in one command, on one page: Markdown and JSON, with the machine, versions and bars.

`python -m benchmarks.all --output page` writes page.md and page.json (peers: pip install -r requirements-bench.txt;
weights: see `model.weights`). It takes about two hours on two cores; `--quick` has each figure measured once and leaves
out the long runs, `--only NAME` runs some. A benchmark that fails is told on the page, and the exit code is 1.
`--device gpu` runs those that make sense there, on Keras' jax and torch backends beside PyTorch. `--readme FILE`
puts the table of all bars into a page too, between its two marks.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.measure import TABLES_VARIABLE
from runtimes.processor import CPU_INFO, cpu_flags

PACKAGES = ("tensorflow", "keras", "jax", "torch", "onnxruntime", "ai-edge-litert", "numpy", "scipy")
# Arguments of `python -m`; WEIGHTS stands for the file of VGG-19's, also on the page.
WEIGHTS = "<weights>"
FULL = {
    "start": ["benchmarks.start"],
    "stylize": ["benchmarks.stylize"],
    "evaluation": ["benchmarks.synthesize", "--part", "evaluation"],
    "optimizers": ["benchmarks.synthesize", "--part", "optimizers"],
    "synthesis": ["benchmarks.synthesize", "--part", "time", "memory", "seam"],
    "transfer": ["benchmarks.transfer", WEIGHTS],
    "training": ["benchmarks.train", "--weights", WEIGHTS],
}
QUICK = {
    "start": ["benchmarks.start", "--runs", "1"],
    "stylize": ["benchmarks.stylize", "--runs", "1"],
    "evaluation": ["benchmarks.synthesize", "--part", "evaluation", "--runs", "1"],
    "transfer": ["benchmarks.transfer", WEIGHTS, "--only", "time", "--runs", "1"],
    "training": ["benchmarks.train", "--weights", WEIGHTS, "--runs", "1"],
}
GPU_BACKENDS = ("jax", "torch")
# What a table stands between in another page.
BEGIN, END = "<!-- table of python -m benchmarks.all -->", "<!-- end of the table -->"


@dataclass(frozen=True)
class Result:
    """What one benchmark printed.

    Attributes:
        name: of FULL, with the backend where several take turns.
        command: as a user would type it.
        seconds: that it took.
        exit_code: 0 where it ran to its end.
        tables: each with title, columns and rows of text.
    """

    name: str
    command: str
    seconds: float
    exit_code: int
    tables: list[dict[str, Any]]


def machine() -> dict[str, str]:
    """Return what the figures depend on."""
    lines = CPU_INFO.read_text(errors="replace").splitlines() if CPU_INFO.is_file() else []
    known = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = cpu_flags()
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
    return {
        "processor": known.get("model name", platform.processor()),
        "cores": str(os.cpu_count()),
        "instructions": " ".join(flag for flag in wanted if flag in flags),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Return the versions of the packages that are there."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def commands(names: Sequence[str], *, quick: bool, device: str) -> dict[str, tuple[list[str], str]]:
    """Return, by name, the arguments of `python -m` and the backend of Keras."""
    chosen = {name: given for name, given in (QUICK if quick else FULL).items() if name in names}
    if device == "cpu":
        return {name: (given, "tensorflow") for name, given in chosen.items()}
    return {
        f"{name}, {backend}": (given, backend)
        for name, given in chosen.items()
        if name in ("evaluation", "transfer", "training")
        for backend in GPU_BACKENDS
    }


def run(name: str, given: Sequence[str], backend: str, weights: str) -> Result:
    """Run one benchmark, whose output is shown, and return its tables."""
    filled = [weights if word == WEIGHTS else word for word in given]
    with tempfile.TemporaryDirectory() as folder:
        tables = Path(folder) / "tables"
        tables.touch()
        environment = os.environ | {TABLES_VARIABLE: str(tables), "KERAS_BACKEND": backend}
        start = perf_counter()
        code = subprocess.run([sys.executable, "-m", *filled], env=environment, check=False).returncode
        seconds = perf_counter() - start
        found = [json.loads(line) for line in tables.read_text(encoding="utf-8").splitlines()]
    return Result(name, f"KERAS_BACKEND={backend} python -m {' '.join(given)}", seconds, code, found)


def as_markdown(results: Sequence[Result], about: dict[str, str], packages: dict[str, str]) -> str:
    """Return the page: what was measured with, the bars of all benchmarks together, then their tables."""
    lines = ["# Benchmarks", "", "; ".join(f"{key}: {value}" for key, value in (about | packages).items() if value), ""]
    lines += bars_of(results)
    for result in results:
        lines += [f"## {result.name}", "", f"`{result.command}`, {result.seconds:.0f} s", ""]
        if result.exit_code:
            lines += [f"It ended with exit code {result.exit_code}.", ""]
        for table in result.tables:
            lines += _table(table["title"], table["columns"], table["rows"])
    return "\n".join(lines)


def bars_of(results: Sequence[Result]) -> list[str]:
    """Return the lines of the table of all bars; none where there are no bars."""
    bars = [[result.name, *row] for result in results for table in result.tables for row in _bars(table)]
    return _table("Bars", ["benchmark", "of", "found", "at most", "holds"], bars) if bars else []


def between_marks(text: str, lines: Sequence[str]) -> str:
    """Return `text` with `lines` in place of what stands between its marks.

    Raises:
        ValueError: it does not have each mark once, in their order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in rest or END in before + after:
        raise ValueError(f"needs the lines {BEGIN} and {END}, once each")
    return before + "\n".join([begin, "", *lines, end]) + after


def _bars(table: dict[str, Any]) -> list[list[str]]:
    """Return (of, found, at most, holds) of each row that has a bar."""
    if table["columns"][-2:] != ["at most", "holds"]:
        return []
    title = "" if table["columns"][0] == "of" else f"{table['title']}: "
    return [[title + row[0], *row[-3:]] for row in table["rows"] if row[-1]]


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    heads = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return [f"**{title}**", "", *heads, *("| " + " | ".join(row) + " |" for row in rows), ""]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks, write the page and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, metavar="PATH", help="of the page, without its suffix")
    parser.add_argument("--only", nargs="+", choices=tuple(FULL), default=tuple(FULL), help="benchmarks to run")
    parser.add_argument("--quick", action="store_true", help="each figure once, without the long runs")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="(default: %(default)s)")
    parser.add_argument("--readme", type=Path, metavar="FILE", help="page that gets the table of bars")
    arguments = parser.parse_args(argv)
    if arguments.readme is not None:
        try:
            between_marks(arguments.readme.read_text(encoding="utf-8"), [])
        except (OSError, ValueError) as error:
            parser.error(f"--readme {arguments.readme}: {error}")
    from model.weights import find_weights

    weights = str(find_weights())
    chosen = commands(arguments.only, quick=arguments.quick, device=arguments.device)
    results = [run(name, *given, weights) for name, given in chosen.items()]
    about, packages = machine(), versions()
    page = {"machine": about, "versions": packages, "benchmarks": [asdict(result) for result in results]}
    arguments.output.with_suffix(".json").write_text(json.dumps(page, indent=1) + "\n", encoding="utf-8")
    arguments.output.with_suffix(".md").write_text(as_markdown(results, about, packages), encoding="utf-8")
    if arguments.readme is not None:
        text = arguments.readme.read_text(encoding="utf-8")
        arguments.readme.write_text(between_marks(text, bars_of(results)), encoding="utf-8")
    return int(any(result.exit_code for result in results))


if __name__ == "__main__":
    sys.exit(main())
