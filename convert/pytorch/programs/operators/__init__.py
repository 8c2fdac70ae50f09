"""The operators of PyTorch's ATen library that are converted; importing the package registers them."""

from convert.pytorch.programs.operators import (
    activations,
    arithmetic,
    creation,
    joining,
    normalization,
    reductions,
    reshaping,
    weighted,
    windows,
)

__all__ = [
    "activations",
    "arithmetic",
    "creation",
    "joining",
    "normalization",
    "reductions",
    "reshaping",
    "weighted",
    "windows",
]
