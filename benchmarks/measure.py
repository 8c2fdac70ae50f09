"""Fair measuring: jobs in turn in one run, medians, and whole processes with their peak memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from runs.machine import choose_precision


@dataclass(frozen=True)
class Process:
    """What a child process took: wall-clock seconds and peak resident memory in megabytes."""

    seconds: float
    megabytes: float


def alternate(jobs: Mapping[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Return the median time in seconds of each job, after one warm-up, the jobs taking turns `runs` times.

    Taking turns matters: the speed of a machine drifts, and so both feel it alike.
    """
    for job in jobs.values():
        job()
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(runs):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def run_process(arguments: Sequence[str]) -> Process:
    """Run Python with `arguments` to its end and return what it took.

    Raises:
        RuntimeError: it did not end with exit code 0.
    """
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(arguments)[:200]} ended with exit code {child.returncode}")
    return Process(seconds, usage.ru_maxrss / 1024)


def alternate_processes(jobs: Mapping[str, Sequence[str]], runs: int) -> dict[str, Process]:
    """Return the medians of what Python takes for each list of arguments, after one warm-up, taking turns."""
    taken: dict[str, list[Process]] = {name: [] for name in jobs}
    for run in range(runs + 1):
        for name, arguments in jobs.items():
            process = run_process(arguments)
            if run > 0:
                taken[name].append(process)
    return {
        name: Process(
            statistics.median(process.seconds for process in processes),
            statistics.median(process.megabytes for process in processes),
        )
        for name, processes in taken.items()
    }


class Worker:
    """A process of its own that does one job again and again, when told to.

    Engines that share a process disturb each other: their threads wait by spinning.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self._arguments = tuple(arguments)
        self.first_answer = self._answer()

    def run(self) -> float:
        """Have the job done once and return the seconds that it took."""
        self._requests.write("run\n")
        self._requests.flush()
        return float(self._answer())

    def stop(self) -> None:
        """End the process."""
        self._requests.close()
        self._process.wait()

    def _answer(self) -> str:
        for line in self._answers:
            if line.startswith(ANSWER):
                return line.removeprefix(ANSWER).strip()
        raise RuntimeError(f"{' '.join(self._arguments)} ended")


ANSWER = "answer: "


def serve(job: Callable[[], object], first_answer: str = "") -> None:
    """Do `job` at every line of standard input, as a Worker's process.

    Twice, of which the second time counts: before it the threads of another engine may still be spinning, and the
    caches are another's.
    """
    job()
    print(ANSWER + first_answer, flush=True)
    for _ in sys.stdin:
        job()
        start = time.perf_counter()
        job()
        print(f"{ANSWER}{time.perf_counter() - start}", flush=True)


def alternate_workers(workers: Mapping[str, Worker], runs: int) -> dict[str, float]:
    """Return the median seconds of each worker, taking turns."""
    times: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(runs):
        for name, worker in workers.items():
            times[name].append(worker.run())
    return {name: statistics.median(values) for name, values in times.items()}


def engines_here(engines: Sequence[str]) -> list[str]:
    """Return names of engines, those of bfloat16 left out where the processor has no instructions for it.

    There they would take twenty times as long as all others. A GPU, on Keras' other backends, has them.
    """
    on_processor = os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"
    is_quick = not on_processor or choose_precision("auto")[0] == "bfloat16"
    return [name for name in engines if is_quick or "bfloat16" not in name]


# Where every table is appended to as a line of JSON, for `benchmarks.all`.
TABLES_VARIABLE = "TEXTURE_NETS_TABLES"


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print one table."""
    table = Table(title=title)
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right")
    cells = [[str(cell) for cell in row] for row in rows]
    for row in cells:
        table.add_row(*row)
    Console().print(table)
    if path := os.environ.get(TABLES_VARIABLE):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"title": title, "columns": list(columns), "rows": cells}) + "\n")


def print_bars(bars: Sequence[tuple[str, float, float]]) -> None:
    """Print figures beside what they may be at most."""
    rows = [(name, f"{found:.3g}", f"{limit:g}", "yes" if found <= limit else "NO") for name, found, limit in bars]
    print_table("Bars", ("of", "found", "at most", "holds"), rows)
