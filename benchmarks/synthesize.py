"""How quickly and how well textures are synthesised, beside PyTorch with the same weights.

`python -m benchmarks.synthesize` (peers: pip install -r requirements-bench.txt; weights: see `model.weights`). It
wants the textures of the reference folder, or `--source FILE --size PIXELS`. All of it takes half an hour; `--part`
picks what is wanted. Engines have a process each and take turns; figures are medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from benchmarks.measure import Worker, alternate_workers, engines_here, print_bars, print_table, run_process, serve
from benchmarks.paths import find_shared
from images.reading import read_image
from images.resizing import resize
from images.writing import write_image
from pipelines.command_line import run_script

if TYPE_CHECKING:
    from benchmarks.torch_texture import TorchTexture

# Pictures of the folder of reference files whose time is taken, with their sizes.
TASKS = (("textures/pebbles.jpg", 256), ("textures/bark.jpg", 512))
# Of the syntheses whose time is taken, at each of the sizes from 64 to the final one.
ITERATIONS_OF_SCALE = 90
OURS, BFLOAT16, TORCH, CHANNELS_LAST = "float32", "bfloat16", "PyTorch", "PyTorch, channels last"
# What an evaluation may take at most, of what; by size.
EVALUATION_BARS = {
    256: ((OURS, TORCH, 0.65), (BFLOAT16, OURS, 0.7)),
    512: ((OURS, TORCH, 0.55), (BFLOAT16, OURS, 0.7)),
}
# Milliseconds that L-BFGS-B may add at most: (unbounded, bounded).
OPTIMIZER_BARS = {256: (20, 43), 512: (61, 143)}
OPTIMIZER_SHARE = 0.05
# Iterations until the optimisers' memory is full, and those that are measured.
SETTLING, MEASURED = 12, 12
TORCH_EVALUATIONS = 200
TIME_BAR = 0.25
MEMORY_SIZES, MEMORY_BAR = (512, 1024, 1536), 2500
SEAM_BAR = 0.1
GRAM_LAYERS = ("relu1_1", "pool1", "pool2", "pool3", "pool4")
# What the peer computes: Gram matrices alone, of one octave, to the edge.
SYNTHESIZE = (
    "synthesize.py", "--layers", *GRAM_LAYERS, "--statistics", "gram", "--pooling", "average", "--octaves", "1",
    "--padding-mode", "same", "--margin", "0",
)  # fmt: skip


@dataclass(frozen=True)
class Task:
    """A texture to be made at a size."""

    source: Path
    size: int

    def picture(self) -> np.ndarray:
        """Return the source as wide as the output: float32 (height, width, 3)."""
        pixels = read_image(self.source).pixels
        return resize(pixels, round(pixels.shape[0] * self.size / pixels.shape[1]), self.size)


def compiled_loss(task: Task, precision: str) -> Callable:
    """Return the program's loss and gradient of one octave with five Gram layers."""
    from pipelines.startup import quiet_startup
    from pipelines.synthesis.settings import SynthesisSettings

    with quiet_startup(precision):
        from pipelines.synthesis.inputs import make_inputs
        from pipelines.synthesis.plan import plan_synthesis

    settings = SynthesisSettings(
        output_width=task.size, octaves=1, layers=GRAM_LAYERS, statistics="gram", pooling="average",
        padding_mode="same", margin=0, precision=precision, schedule="single",
    )  # fmt: skip
    picture = task.picture()
    plan = plan_synthesis(settings, [picture.shape[:2]])
    objectives = plan.objective.build(make_inputs([picture]))
    return objectives.compile(plan.scales[-1], (1, task.size, task.size, 3))


def torch_texture(task: Task) -> TorchTexture:
    from benchmarks.torch_texture import TorchTexture
    from model.weights import find_weights

    return TorchTexture(find_weights(), task.picture())


def noise(size: int) -> np.ndarray:
    return np.random.default_rng(0).random((1, size, size, 3), np.float32)


def serve_evaluation(task: Task, engine: str) -> None:
    """Be the process of one engine; its first answer is the loss."""
    pixels = noise(task.size)
    if engine in (OURS, BFLOAT16):
        loss = compiled_loss(task, engine)
        serve(lambda: np.asarray(loss(pixels).gradient), str(float(loss(pixels).loss)))
        return
    import torch

    texture = torch_texture(task)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    if engine == CHANNELS_LAST:
        texture.to_channels_last()
    else:
        images = images.contiguous()
    serve(lambda: texture.value_and_gradient(images), str(texture.value_and_gradient(images)[0]))


def measure_evaluation(task: Task, runs: int) -> None:
    """Print the time of a loss and its gradient."""
    engines = engines_here((OURS, BFLOAT16, TORCH, CHANNELS_LAST))
    workers = {name: Worker(_engine(task, name)) for name in engines}
    seconds = alternate_workers(workers, runs)
    rows = [(name, f"{1000 * seconds[name]:.0f}", f"{float(workers[name].first_answer):.5f}") for name in engines]
    for worker in workers.values():
        worker.stop()
    size = f"{task.size}x{task.size}"
    print_table(f"Loss and gradient, VGG-19 to pool4, {size}", ("engine", "ms", "loss"), rows)
    bars = [bar for bar in EVALUATION_BARS.get(task.size, EVALUATION_BARS[256]) if bar[0] in engines]
    print_bars([(f"{what} / {of}, {size}", seconds[what] / seconds[of], limit) for what, of, limit in bars])


def serve_optimizers(task: Task) -> None:
    """Print as JSON what each optimiser takes of its own for an evaluation, and the evaluation: milliseconds."""
    evaluate = compiled_loss(task, OURS)
    from optimize.lbfgs import minimize_lbfgs
    from optimize.lbfgsb import minimize_lbfgsb

    found = {}
    for name, minimize, bounds in (
        ("l-bfgs-b, unbounded", minimize_lbfgsb, None),
        ("l-bfgs-b", minimize_lbfgsb, (0.0, 1.0)),
        ("lbfgs, unbounded", minimize_lbfgs, None),
        ("lbfgs", minimize_lbfgs, (0.0, 1.0)),
    ):
        clock = _Clock(evaluate)
        cast("Any", minimize)(
            clock.evaluate, noise(task.size), maxiter=SETTLING + MEASURED, bounds=bounds, ftol=0, gtol=0,
            callback=clock.iterated,
        )  # fmt: skip
        found[name] = clock.milliseconds()
    print(json.dumps(found))


class _Clock:
    """Takes the time of evaluations, and of what an optimiser does between them."""

    def __init__(self, evaluate: Callable) -> None:
        self._evaluate = evaluate
        self.marks: list[tuple[float, float, int]] = []
        self.spent, self.count = 0.0, 0

    def evaluate(self, point: np.ndarray) -> object:
        start = time.perf_counter()
        evaluation = self._evaluate(point)
        np.asarray(evaluation.loss)
        self.spent += time.perf_counter() - start
        self.count += 1
        return evaluation

    def iterated(self, _: object) -> None:
        self.marks.append((time.perf_counter(), self.spent, self.count))

    def milliseconds(self) -> tuple[float, float]:
        """Return medians over the iterations with full memory: added to an evaluation, and the evaluation."""
        added, taken = [], []
        pairs = zip(self.marks[SETTLING - 1 :], self.marks[SETTLING:], strict=False)
        for (begin, spent, count), (end, spent_after, count_after) in pairs:
            evaluations, inside = count_after - count, spent_after - spent
            added.append(1000 * (end - begin - inside) / evaluations)
            taken.append(1000 * inside / evaluations)
        return statistics.median(added), statistics.median(taken)


def measure_optimizers(task: Task) -> None:
    """Print what the optimisers add to an evaluation."""
    found = json.loads(_output(_engine(task, "optimizers")))
    rows = [(name, f"{added:.1f}", f"{taken:.0f}", f"{added / taken:.3f}") for name, (added, taken) in found.items()]
    print_table(f"Optimisers, {task.size}x{task.size}", ("optimiser", "added ms", "evaluation ms", "share"), rows)
    unbounded, bounded = OPTIMIZER_BARS.get(task.size, OPTIMIZER_BARS[512])
    bars = [(f"{name} added / evaluation", found[name][0] / found[name][1], OPTIMIZER_SHARE)
            for name in ("lbfgs, unbounded", "lbfgs")]  # fmt: skip
    print_bars([
        ("l-bfgs-b added ms, unbounded", found["l-bfgs-b, unbounded"][0], unbounded),
        ("l-bfgs-b added ms, bounded", found["l-bfgs-b"][0], bounded), *bars,
    ])  # fmt: skip


def serve_loop(task: Task) -> None:
    """Print as JSON what PyTorch's L-BFGS reaches: its seconds, its loss, and that of the picture as it is saved."""
    texture = torch_texture(task)
    result = texture.optimize((task.size, task.size), TORCH_EVALUATIONS)
    saved = np.round(np.clip(result.pixels, 0, 1) * 255).astype(np.float32) / 255
    print(json.dumps([result.seconds, texture.measure(result.pixels), texture.measure(saved)]))


def measure_time(task: Task, runs: int) -> None:
    """Print the time to PyTorch's loss; the program's is that of the whole process until such a picture is saved."""
    loops, ours = [], []
    iterations = ITERATIONS_OF_SCALE * (task.size // 64).bit_length()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.png"
        write_image(source, task.picture())
        saved_task = Task(source, task.size)
        for run in range(runs):
            loops.append(json.loads(_output(_engine(saved_task, "loop"))))
            target = loops[-1][1]
            ours.append(_reach(saved_task, target, iterations, Path(folder) / str(run)))
    seconds, target, clipped = (statistics.median(values) for values in zip(*loops, strict=True))
    reached, last, whole = (statistics.median(values) for values in zip(*ours, strict=True))
    rows = [
        (f"PyTorch, {TORCH_EVALUATIONS} evaluations", f"{seconds:.1f}", f"{1000 * target:.2f}"),
        ("the same, clipped to a picture file", "", f"{1000 * clipped:.2f}"),
        ("synthesize.py, first picture as good", f"{reached:.1f}", f"<= {1000 * target:.2f}"),
        (f"synthesize.py, -m {iterations}", f"{whole:.1f}", f"{1000 * last:.2f}"),
    ]
    print_table(f"{task.source.name}, {task.size}x{task.size}", ("run", "seconds", "loss x 1000"), rows)
    print_bars([("time / PyTorch's", reached / seconds, TIME_BAR)])


def _reach(task: Task, target: float, iterations: int, folder: Path) -> tuple[float, float, float]:
    """Return the seconds to the first saved picture with the target's loss, the final loss, and all seconds."""
    start = time.time()
    whole = run_process([
        *SYNTHESIZE, "--source", str(task.source), "--output-width", str(task.size), "--max-iter", str(iterations),
        "--output-dir", str(folder),
    ]).seconds  # fmt: skip
    (run,) = folder.iterdir()
    texture = torch_texture(task)
    reached = float("inf")
    for path in sorted(run.glob("*_F0000.png"), key=lambda path: path.stat().st_mtime):
        pixels = read_image(path).pixels
        if pixels.shape[1] == task.size and texture.measure(pixels) <= target:
            reached = path.stat().st_mtime - start
            break
    return reached, texture.measure(read_image(run / "final_F0000.png").pixels), whole


def measure_memory(task: Task) -> None:
    """Print the peak memory of whole processes with the default layers and octaves."""
    megabytes = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in MEMORY_SIZES:
            given = ["--source", str(task.source), "-ow", str(size), "-m", "6", "--output-dir", folder]
            megabytes[size] = run_process(["synthesize.py", *given]).megabytes
    rows = [(f"{size}x{size}", f"{found:.0f}") for size, found in megabytes.items()]
    print_table("Peak memory, 4 octaves, pool1 and relu3_2", ("size", "MB"), rows)
    print_bars([
        ("MB at 1024x1024", megabytes[1024], MEMORY_BAR),
        ("MB at 1536x1536 / 1024x1024", megabytes[1536] / megabytes[1024], 2.25),
    ])  # fmt: skip


def measure_seam(task: Task) -> None:
    """Print how much rows and columns differ across the edge of a tileable picture, and inside."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "tile.png"
        run_process([
            "synthesize.py", "--source", str(task.source), "-ow", "256", "-o", "3", "-m", "200", "--tileable", "both",
            "--output-dir", folder, "--output", str(output),
        ])  # fmt: skip
        pixels = read_image(output).pixels
    bars = []
    for axis, name in enumerate(("rows", "columns")):
        inside = np.abs(np.diff(pixels, axis=axis)).mean()
        across = np.abs(pixels.take(0, axis) - pixels.take(-1, axis)).mean()
        bars.append((f"{name}: |across / inside - 1|", abs(across / inside - 1), SEAM_BAR))
    print_bars(bars)


def _engine(task: Task, engine: str) -> list[str]:
    given = ["--engine", engine, "--source", str(task.source), "--size", str(task.size)]
    return ["-m", "benchmarks.synthesize", *given]


def _output(arguments: Sequence[str]) -> str:
    """Return the last line that Python prints for `arguments`."""
    result = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return result.stdout.splitlines()[-1]


def measure(parts: Sequence[str], tasks: Sequence[Task], arguments: argparse.Namespace) -> None:
    """Print the tables of the parts."""
    for part in parts:
        if part == "memory":
            measure_memory(tasks[0])
        elif part == "seam":
            measure_seam(tasks[0])
        for task in tasks:
            if part == "evaluation":
                measure_evaluation(task, arguments.runs)
            elif part == "optimizers":
                measure_optimizers(task)
            elif part == "time":
                measure_time(task, arguments.time_runs)


PARTS = ("evaluation", "optimizers", "time", "memory", "seam")


def run(argv: Sequence[str]) -> int:
    """Measure, or be one engine's process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--source", type=Path, help="texture (default: pebbles at 256 and bark at 512 pixels)")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--runs", type=int, default=11, help="of evaluations")
    parser.add_argument("--time-runs", type=int, default=1, help="of whole syntheses")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.source is not None:
        tasks = [Task(arguments.source, arguments.size)]
    else:
        shared = find_shared()
        tasks = [Task(shared / name, size) for name, size in TASKS]
    if arguments.engine == "loop":
        serve_loop(tasks[0])
    elif arguments.engine == "optimizers":
        serve_optimizers(tasks[0])
    elif arguments.engine is not None:
        serve_evaluation(tasks[0], arguments.engine)
    else:
        measure(arguments.part, tasks, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(run_script("benchmarks.synthesize", lambda: run(sys.argv[1:])))
