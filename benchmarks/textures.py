"""How good textures are beside their sources: judges that no loss knows, and the faults that artists see.

`python -m benchmarks.textures` synthesises every texture of the shared folders (or the FILEs given) and measures the
results; with `--results FOLDER` it measures the pictures there instead, called like their sources. What stands after
`--` goes to synthesize.py, such as `-- --preset gatys2015`; `--program` names another commit's script, to compare with;
`--torch` measures PyTorch's loop of the paper too. Peers: pip install -r requirements-bench.txt. What the columns mean
stands in benchmarks/quality. `--keep FOLDER` keeps the pictures.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.measure import print_table
from benchmarks.paths import ROOT, find_shared
from benchmarks.quality.texture_judge import Measures, TextureJudge
from errors import UserError
from images.formats import READABLE_SUFFIXES
from images.reading import read_image
from images.writing import write_image
from pipelines.command_line import run_script

NAME = "benchmarks.textures"
# Of the folder textures/, which holds paintings and photos too.
TEXTURES = ("bark", "flowers", "pebbles", "red-peppers256.o")
TORCH_EVALUATIONS = 200
# Columns of the two tables: heading to measure.
DISTANCES = {
    "PS": "portilla_simoncelli",
    "cross": "cross_scale",
    "patches": "patches",
    "AlexNet": "alexnet",
    "copied": "copied",
    "border": "border_patches",
    "border A.": "border_alexnet",
}
FAULTS = {
    "spectrum": "spectrum",
    "high": "high",
    "luma": "detail_luma",
    "blue": "detail_blue",
    "red": "detail_red",
    "seam": "seam",
    "peak": "repetition",
    "source": "source_repetition",
}


@dataclass(frozen=True)
class Synthesis:
    """How pictures are made.

    Args:
        program: the script.
        size: pixels a side.
        iterations: in all.
        options: further ones of the script.
    """

    program: Path
    size: int
    iterations: int
    options: tuple[str, ...]

    def __call__(self, source: Path) -> np.ndarray:
        """Return a picture of the source's texture, as it is saved.

        Raises:
            UserError: the script failed.
        """
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "result.png"
            given = ["-s", str(source), "-ow", str(self.size), "-m", str(self.iterations), "-n", str(self.iterations)]
            where = ["--output-dir", folder, "--output", str(output)]
            command = [sys.executable, str(self.program.absolute()), *given, *where, *self.options]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if done.returncode:
                raise UserError(f"{source.name}: {self.program} failed: {done.stdout.strip().splitlines()[-1:]}")
            return read_image(output).pixels


def torch_loop(size: int) -> Callable[[Path], np.ndarray]:
    """Return what makes a picture in PyTorch alone, with the paper's layers and pixels within bounds."""
    from benchmarks.torch_texture import TorchTexture
    from model.weights import find_weights

    def make(source: Path) -> np.ndarray:
        texture = TorchTexture(find_weights(), read_image(source).pixels)
        return np.clip(texture.optimize((size, size), TORCH_EVALUATIONS, bounded=True).pixels, 0, 1)

    return make


@dataclass(frozen=True)
class Results:
    """Pictures that are there already, called like their sources.

    Args:
        folder: where they are.
    """

    folder: Path

    def __call__(self, source: Path) -> np.ndarray:
        """Return the picture of a source's name.

        Raises:
            UserError: there is none.
        """
        files = sorted(path for path in self.folder.glob(f"{source.stem}.*") if path.suffix in READABLE_SUFFIXES)
        if not files:
            raise UserError(f"{self.folder}: no picture is called {source.stem}")
        return read_image(files[0]).pixels


@dataclass(frozen=True)
class Row:
    """One line of the tables."""

    name: str
    seconds: float
    measures: Measures


class Bench:
    """Makes and measures pictures.

    Args:
        shared: the folder of textures and of the judge's weights.
        keep: folder in which pictures are kept, or None.
    """

    def __init__(self, shared: Path, keep: Path | None) -> None:
        self.shared = shared
        self.keep = keep

    @cached_property
    def judge(self) -> TextureJudge:
        """What pictures are measured by."""
        return TextureJudge(self.shared / "features" / "lpips_alexnet.npz")

    def sources(self) -> list[Path]:
        """Return the textures of the shared folders."""
        named = [path for path in (self.shared / "textures").glob("*") if path.stem in TEXTURES]
        more = [path for path in (self.shared / "textures_more").glob("*") if path.suffix in READABLE_SUFFIXES]
        return sorted(named) + sorted(more)

    def row(self, source: Path, make: Callable[[Path], np.ndarray], label: str, *, is_tile: bool) -> Row:
        """Return the line of one texture."""
        start = time.perf_counter()
        picture = make(source)
        seconds = time.perf_counter() - start
        if self.keep is not None:
            self.keep.mkdir(parents=True, exist_ok=True)
            write_image(self.keep / f"{source.stem}{label}.png", picture)
        measures = self.judge.measure(picture, read_image(source).pixels, is_tile=is_tile)
        row = Row(source.stem + label, seconds, measures)
        print(f"{row.name}: {seconds:.0f} s, {measures}", flush=True)
        return row


def print_rows(rows: Sequence[Row]) -> None:
    """Print the tables, with the medians below."""
    for title, columns in (("Distances from the source", DISTANCES), ("Faults, and the time", FAULTS)):
        table = {row.name: [getattr(row.measures, name) for name in columns.values()] + [row.seconds] for row in rows}
        medians = [statistics.median(values) for values in zip(*table.values(), strict=True)]
        lines = [[name, *map(_cell, values)] for name, values in {**table, "median": medians}.items()]
        print_table(title, ["texture", *columns, "seconds"], lines)


def _cell(value: float) -> str:
    return f"{value:.3g}"


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog=NAME, description=__doc__)
    parser.add_argument("source", nargs="*", type=Path, help="textures (default: those of the shared folders)")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="measure the pictures here")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=300, help="of all scales together")
    parser.add_argument("--tileable", action="store_true", help="the pictures are tiles")
    parser.add_argument("--program", type=Path, default=ROOT / "synthesize.py", help="script of another commit")
    parser.add_argument("--torch", action="store_true", help="PyTorch's loop of the paper beside it")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    return parser


def run(argv: Sequence[str]) -> int:
    """Measure and print."""
    own, options = _split(argv)
    arguments = make_parser().parse_args(own)
    bench = Bench(find_shared(), arguments.keep)
    if arguments.tileable and arguments.results is None:
        options = [*options, "--tileable", "both"]
    makers: dict[str, Callable[[Path], np.ndarray]] = {
        "": Synthesis(arguments.program, arguments.size, arguments.iterations, tuple(options))
    }
    if arguments.results is not None:
        makers = {"": Results(arguments.results)}
    if arguments.torch:
        makers["_pytorch"] = torch_loop(arguments.size)
    sources = arguments.source or bench.sources()
    for label, make in makers.items():
        is_tile = arguments.tileable and not label
        print_rows([bench.row(source, make, label, is_tile=is_tile) for source in sources])
    return 0


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the arguments before and after `--`."""
    found = list(argv)
    end = found.index("--") if "--" in found else len(found)
    return found[:end], found[end + 1 :]


if __name__ == "__main__":
    sys.exit(run_script(NAME, lambda: run(sys.argv[1:])))
