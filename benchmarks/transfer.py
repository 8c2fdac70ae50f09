"""One iteration of style transfer and the memory that it takes, against PyTorch in the original's way.

`python -m benchmarks.transfer VGG19.h5` (weights in the layout of keras.applications). An iteration: Wasserstein-2
losses at five layers, content, total variation, Adam and the running average. Each engine has a process of its own;
they take turns. Memory: the peak of a process that does three iterations at 1024 x 683.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Worker, alternate_workers, engines_here, print_table, run_process, serve
from benchmarks.paths import ROOT

CONTENT, STYLE = ROOT / "pics/coffee.jpg", ROOT / "pics/chelsea.jpg"
SIZE, LARGE_SIZE = (341, 512), (683, 1024)
PEER, FLOAT32, BFLOAT16 = "PyTorch, float32", "float32", "bfloat16"
LARGE_STEPS = 3
# (engine, what is compared, at most as much of the peer's)
BARS = {FLOAT32: 0.42, BFLOAT16: 0.35}
MEMORY_BAR = 0.6


def make_step(engine: str, weights: str, size: tuple[int, int]) -> Callable[[], float]:
    """Return what does one iteration at (height, width) and returns the loss."""
    return _torch_step(weights, size) if engine == PEER else _own_step(engine, weights, size)


def _torch_step(weights: str, size: tuple[int, int]) -> Callable[[], float]:
    from benchmarks.torch_transfer import TorchTransfer
    from images.reading import read_image
    from images.resizing import resize

    content, style = (np.array(resize(read_image(path).pixels, *size)) for path in (CONTENT, STYLE))
    return TorchTransfer(weights, content, style).step


def _own_step(precision: str, weights: str, size: tuple[int, int]) -> Callable[[], float]:
    from images.resizing import resize
    from pipelines.startup import quiet_startup
    from pipelines.transfer.inputs import read_inputs
    from pipelines.transfer.settings import TransferSettings

    with quiet_startup(precision):
        from optimize.adam import Adam, AdamState
        from optimize.averaging import RunningAverage
        from optimize.progress import finite_loss
        from pipelines.transfer.plan import plan_transfer

    with tempfile.TemporaryDirectory() as folder:
        settings = TransferSettings(
            content=CONTENT,
            styles=(STYLE,),
            output=Path(folder, "out.png"),
            weights=weights,
            precision=precision,
            style_size=max(size),
        )
    inputs = read_inputs(settings)
    plan = plan_transfer(settings, inputs)
    evaluate = plan.objective.build(inputs).compile(size)
    adam = Adam(plan.step_size)
    first = AdamState.zeros(resize(inputs.content, *size)[np.newaxis])
    state: list[Any] = [first, RunningAverage.of(first.point, plan.avg_decay)]

    def step() -> float:
        moments, average = state
        evaluation = evaluate(moments.point)
        loss = finite_loss(evaluation, 1)
        moments = adam.step(evaluation.gradient, moments)
        state[:] = moments, average.updated(moments.point, plan.avg_decay)
        return loss

    return step


def measure_time(weights: str, runs: int) -> None:
    """Print the seconds of an iteration."""
    engines = engines_here((PEER, FLOAT32, BFLOAT16))
    workers = {name: Worker(["-m", "benchmarks.transfer", weights, "--engine", name]) for name in engines}
    seconds = alternate_workers(workers, runs)
    for worker in workers.values():
        worker.stop()
    rows = []
    for name, taken in seconds.items():
        ratio = taken / seconds[PEER]
        bar = BARS.get(name)
        holds = "" if bar is None else "yes" if ratio <= bar else "NO"
        rows.append((name, f"{taken:.3f}", f"{ratio:.3f}", bar or "", holds))
    title = f"One iteration at {SIZE[1]} x {SIZE[0]}, medians of {runs}"
    print_table(title, ("engine", "seconds", "of PyTorch", "at most", "holds"), rows)


def measure_memory(weights: str) -> None:
    """Print the peak memory of whole processes."""
    arguments = ["-m", "benchmarks.transfer", weights, "--steps", str(LARGE_STEPS), "--engine"]
    peaks = {name: run_process([*arguments, name]).megabytes for name in engines_here((PEER, FLOAT32, BFLOAT16))}
    rows = []
    for name, peak in peaks.items():
        ratio = peak / peaks[PEER]
        holds = "" if name == PEER else "yes" if ratio <= MEMORY_BAR else "NO"
        rows.append((name, f"{peak:.0f}", f"{ratio:.3f}", "" if name == PEER else MEMORY_BAR, holds))
    title = f"Peak memory at {LARGE_SIZE[1]} x {LARGE_SIZE[0]}, whole process"
    print_table(title, ("engine", "MB", "of PyTorch", "at most", "holds"), rows)


def main() -> int:
    """Measure, or be one engine's process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", help="VGG-19's weights in the layout of keras.applications")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--only", choices=("time", "memory"), help="measure this alone")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.steps is not None:
        step = make_step(arguments.engine, arguments.weights, LARGE_SIZE)
        for _ in range(arguments.steps):
            assert np.isfinite(step())
    elif arguments.engine is not None:
        serve(make_step(arguments.engine, arguments.weights, SIZE))
    else:
        if arguments.only != "memory":
            measure_time(arguments.weights, arguments.runs)
        if arguments.only != "time":
            measure_memory(arguments.weights)
    return 0


if __name__ == "__main__":
    sys.exit(main())
