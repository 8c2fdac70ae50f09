"""The lines of a synthesis' progress: read again, and drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runs.plot import Curve, write_line_plot
from runs.store import DAMAGE


def read_progress(path: Path) -> list[dict[str, Any]]:
    """Return the lines of progress, none without a file; what was cut off or damaged is left out."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return [line for line in map(_parsed, lines) if line is not None]


def draw_progress(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    """Draw the loss and its terms by evaluation, with a line where a scale begins."""
    evaluations = [line["evaluation"] for line in lines]
    curves = [Curve("loss", evaluations, [line["loss"] for line in lines])]
    for term in dict.fromkeys(term for line in lines for term in line["terms"]):
        seen = [line for line in lines if term in line["terms"]]
        curves.append(Curve(term, [line["evaluation"] for line in seen], [line["terms"][term] for line in seen]))
    sizes = [tuple(line["size"]) for line in lines]
    begins = [i for i in range(len(lines)) if i == 0 or sizes[i] != sizes[i - 1]]
    marks = {evaluations[i]: f"{sizes[i][1]} x {sizes[i][0]}" for i in begins}
    write_line_plot(path, curves, marks=marks, label="evaluations")


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Return a line of progress, or None where it is not whole."""
    try:
        if not line.endswith(b"\n"):
            return None
        values = json.loads(line)
        height, width = values["size"]
        numbers = [values["iteration"], values["evaluation"], values["loss"], height, width, *values["terms"].values()]
        return values if all(isinstance(number, int | float) for number in numbers) else None
    except DAMAGE:
        return None
