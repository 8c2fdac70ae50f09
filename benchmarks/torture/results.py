"""What was found so far, kept in a folder: a run that was stopped goes on where it was."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

from benchmarks.paths import ROOT
from benchmarks.torture.outcomes import Tally


class Results:
    """Tallies by kind, a file each.

    Args:
        folder: for the files; it is made.
        seed: of the attacks; what was found with another is not used.
        revision: of the program.
    """

    def __init__(self, folder: Path, seed: int, revision: str) -> None:
        self._folder = folder
        self._seed = seed
        self._revision = revision
        folder.mkdir(parents=True, exist_ok=True)

    def find(self, name: str) -> Tally | None:
        """Return what was found of a kind, None where nothing was."""
        path = self._path(name)
        kept = json.loads(path.read_text()) if path.is_file() else {}
        if kept.pop("seed", None) != self._seed:
            return None
        return Tally(**{**kept, "verdicts": Counter(kept["verdicts"])})

    def begin(self, name: str) -> Tally:
        """Return what a run goes on with: what was found, and nothing where that failed in another revision."""
        tally = self.find(name)
        if tally is None or (tally.failures and tally.revisions[-1] != self._revision):
            return Tally(name, revisions=[self._revision])
        if tally.revisions[-1] != self._revision:
            tally.revisions.append(self._revision)
        return tally

    def keep(self, tally: Tally) -> None:
        """Write what was found, whole or not at all."""
        path = self._path(tally.name)
        unfinished = path.with_suffix(".tmp")
        unfinished.write_text(json.dumps({**vars(tally), "seed": self._seed}, indent=1))
        unfinished.replace(path)

    def _path(self, name: str) -> Path:
        return self._folder / f"{re.sub('[^a-z0-9]+', '_', name.lower())}.json"


def revision_here() -> str:
    """Return the program's revision, with a plus where files were changed since; "unknown" without git."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()
