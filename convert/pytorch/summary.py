"""The tensors of a PyTorch file as a table, made without Keras."""

from __future__ import annotations

import os

from convert.printable import printable
from convert.pytorch.reader import read_pytorch
from convert.pytorch.state_dicts import find_state_dicts, join


def summarize(path: str | os.PathLike) -> str:
    """Return names, shapes and number types of all tensors in a PyTorch or safetensors file, one a line.

    Raises:
        UserError: the file cannot be read.
    """
    rows = [
        (printable(join(state.entry, name)), " x ".join(map(str, tensor.shape)) or "scalar", tensor.storage.kind)
        for state in find_state_dicts(read_pytorch(path))
        for name, tensor in state.tensors.items()
    ]
    if not rows:
        return "no tensors"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, f"tensors: {len(rows)}"])
