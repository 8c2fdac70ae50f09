"""Damaged folders of interrupted runs, with which the same command is to go on, or to say in one line why not."""

from __future__ import annotations

import importlib
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.paths import ROOT
from benchmarks.torture.files import Attack, Files
from benchmarks.torture.jobs import SYNTHESIS, TRAINING, TRANSFER, Job, write_inputs

# How often a run is interrupted anew until it has left something to go on with.
TRIES = 20
STATE_NAMES = ("state", "checkpoint", "iteration")


class Folders(Files):
    """Damaged folders of one kind of run.

    Args:
        folder: for inputs, the folder of an interrupted run, and damaged copies of it.
        seed: of the random numbers that choose what is damaged.
    """

    job: Job

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self.inputs, self.whole, self.damaged = (folder / name for name in ("inputs", "whole", "runs"))
        if not self.inputs.exists():
            self.inputs.mkdir()
            write_inputs(self.inputs)
        if not self.whole.exists():
            # The run must have been in the place of its copies: what it keeps may name it.
            interrupt(self.job.command(self.inputs, self.damaged), self.damaged)
            shutil.copytree(self.damaged, self.whole)

    def attack(self, number: int) -> Attack:
        """The folder with one or two of its files damaged."""
        generator = self.random(number)
        shutil.rmtree(self.damaged, ignore_errors=True)
        shutil.copytree(self.whole, self.damaged)
        what = [damage_file(self.damaged, generator) for _ in range(generator.choice((1, 1, 2)))]
        script, *arguments = self.job.command(self.inputs, self.damaged)
        main = importlib.import_module(Path(script).stem).main
        return f"folder of a {self.job.name} {number}: {', '.join(what)}", lambda: main(arguments)


class SynthesisFolders(Folders):
    """Folders of synthesize.py."""

    job = SYNTHESIS


class TransferFolders(Folders):
    """Folders of style_transfer.py."""

    job = TRANSFER


class TrainingFolders(Folders):
    """Folders of train.py."""

    job = TRAINING


def interrupt(command: list[str], folder: Path) -> None:
    """Start a run and interrupt it as soon as it has saved something in `folder`.

    Raises:
        RuntimeError: it never did before its end.
    """
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        child = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            preexec_fn=hear_ctrl_c,
        )  # fmt: skip
        while child.poll() is None and not has_state(folder):
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate()
        if child.returncode and has_state(folder):
            return
        if child.returncode == 1:
            raise RuntimeError(errors.decode(errors="backslashreplace"))
    raise RuntimeError(f"{command[0]} ended before it could be interrupted")


def hear_ctrl_c() -> None:
    """Let a child hear Ctrl-C, which shells switch off for what they run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def has_state(folder: Path) -> bool:
    """Say whether a run has saved something to go on with."""
    names = [path.name for path in folder.rglob("*") if path.is_file() and ".tmp" not in path.name]
    return any(word in name for name in names for word in STATE_NAMES)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def damage_file(folder: Path, generator: random.Random) -> str:
    """Damage one of the files under `folder` that are no pictures, and say how."""
    from support.keras_files import damage

    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".png", ".jpg"))
    if not files:
        return "nothing left"
    path = generator.choice(files)
    data = path.read_bytes()
    ways: dict[str, Callable[[], object]] = {
        "bytes": lambda: path.write_bytes(damage(data, generator)),
        "text": lambda: path.write_bytes(change_text(data, generator)),
        "cut": lambda: path.write_bytes(data[: generator.randrange(len(data) + 1)]),
        "empty": lambda: path.write_bytes(b""),
        "removed": path.unlink,
        "exchanged": lambda: path.write_bytes(generator.choice(files).read_bytes()),
        "a folder": lambda: replace_by_folder(path),
    }
    way = generator.choice(list(ways))
    ways[way]()
    return f"{path.relative_to(folder)} {way}"


def change_text(data: bytes, generator: random.Random) -> bytes:
    """Return `data` with a word or number in it replaced by another."""
    words = [word for word in data.split(b'"') if 0 < len(word) < 40] or [b"0"]
    odd = (b"-1", b"1e999", b"NaN", b"null", b"[]", b"99999999999", b"x", *words[:20])
    return data.replace(generator.choice(words), generator.choice(odd), generator.choice((1, 1, -1)))
