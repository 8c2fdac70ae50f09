"""What a program holds, as text."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import convert.pytorch.programs.operators  # noqa: F401  registers the operators
from convert.printable import printable
from convert.pytorch.programs.exported import ProgramInput
from convert.pytorch.programs.network import read_program


def summarize_program(path: str | os.PathLike) -> str:
    """Return the inputs, weights and operators of a program, one a line; those that are not supported are marked.

    Raises:
        UserError: the file cannot be read.
    """
    program = read_program(Path(path))
    lines = [f"input {printable(one.name)}  {_sizes(one)}  {one.dtype}" for one in program.inputs]
    lines += [
        f"{printable(value.name)}  {' x '.join(map(str, value.shape)) or 'scalar'}"
        for value in program.tensors.values()
    ]
    lines += [
        f"operator {printable(name)}  {count}" + ("" if is_known else "  (not supported)")
        for (name, is_known), count in Counter(program.operators()).items()
    ]
    return "\n".join([*lines, f"tensors: {program.stored}"])


def _sizes(one: ProgramInput) -> str:
    return " x ".join("?" if size is None else str(size) for size in one.sizes) or "one number"
