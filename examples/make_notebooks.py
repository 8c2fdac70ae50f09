"""Makes a notebook (.ipynb) of each example (.py) beside it, which is cut into cells at lines that begin with `# %%`.

A cell `# %% [markdown]` is text, in comments. `python examples/make_notebooks.py` writes the notebooks, without
outputs; a test sees that they are those of the scripts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MARKER, TEXT = "# %%", "# %% [markdown]"
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def examples() -> list[Path]:
    """Return the example scripts."""
    return sorted(path for path in HERE.glob("*.py") if path != Path(__file__).resolve())


def notebook(script: str) -> str:
    """Return the notebook of a script, as the text of an `.ipynb` file (nbformat 4.5)."""
    cells = [cell(number, text) for number, text in enumerate(split(script))]
    content = {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def split(script: str) -> list[str]:
    """Return the cells of a script, each with its marker; the docstring above the first is left out."""
    lines = script.splitlines()
    begins = [i for i, line in enumerate(lines) if line.startswith(MARKER)]
    return ["\n".join(lines[i:j]).strip() for i, j in zip(begins, [*begins[1:], len(lines)], strict=True)]


def cell(number: int, text: str) -> dict[str, Any]:
    """Return one cell of a notebook."""
    marker, _, body = text.partition("\n")
    common = {"id": f"cell-{number}", "metadata": {}}
    if marker == TEXT:
        words = [line.removeprefix("#").removeprefix(" ") for line in body.splitlines()]
        return {"cell_type": "markdown", **common, "source": _lines("\n".join(words))}
    return {"cell_type": "code", **common, "execution_count": None, "outputs": [], "source": _lines(body.strip())}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def main() -> int:
    """Write the notebooks."""
    for path in examples():
        path.with_suffix(".ipynb").write_text(
            notebook(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
