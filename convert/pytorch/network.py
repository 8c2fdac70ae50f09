"""Converting a PyTorch file into a Keras model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np

import convert.pytorch.architectures  # noqa: F401  registers the architectures
from convert.printable import printable
from convert.pytorch.reader import read_pytorch
from convert.pytorch.registry import ARCHITECTURES, Architecture
from convert.pytorch.state_dicts import StateDict, find_state_dicts, holds_numpy_arrays, parts_of
from errors import ArgumentError, UserError

MAX_NAMES = 6  # of tensors in a message


@dataclass(frozen=True)
class Conversion:
    """A converted network: the model, what it is, and what was decided about it, in words.

    `entry` is where its tensors stand in the file, "" for the outermost dict. `pictures` makes pictures of what the
    network takes and returns in PyTorch, see convert.pytorch.registry.Architecture.
    """

    model: keras.Model
    architecture: str
    decided: str
    entry: str
    tensors: int
    pictures: Callable[[np.ndarray], np.ndarray]


def convert_pytorch(path: str | os.PathLike, *, entry: str | None = None) -> Conversion:
    """Return the network whose tensors are in a PyTorch or safetensors file, as a Keras model.

    Args:
        path: the file: a state dict, or a checkpoint with state dicts in it.
        entry: which one, keys joined by dots, where the file holds several networks; None: the only one.

    Raises:
        UserError: the file cannot be read, or its tensors are of no known architecture.
        ArgumentError: it contains several networks and `entry` is none of them.
    """
    value = read_pytorch(path)
    states = find_state_dicts(value)
    if not states and holds_numpy_arrays(value):
        raise UserError(
            f"{path}: contains arrays of NumPy and no tensors; with PyTorch and NumPy, "
            "torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, NEW_FILE) makes tensors of "
            "them"
        )
    found = _choose(path, list(_known(states)), states, entry)
    architecture, state = found
    try:
        model, decided = architecture.build(state)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return Conversion(model, architecture.name, decided, state.entry, len(state.tensors), architecture.pictures)


def _known(states: list[StateDict]) -> Iterator[tuple[Architecture, StateDict]]:
    for state in states:
        for part in parts_of(state):
            if any(0 in tensor.shape for tensor in part.tensors.values()):
                continue  # widths of 0 may fit each other
            for architecture in ARCHITECTURES:
                if architecture.matches(part):
                    yield architecture, part


def _choose(
    path: str | os.PathLike, known: list[tuple[Architecture, StateDict]], states: list[StateDict], entry: str | None
) -> tuple[Architecture, StateDict]:
    if not known:
        raise UserError(f"{path}: {_unknown(states)}")
    chosen = [one for one in known if entry in (None, one[1].entry)]
    if not chosen or any(state.tensors != chosen[0][1].tensors for _, state in chosen):
        there = ", ".join(printable(state.entry) or "(the whole)" for _, state in known)
        wanted = "it contains several networks" if entry is None else f"no network at {printable(entry)}"
        raise ArgumentError(f"{path}: {wanted}; choose with `entry`: {there}")
    return chosen[0]


def _unknown(states: list[StateDict]) -> str:
    tensors = [(name, tensor.shape) for state in states for name, tensor in state.tensors.items()]
    if not tensors:
        return "contains no named tensors"
    listed = ", ".join(f"{printable(name)} {' x '.join(map(str, shape))}" for name, shape in tensors[:MAX_NAMES])
    more = f" and {len(tensors) - MAX_NAMES} more" if len(tensors) > MAX_NAMES else ""
    return (
        f"contains tensors of an unknown network: {listed}{more} (`summary` lists them; known: "
        f"{'; '.join(architecture.name for architecture in ARCHITECTURES)}; a new architecture is a class in "
        "convert/pytorch/architectures)"
    )
