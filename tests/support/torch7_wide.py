"""Cases of all of torch/nn by real Torch7: those that ship, and all where the shared folder is there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from conftest import ROOT, shared_folder

SHIPPED_WIDE = ROOT / "tests" / "data" / "torch7_wide"


@dataclass(frozen=True)
class WideCase:
    """A model file of real Torch7, and what it computes.

    `float64_diff` is the largest difference between Torch7 in float32 and in double, 0 where unknown; `entry` leads to
    one of several networks in the file; `training` says that Torch7 ran in training mode.
    """

    name: str
    path: Path
    reference: Path
    float64_diff: float
    entry: str | None
    training: bool
    shapes: list
    has_noise: bool

    def __str__(self) -> str:
        return self.name


def _read(folder: Path) -> list[WideCase]:
    rows = json.loads((folder / "cases.json").read_text())
    return [_case(folder, row) for row in rows]


def _case(folder: Path, row: dict) -> WideCase:
    home = folder.parent / "real" if row.get("root") == "real" else folder
    shapes = row["input"] if isinstance(row["input"][0], list) else [row["input"]]
    return WideCase(
        name=row["name"],
        path=home / row["file"],
        reference=folder / f"{row['name']}.npz",
        float64_diff=row["float64_diff"] or 0.0,
        entry=row.get("key"),
        training=row.get("training", False),
        shapes=shapes,
        has_noise="noise" in row,
    )


def _all_cases() -> list[WideCase]:
    shared = shared_folder()
    reference = shared / "fixtures" / "torch7_wide" if shared else None
    return _read(reference if reference and reference.is_dir() else SHIPPED_WIDE)


WIDE_CASES = _all_cases()
SHIPPED_WIDE_CASES = _read(SHIPPED_WIDE)
