"""The models of real Torch7 to compare with: those that ship, and all where the shared folder is there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from conftest import ROOT, shared_folder

SHIPPED = ROOT / "tests" / "data" / "torch7"


@dataclass(frozen=True)
class Case:
    """A model file, and what Torch7 computes with it.

    `float64_diff` is the largest difference between Torch7 in float32 and in double, 0 where unknown.
    """

    name: str
    folder: Path
    mode: str
    tensor_type: str
    top: str
    float64_diff: float
    note: str

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> Path:
        return self.folder / f"{self.name}.t7"

    @property
    def reference(self) -> Path:
        """The file with the arrays `input` and `output`, NCHW."""
        return self.folder / f"{self.name}.npz"

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        with np.load(self.reference) as arrays:
            return arrays["input"], arrays["output"]


def _read(folder: Path) -> list[Case]:
    rows = json.loads((folder / "cases.json").read_text())
    return [
        Case(
            name=row["name"],
            folder=folder,
            mode=row["mode"],
            tensor_type=row["tensor_type"],
            top=row["top"],
            float64_diff=row["float64_diff"] or 0.0,
            note=row.get("note", ""),
        )
        for row in rows
    ]


def _all_cases() -> list[Case]:
    shared = shared_folder()
    reference = shared / "fixtures" / "torch7" if shared else None
    return _read(reference if reference and reference.is_dir() else SHIPPED)


CASES = _all_cases()
SHIPPED_CASES = _read(SHIPPED)
