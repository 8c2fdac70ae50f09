"""What a Ray cluster makes of the cores: its pictures a second beside those of as many plain processes at once.

`python -m benchmarks.cluster --workers 1 2` starts clusters of so many workers on this machine, one processor thread
each, and stylises a folder of pictures with them; the time counts from the moment when half of them are done, so that
starting is no part of it.
The plain processes run the same worker without Ray, one thread each, from a moment when all have their model.
Efficiency is the quotient: what Ray takes is missing from 1, and what the machine itself does not give (memory, turbo
clocks) is missing on both sides. The machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measure import print_table
from pipelines.command_line import ArgumentParser, run_script
from pipelines.model_library import find_model
from pipelines.stylization.settings import StylizationSettings

NAME = "benchmarks.cluster"
PHOTO = Path(__file__).resolve().parent.parent / "pics" / "coffee.jpg"


def make_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(
        prog=f"python -m {NAME}", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="(default: 1 2)")
    parser.add_argument("--pictures", type=int, default=24, help="for each worker (default: %(default)s)")
    parser.add_argument("--size", type=int, default=384, help="pixels a side (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of both in turn; medians count (default: %(default)s)")
    parser.add_argument("--model", default="starry_night", help="network (default: %(default)s)")
    return parser


def write_pictures(folder: Path, count: int, size: int) -> list[Path]:
    """Write pictures of different pixels, parts of a photo, and return their paths."""
    photo = Image.open(PHOTO).convert("RGB")
    paths = [folder / f"{number:05d}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        turned = photo.rotate(360 * number / count, Image.Resampling.BILINEAR)
        turned.resize((size, size), Image.Resampling.BILINEAR).save(path, quality=90)
    return paths


def plain_rate(sources: Sequence[Path], workers: int, model: str) -> float:
    """Return the pictures a second of so many processes at once, each with one thread and its share of the pictures."""
    shares = [list(sources[number::workers]) for number in range(workers)]
    with tempfile.TemporaryDirectory() as name:
        context = get_context("spawn")
        barrier = context.Manager().Barrier(workers)
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            jobs = [pool.submit(_stylize_share, share, Path(name), model, barrier) for share in shares]
            spans = [job.result() for job in jobs]
    return len(sources) / (max(end for _, end in spans) - min(start for start, _ in spans))


def _stylize_share(sources: Sequence[Path], folder: Path, model: str, barrier: object) -> tuple[float, float]:
    """Stylise pictures in this process when all processes are ready; return when it began and ended."""
    from pipelines.cluster.worker import Network, PictureWorker

    worker = PictureWorker(Network(model, find_model(model).read_bytes()), StylizationSettings(), 1, True)
    worker({"number": 0, "source": str(sources[0]), "target": str(folder / f"first{sources[0].name}")})
    barrier.wait()  # type: ignore[attr-defined]
    start = time.time()
    for source in sources:
        worker({"number": 0, "source": str(source), "target": str(folder / source.name)})
    return start, time.time()


def cluster_rate(sources: Sequence[Path], workers: int, model: str) -> float:
    """Return the pictures a second of a cluster of so many workers over the second half of the pictures."""
    from ray.cluster_utils import Cluster

    from pipelines.cluster.pictures import stylize_on_cluster

    times: list[float] = []
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": workers})
    try:
        with tempfile.TemporaryDirectory() as name:
            report = stylize_on_cluster(
                [str(path) for path in sources],
                name,
                StylizationSettings(),
                cluster=cluster.address,
                model=model,
                observe=lambda done, count: times.append(time.time()),
            )
    finally:
        cluster.shutdown()
    if report.failed:
        raise RuntimeError(f"failed: {report.failed}")
    first = len(times) // 2
    return (len(times) - first) / (times[-1] - times[first - 1])


def run(argv: Sequence[str] | None) -> int:
    """Measure, print the table and return the exit code."""
    arguments = make_parser().parse_args(argv)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        sources = write_pictures(Path(name), 2 * arguments.pictures * max(arguments.workers), arguments.size)
        for workers in arguments.workers:
            few = sources[: arguments.pictures * workers]
            twice = sources[: 2 * len(few)]
            found = [
                (plain_rate(few, workers, arguments.model), cluster_rate(twice, workers, arguments.model))
                for _ in range(arguments.rounds)
            ]
            plain, cluster = np.median(found, axis=0)
            efficiency = statistics.median(clustered / alone for alone, clustered in found)
            rows.append((str(workers), f"{plain:.2f}", f"{cluster:.2f}", f"{efficiency:.2f}"))
    print_table("pictures a second", ("workers", "plain processes", "Ray", "efficiency"), rows)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
