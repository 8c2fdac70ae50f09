"""Scripts killed at any moment: nothing torn, nothing left behind after the next run, the same result."""

from __future__ import annotations

import csv
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.paths import ROOT
from benchmarks.torture.jobs import Job, write_inputs
from benchmarks.torture.outcomes import Tally

# Of a channel's 255 steps: two orders of summation round differently.
MAX_STEPS = 1
# A run after a kill may take as many times longer than one without: other work may keep the machine busy.
PATIENCE = 30.0


def kill_many(tally: Tally, job: Job, count: int, seed: int, tell: Callable[[Tally, int], None]) -> None:
    """Kill runs of a job at random moments, finish each by a second run and compare with a run without.

    Args:
        tally: what becomes of the kills is added to it.
        job: what is run.
        count: of kills, those that the tally counts already among them.
        seed: of the random numbers that choose when to kill.
        tell: is told how far it is, after each.
    """
    if tally.total >= count:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs, outputs = folder / "inputs", folder / "outputs"
        inputs.mkdir()
        write_inputs(inputs)
        # In the same place as the others: what a run keeps may name it.
        seconds = _whole_run(job, inputs, outputs)
        outputs.rename(folder / "whole")
        for number in range(tally.total, count):
            start = time.monotonic()
            moment = random.Random(f"{seed} {job.name} {number}").uniform(0, 1.05 * seconds)
            verdict, text = _kill_and_finish(job, inputs, outputs, folder / "whole", moment, PATIENCE * seconds)
            tally.count(verdict, f"kill {number} of {job.name} after {moment:.2f} s: {verdict}: {text}")
            tally.clock += time.monotonic() - start
            tell(tally, count)
            shutil.rmtree(outputs, ignore_errors=True)


def _start(command: list[str], errors: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors)


def _whole_run(job: Job, inputs: Path, outputs: Path) -> float:
    outputs.mkdir()
    start = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        code = _start(job.command(inputs, outputs), errors.fileno()).wait()
        if code:
            errors.seek(0)
            raise RuntimeError(f"{job.script} failed by itself: {errors.read().decode(errors='backslashreplace')}")
    return time.monotonic() - start


def _kill_and_finish(
    job: Job, inputs: Path, outputs: Path, whole: Path, moment: float, patience: float
) -> tuple[str, str]:
    """Return a verdict and what describes it."""
    outputs.mkdir()
    child = _start(job.command(inputs, outputs), subprocess.DEVNULL)
    time.sleep(moment)
    child.kill()
    child.wait()
    if torn := [found for path in files(outputs) if (found := why_torn(path))]:
        return "torn", "; ".join(torn)
    if is_complete(outputs, whole):  # the kill came too late: the same command would make another result
        return "done", ""
    with tempfile.TemporaryFile() as errors:
        child = _start(job.command(inputs, outputs), errors.fileno())
        try:
            code = child.wait(patience)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            return "hangs", f"the next run took more than {patience:.0f} s"
        errors.seek(0)
        told = errors.read().decode(errors="backslashreplace")
        if code and not (job.complete and job.complete in told):
            return "does not go on", told[-600:]
    return compare_folders(outputs, whole)


def is_complete(outputs: Path, whole: Path) -> bool:
    """Say whether a run has left all its files, but for the lock that it would have removed in the end."""
    names = [{path.relative_to(folder) for path in files(folder)} for folder in (outputs, whole)]
    return names[0] == names[1] and compare_folders(outputs, whole)[0] in ("done", "left behind")


def files(folder: Path) -> list[Path]:
    """Return all files under a folder but temporary ones, whose names begin with a dot."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def why_torn(path: Path) -> str | None:
    """Return what is wrong with a file that is not whole, None where it is."""
    check = CHECKS.get(path.suffix)
    try:
        if path.stat().st_size == 0:
            raise ValueError("it is empty")
        if check is not None:
            check(path)
    except Exception as error:  # readers of damaged files raise anything
        return f"{path.name}: {error}"
    return None


def _check_picture(path: Path) -> None:
    with Image.open(path) as image:
        image.load()


def _check_zip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        if bad := archive.testzip():
            raise ValueError(f"{bad} is damaged")


def _check_csv(path: Path) -> None:
    with path.open(newline="") as file:
        if len({len(row) for row in csv.reader(file)}) != 1:
            raise ValueError("its lines have different lengths")


CHECKS: dict[str, Callable[[Path], object]] = {
    ".png": _check_picture,
    ".jpg": _check_picture,
    ".keras": _check_zip,
    ".npz": _check_zip,
    ".csv": _check_csv,
    ".json": lambda path: json.loads(path.read_text()),
    ".jsonl": lambda path: [json.loads(line) for line in path.read_text().splitlines()],
}


def compare_folders(found: Path, expected: Path) -> tuple[str, str]:
    """Return "done" where two folders hold the same files and results, else a verdict and what differs."""
    names = [{str(path.relative_to(folder)) for path in folder.rglob("*")} for folder in (found, expected)]
    if left := names[0] - names[1]:
        return "left behind", ", ".join(sorted(left))
    if missing := names[1] - names[0]:
        return "missing", ", ".join(sorted(missing))
    for path in files(found):
        if difference := difference_of(path, expected / path.relative_to(found)):
            return "different", f"{path.name}: {difference}"
    return "done", ""


def difference_of(found: Path, expected: Path) -> str | None:
    """Return how two results differ, None where they are the same to rounding."""
    if found.suffix == ".png":
        pictures = [np.asarray(Image.open(path)).astype(int) for path in (found, expected)]
        if pictures[0].shape != pictures[1].shape:
            return f"{pictures[0].shape} in place of {pictures[1].shape}"
        steps = int(np.abs(pictures[0] - pictures[1]).max())
        return f"{steps} of 255 apart" if steps > MAX_STEPS else None
    if found.suffix == ".keras":
        with zipfile.ZipFile(found) as one, zipfile.ZipFile(expected) as other:
            return _difference_of_weights(one, other)
    if found.suffix == ".tflite" and found.read_bytes() != expected.read_bytes():
        return "other bytes"
    return None


def _difference_of_weights(found: zipfile.ZipFile, expected: zipfile.ZipFile) -> str | None:
    import h5py

    with found.open("model.weights.h5") as one, expected.open("model.weights.h5") as other:
        stored, wanted = h5py.File(one), h5py.File(other)
        places: list[str] = []
        wanted.visititems(lambda place, item: places.append(place) if isinstance(item, h5py.Dataset) else None)
        apart = [place for place in places if not np.allclose(stored[place], wanted[place], rtol=1e-4, atol=1e-6)]
    return f"weights differ: {', '.join(apart[:3])}" if apart else None
