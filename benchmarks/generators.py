"""How good texture generators are beside their sources, and beside what optimisation makes of these.

`python -m benchmarks.generators` measures the texture generators that ship; `NAME_OR_FILE=SOURCE:WIDTH` measures
others, by the picture that they learned, WIDTH pixels on its longer side. Distances are those of benchmarks.textures,
means over 16 samples of 256 x 256 pixels; `lattice` is the power at periods of 2, 4 and 8 pixels beside that of the
frequencies next to them, over the source's own. `--optimise ITERATIONS` synthesises each source too (minutes each), and
compares. Peers: pip install -r requirements-bench.txt.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measure import print_bars, print_table
from benchmarks.paths import ROOT, find_shared
from benchmarks.quality.lattice import lattice_power
from benchmarks.quality.texture_judge import TextureJudge
from benchmarks.textures import Synthesis
from errors import ArgumentError
from images.reading import read_image
from images.resizing import resize_long_side
from images.writing import write_image
from pipelines.command_line import run_script
from pipelines.synthesis.sampling import sample_pictures

NAME = "benchmarks.generators"
# What the generators that ship have learned, in the folder of reference files or in this one, and its longer side in
# pixels.
SHIPPED: Mapping[str, tuple[str | Path, int]] = {
    "bark": ("textures/bark.jpg", 512),
    "gold_leaf": (ROOT / "pics" / "gold_leaf.jpg", 310),
    "klimt_gold": (ROOT / "pics" / "klimt_gold.jpg", 384),
    "plaster": (ROOT / "pics" / "plaster.jpg", 320),
    "roof_slates": ("textures_more/roof_slates.jpg", 384),
}
SIZE = 256
# Of each generator; means of four distances vary by a tenth from seed to seed.
SAMPLES = 16
COLUMNS = {
    "PS": "portilla_simoncelli",
    "patches": "patches",
    "AlexNet": "alexnet",
    "spectrum": "spectrum",
    "high": "high",
    "luma": "detail_luma",
    "seam": "seam",
}
# What may be at most so many times that of an optimised picture.
DISTANCES, DISTANCE_BAR = ("portilla_simoncelli", "patches", "alexnet"), 1.25
LATTICE_BAR = 1.1


@dataclass(frozen=True)
class Learned:
    """A generator and its source.

    Args:
        generator: name or file.
        source: picture file.
        width: of its longer side when it was learned, in pixels.
    """

    generator: str
    source: Path
    width: int

    @classmethod
    def parse(cls, text: str) -> Learned:
        """Return what NAME_OR_FILE=SOURCE:WIDTH says.

        Raises:
            ArgumentError: it is something else.
        """
        generator, equals, rest = text.partition("=")
        source, colon, width = rest.rpartition(":")
        if not (equals and colon and width.isdecimal()):
            raise ArgumentError(f"{text}: must be NAME_OR_FILE=SOURCE:WIDTH")
        return cls(generator, Path(source), int(width))

    @property
    def name(self) -> str:
        """What the tables call it."""
        return Path(self.generator).stem

    def texture(self) -> np.ndarray:
        """Return the source as it was learned, float32 (height, width, 3)."""
        return resize_long_side(read_image(self.source), self.width).pixels


def squares(texture: np.ndarray) -> list[np.ndarray]:
    """Return the squares of SIZE pixels into which a texture can be cut, at least one."""
    height, width = texture.shape[:2]
    rows, columns = (range(0, max(side - SIZE, 0) + 1, SIZE) for side in (height, width))
    return [texture[row : row + SIZE, column : column + SIZE] for row in rows for column in columns]


def lattice_ratio(pictures: Sequence[np.ndarray], texture: np.ndarray) -> float:
    """Return the mean lattice power of pictures over that of the source's squares."""
    found, own = (statistics.mean(map(lattice_power, many)) for many in (pictures, squares(texture)))
    return found / own


def means(judge: TextureJudge, pictures: Sequence[np.ndarray], texture: np.ndarray, *, tile: bool) -> dict[str, float]:
    """Return the mean measures of pictures."""
    found = [judge.measure(picture, texture, is_tile=tile) for picture in pictures]
    return {name: statistics.mean(getattr(one, name) for one in found) for name in COLUMNS.values()}


def optimised(texture: np.ndarray, iterations: int) -> np.ndarray:
    """Return what synthesize.py makes of a texture with its defaults."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.png"
        write_image(source, texture)
        return Synthesis(ROOT / "synthesize.py", SIZE, iterations, ())(source)


class Bench:
    """Measures generators.

    Args:
        shared: the folder of the judge's weights.
        iterations: of the optimisation beside each; 0: none.
    """

    def __init__(self, shared: Path, iterations: int) -> None:
        self.iterations = iterations
        self.judge = TextureJudge(shared / "features" / "lpips_alexnet.npz")
        self.rows: list[list[str]] = []
        self.bars: list[tuple[str, float, float]] = []

    def measure(self, learned: Learned) -> None:
        """Take down what one generator reaches."""
        texture = learned.texture()
        pictures = sample_pictures(learned.generator, output_width=SIZE, count=SAMPLES, tileable="both")
        made = [next(pictures)]
        start = time.perf_counter()
        made += pictures
        seconds = (time.perf_counter() - start) / (SAMPLES - 1)
        lattice = lattice_ratio(made, texture)
        found = means(self.judge, made, texture, tile=True)
        self._add(learned.name, found, lattice, seconds)
        self.bars.append((f"{learned.name}: lattice / source's", lattice, LATTICE_BAR))
        if self.iterations:
            self._compare(learned, texture, found)

    def _compare(self, learned: Learned, texture: np.ndarray, found: dict[str, float]) -> None:
        start = time.perf_counter()
        picture = optimised(texture, self.iterations)
        seconds = time.perf_counter() - start
        peer = means(self.judge, [picture], texture, tile=False)
        self._add(f"{learned.name}, optimised", peer, lattice_ratio([picture], texture), seconds)
        for name in DISTANCES:
            self.bars.append((f"{learned.name}: {name} / optimised", found[name] / peer[name], DISTANCE_BAR))

    def _add(self, name: str, found: dict[str, float], lattice: float, seconds: float) -> None:
        row = [name, *(f"{found[column]:.3g}" for column in COLUMNS.values()), f"{lattice:.2f}", f"{seconds:.2g}"]
        print("  ".join(row), flush=True)
        self.rows.append(row)

    def print(self) -> None:
        """Print the tables."""
        print_table("Texture generators", ["texture", *COLUMNS, "lattice", "seconds"], self.rows)
        print_bars(self.bars)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog=NAME, description=__doc__)
    parser.add_argument("learned", nargs="*", metavar="NAME_OR_FILE=SOURCE:WIDTH", help="default: those that ship")
    parser.add_argument("--optimise", type=int, default=0, metavar="ITERATIONS")
    return parser


def run(argv: Sequence[str]) -> int:
    """Measure and print."""
    arguments = make_parser().parse_args(argv)
    shared = find_shared()
    bench = Bench(shared, arguments.optimise)
    shipped = [Learned(name, shared / file, width) for name, (file, width) in SHIPPED.items()]
    for learned in [Learned.parse(text) for text in arguments.learned] or shipped:
        bench.measure(learned)
    bench.print()
    return 0


if __name__ == "__main__":
    sys.exit(run_script(NAME, lambda: run(sys.argv[1:])))
