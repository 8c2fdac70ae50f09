"""Large pictures: memory and time of strips, their agreement with the whole, and what a killed run leaves.

`python -m benchmarks.size` stylises pictures made of the repository's own photo with `stylize_tensorflow.py`, each in a
process of its own, and measures its anonymous resident memory (pages of mapped files left out) and its time a megapixel
beside that of a 4-megapixel picture whole. The pixels of strips are compared with those of the whole for all shipped
models, for the generators with random weights, and with `--references` for the Torch7 networks of some folders that
take pictures of any size. A run that would take longer than `--minutes`, estimated from the
4-megapixel picture, is left out, and said to be.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

import texture_nets
from benchmarks.measure import print_table
from benchmarks.models.networks import TORCH_SUFFIXES
from benchmarks.paths import ROOT
from choices import PRECISIONS
from errors import UserError
from pipelines.command_line import ArgumentParser, run_script
from pipelines.memory_bound import parse_memory
from pipelines.model_library import pretrained_models

if TYPE_CHECKING:
    import keras

NAME = "benchmarks.size"
PHOTO = ROOT / "pics" / "coffee.jpg"
SCRIPT = ROOT / "stylize_tensorflow.py"
# Megapixels of the picture that goes whole, with which the others' times are compared.
WHOLE_MEGAPIXELS = 4
WHOLE_MEMORY = "64GB"
# What strips may take of the time of the whole, with which runs are estimated.
STRIPS_TIME = 1.6
# What is asked for when nothing is: megapixels, and the memory that they may take.
DEFAULT_SIZES = ("24=2GB", "100=4GB")
GENERATORS = ("johnson", "hourglass", "pyramid", "skip_unpool")
# Rows and columns of the pictures on which strips of STRIP_ROWS are compared with the whole.
AGREEMENT_SIZE = (705, 998)
STRIP_ROWS = 96
# The picture whose run is killed, this long after it has begun in strips.
KILLED_SIZE, KILL_SECONDS = (100.0, "4GB"), 10.0
PARTS = ("agreement", "runs", "kill")
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Run:
    """One picture: its size, what its process took, and how it went through the network."""

    megapixels: float
    seconds: float
    gigabytes: float
    way: str


def make_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(
        prog=f"python -m {NAME}", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--sizes",
        nargs="*",
        default=list(DEFAULT_SIZES),
        metavar="MEGAPIXELS=MEMORY",
        help="pictures and the memory that they may take (default: 24=2GB 100=4GB)",
    )
    parser.add_argument("--model", default="starry_night", help="network (default: %(default)s)")
    parser.add_argument("--precision", default="float32", metavar="|".join(PRECISIONS), help="(default: %(default)s)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to do (default: all)")
    parser.add_argument(
        "--references",
        nargs="*",
        default=[],
        type=Path,
        metavar="FOLDER",
        help="folders of networks of Torch7 that are compared too",
    )
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="longest run, by an estimate (default: %(default)g minutes)"
    )
    return parser


def write_picture(path: Path, megapixels: float) -> tuple[int, int]:
    """Write a square picture of so many megapixels, tiles of a photo; return its height and width."""
    side = round(sqrt(megapixels * 1e6))
    photo = np.asarray(Image.open(PHOTO).convert("RGB"))
    repeats = [-(-side // size) for size in photo.shape[:2]]
    Image.fromarray(np.tile(photo, (*repeats, 1))[:side, :side]).save(path, quality=90)
    return side, side


def anonymous_bytes(process: int) -> int:
    """Return the anonymous resident memory of a process and its children; 0 of one that is gone."""
    total = 0
    for member in _family(process):
        try:
            found = re.search(r"^RssAnon:\s+(\d+) kB", Path(f"/proc/{member}/status").read_text(), re.MULTILINE)
        except OSError:
            continue
        total += int(found[1]) * 1024 if found else 0
    return total


def _family(process: int) -> Iterator[int]:
    yield process
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


def command(source: Path, target: Path, memory: str, arguments: argparse.Namespace) -> list[str]:
    """Return the command that stylises a picture."""
    options = ["--memory", memory, "--model", arguments.model, "--precision", arguments.precision]
    return [sys.executable, str(SCRIPT), "--input", str(source), "--output", str(target), *options]


def measure(folder: Path, megapixels: float, memory: str, arguments: argparse.Namespace) -> Run:
    """Stylise a picture and return what the process took; its time is that in the network.

    Raises:
        RuntimeError: it failed.
    """
    source, target = folder / "source.jpg", folder / "stylised.png"
    write_picture(source, megapixels)
    target.unlink(missing_ok=True)
    with (folder / "told.txt").open("w+") as told:
        child = subprocess.Popen(command(source, target, memory, arguments), stdout=told, stderr=told)
        peak = 0
        while child.poll() is None:
            peak = max(peak, anonymous_bytes(child.pid))
            time.sleep(POLL_SECONDS)
        told.seek(0)
        text = told.read()
    found = re.search(r"stylised .* in ([\d.]+) s:", text)
    if child.returncode or found is None:
        raise RuntimeError(f"{megapixels} megapixels in {memory}: {text.strip()}")
    way = re.search(r"(whole|in strips of \d+ rows)", text)
    return Run(megapixels, float(found[1]), peak / 1e9, way[1] if way else "whole")


def leaves_nothing(folder: Path, megapixels: float, memory: str, arguments: argparse.Namespace) -> bool:
    """Say whether a run that is killed in the middle leaves no file of its output's name, and no map.

    Raises:
        RuntimeError: it ended before it was killed.
    """
    source, target, told = folder / "source.jpg", folder / "killed.png", folder / "told.txt"
    write_picture(source, megapixels)
    with told.open("w") as file:
        before = set(folder.iterdir())
        child = subprocess.Popen(command(source, target, memory, arguments), stdout=file, stderr=file)
        while child.poll() is None and "in strips" not in told.read_text():
            time.sleep(POLL_SECONDS)
        time.sleep(KILL_SECONDS)
        if child.poll() is not None:
            raise RuntimeError(f"{megapixels} megapixels in {memory} ended early: {told.read_text().strip()}")
        child.send_signal(signal.SIGKILL)
        child.wait()
    return set(folder.iterdir()) == before


def agreements() -> dict[str, float]:
    """Return the largest difference of strips and the whole, of every shipped model and every generator."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    from model.generators.registry import build_generator
    from model.saving import load_model
    from model.styles import mean_style

    keras.utils.set_random_seed(2)
    found = {name: _difference(mean_style(load_model(path))) for name, path in pretrained_models().items()}
    found |= {f"{name} (random)": _difference(build_generator(name)) for name in GENERATORS}
    return found | {"pyramid, circular (random)": _difference(build_generator("pyramid", padding="circular"))}


def reference_agreements(folders: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Yield names and largest differences of the generators among the networks of folders; "" is of all that are none.

    A network that cannot be cut has the layer that stands in its way instead of a number.
    """
    from strips.cut import CannotCutError

    others = 0
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in TORCH_SUFFIXES):
        try:
            model = _generator(path)
        except UserError:
            others += 1
            continue
        try:
            yield path.name, f"{_difference(model):.1e}"
        except CannotCutError as error:
            yield path.name, str(error)
    yield "", f"{others} networks are no generators of pictures of any size"


def _generator(path: Path) -> keras.Model:
    """Return a network of Torch7 that takes and returns pictures of any size.

    Raises:
        UserError: it does not.
    """
    from pipelines.stylization.generator import check_image_contract

    model = texture_nets.import_torch(path)
    check_image_contract(model)
    return model


def _difference(model: keras.Model) -> float:
    from dataclasses import replace

    import keras

    from strips.cut import cut
    from strips.graph import trace
    from strips.plan import make_plan
    from strips.run import run_strips

    pixels = np.random.default_rng(1).random((*AGREEMENT_SIZE, model.inputs[0].shape[-1]), np.float32)
    network = cut(trace(model, *AGREEMENT_SIZE))
    largest = [0.0]
    whole = keras.ops.convert_to_numpy(model(pixels[None]))[0]

    def compare(rows: range, values: np.ndarray) -> None:
        largest.append(float(np.abs(values - whole[rows.start : rows.stop]).max()))

    plan = replace(make_plan(network, 10**9), rows=STRIP_ROWS)
    run_strips(network, plan, lambda rows: pixels[rows.start : rows.stop], compare)
    return max(largest)


def parse_sizes(texts: Sequence[str]) -> list[tuple[float, str]]:
    """Return megapixels and memory of each "24=2GB".

    Raises:
        ArgumentError: a memory is none.
        ValueError: a number is none.
    """
    pairs = [text.partition("=") for text in texts]
    for _, _, memory in pairs:
        parse_memory(memory)
    return [(float(number), memory) for number, _, memory in pairs]


def run(argv: Sequence[str] | None) -> int:
    """Measure what the arguments ask for and return the exit code."""
    arguments = make_parser().parse_args(argv)
    sizes = parse_sizes(arguments.sizes)
    if "agreement" in arguments.parts:
        rows = [(name, f"{value:.1e}") for name, value in agreements().items()]
        rows += reference_agreements(arguments.references)
        print_table("strips against the whole", ("network", "largest difference"), rows)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "runs" in arguments.parts:
            _print_runs(folder, sizes, arguments)
        if "kill" in arguments.parts:
            is_clean = leaves_nothing(folder, *KILLED_SIZE, arguments)
            print(f"a run of {KILLED_SIZE[0]:g} megapixels that is killed leaves {'nothing' if is_clean else 'files'}")
    return 0


def _print_runs(folder: Path, sizes: Sequence[tuple[float, str]], arguments: argparse.Namespace) -> None:
    runs = [measure(folder, WHOLE_MEGAPIXELS, WHOLE_MEMORY, arguments)]
    base = runs[0].seconds / runs[0].megapixels
    for megapixels, memory in sizes:
        minutes = megapixels * base * STRIPS_TIME / 60
        print(f"{megapixels:g} megapixels in {memory}: about {minutes:.0f} minutes", flush=True)
        if minutes > arguments.minutes:
            print(f"left out: longer than {arguments.minutes:g} minutes (--minutes)")
        else:
            runs.append(measure(folder, megapixels, memory, arguments))
    rows = [
        (
            f"{one.megapixels:g}",
            one.way,
            f"{one.gigabytes:.2f}",
            f"{one.seconds / one.megapixels:.2f}",
            f"{one.seconds / one.megapixels / base:.2f}",
        )
        for one in runs
    ]
    columns = ("megapixels", "way", "GB of anonymous memory", "s a megapixel", "of the whole's")
    print_table("memory and time", columns, rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
