"""Finding the state dicts in a PyTorch file, wherever a training script put them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convert.printable import printable
from convert.pytorch.tensors import FormatError, Tensor
from convert.pytorch.unpickler import Container, NumPyArray
from errors import UserError

MAX_DEPTH = 8  # of dicts within dicts
MAX_PLACES = 8  # at which one dict is looked for: a small file can hold one any number of times


@dataclass(frozen=True)
class StateDict:
    """Tensors by name.

    `entry` is where they stand: the keys that lead to them, with dots. `versions` holds what the file says of the
    modules' versions, by the modules' names.
    """

    entry: str
    tensors: Mapping[str, Tensor]
    versions: Mapping[str, int] = field(default_factory=dict)

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of the tensor `name`, None where there is none."""
        tensor = self.tensors.get(name)
        return None if tensor is None else tensor.shape

    def count(self, name: Callable[[int], str], most: int) -> int:
        """Return how many numbers from 0 on `name` makes the name of a tensor of, up to `most`."""
        return next((number for number in range(most) if name(number) not in self.tensors), most)

    def array(self, name: str) -> np.ndarray:
        """Return the tensor `name` as float32.

        Raises:
            UserError: its numbers are not in the file, or not finite.
        """
        from model.untrusted.sizes import check_values  # loads Keras, which listing tensors does without

        place = f"tensor {printable(join(self.entry, name))}"
        try:
            array = self.tensors[name].array()
        except FormatError as error:
            raise UserError(f"{place}: {error}") from error
        if array.dtype.kind != "f":
            raise UserError(f"{place} contains {array.dtype}, not floating-point numbers")
        check_values(place, array)
        return array.astype(np.float32)


def join(*parts: str) -> str:
    """Return names of nested things as one with dots."""
    return ".".join(part for part in parts if part)


def find_state_dicts(value: Any) -> list[StateDict]:
    """Return every dict of tensors in `value`, the outer ones first; one that stands at several places for each."""
    found = []
    for entry, container, parts in _containers(value, "", (), Counter()):
        tensors = {key: part for key, part in parts.items() if isinstance(part, Tensor)}
        if tensors:
            found.append(StateDict(entry, tensors, _versions(container)))
    return found


def holds_numpy_arrays(value: Any) -> bool:
    """Return whether arrays of NumPy stand where tensors could."""
    return any(
        isinstance(part, NumPyArray) for _, _, parts in _containers(value, "", (), Counter()) for part in parts.values()
    )


def _containers(
    value: Any, entry: str, outer: tuple[int, ...], visits: Counter[int]
) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield the dicts, lists and tuples in `value`: the keys that lead to each, itself, and what it holds by its keys.

    Args:
        value: where to look.
        entry: the keys that lead to it.
        outer: identities of those that hold it.
        visits: how often each was found.
    """
    number = id(value)
    if not isinstance(value, (dict, list, tuple)) or number in outer or len(outer) > MAX_DEPTH:
        return
    visits[number] += 1
    if visits[number] > MAX_PLACES:
        return
    items = value.items() if isinstance(value, dict) else enumerate(value)
    parts = {str(key): part for key, part in items}
    yield entry, value, parts
    for key, part in parts.items():
        yield from _containers(part, join(entry, key), (*outer, number), visits)


def _versions(value: Any) -> dict[str, int]:
    metadata = value.metadata if isinstance(value, Container) else {}
    return {
        name: entry["version"]
        for name, entry in metadata.items()
        if isinstance(entry, dict) and isinstance(entry.get("version"), int)
    }


def parts_of(state: StateDict, depth: int = 5) -> Iterator[StateDict]:
    """Yield `state`, and the tensors of each of its modules as a state dict of its own, down to `depth`.

    Networks are wrapped (`module.conv1.weight`, by nn.DataParallel) or stand beside others in one dict.
    """
    yield state
    if depth == 0:
        return
    groups: dict[str, dict[str, Tensor]] = {}
    for name, tensor in state.tensors.items():
        head, _, rest = name.partition(".")
        if rest:
            groups.setdefault(head, {})[rest] = tensor
    for head, tensors in groups.items():
        versions = {
            name.removeprefix(f"{head}."): version
            for name, version in state.versions.items()
            if name.startswith(f"{head}.")
        }
        yield from parts_of(StateDict(join(state.entry, head), tensors, versions), depth - 1)
