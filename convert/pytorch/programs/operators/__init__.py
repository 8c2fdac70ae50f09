"""The operators of PyTorch's ATen library that are converted; importing the package registers them."""

from convert.pytorch.programs.operators import (
    activations,
    arithmetic,
    attention,
    creation,
    joining,
    lines_and_volumes,
    normalization,
    positions,
    reductions,
    reshaping,
    resizing,
    sampling,
    weighted,
    windows,
    writing,
)

__all__ = [
    "activations",
    "arithmetic",
    "attention",
    "creation",
    "joining",
    "lines_and_volumes",
    "normalization",
    "positions",
    "reductions",
    "reshaping",
    "resizing",
    "sampling",
    "weighted",
    "windows",
    "writing",
]
