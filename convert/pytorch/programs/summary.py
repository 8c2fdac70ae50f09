"""What a program holds, as text."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import convert.pytorch.programs.operators  # noqa: F401  registers the operators
from convert.printable import printable
from convert.pytorch.programs.exported import listed
from convert.pytorch.programs.network import read_program
from convert.pytorch.programs.values import OperatorError
from errors import UserError


def summarize_program(path: str | os.PathLike) -> str:
    """Return the inputs, weights and operators of a program, one a line; those that are not supported are marked.

    Raises:
        UserError: the file cannot be read.
    """
    program, _ = read_program(Path(path))
    try:
        operators = Counter(program.operators())
    except OperatorError as error:
        raise UserError(f"{path}: {error}") from error
    lines = [f"input {printable(one.name)}  {_sizes(one.sizes)}  {one.dtype}" for one in program.inputs]
    lines += [f"{printable(name)}  {_sizes(sizes)}" for name, sizes in program.weights.items()]
    lines += [
        f"operator {printable(name)}  {count}" + ("" if is_known else "  (not supported)")
        for (name, is_known), count in operators.items()
    ]
    return "\n".join([*lines, f"tensors: {program.stored}"])


def _sizes(sizes: tuple[int | None, ...] | None) -> str:
    return "of unknown sizes" if sizes is None else listed(sizes) or "scalar"
