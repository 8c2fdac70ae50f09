"""The input shapes of a network: derived from its first modules, or given.

Shapes are in Torch7's order and begin with the batch; None stands for a size that is free. Inputs are a shape, or for
a table a list of inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Union

from convert.torch7.inputs.needs import needed_input, viewed_sizes
from convert.torch7.inputs.rules import Need, Table
from convert.torch7.module import Module
from errors import ArgumentError

Shape = tuple[int | None, ...]
Inputs = Union[Shape, list["Inputs"]]  # noqa: UP007

PICTURE: Shape = (None, None, None, None)


@dataclass(frozen=True)
class InputPlan:
    """The inputs to build a network with.

    Attributes:
        inputs: their shapes.
        derived: nobody gave their sizes.
        guessed: nothing in the network tells their rank either: a batch of what a view at its beginning makes of them,
            or of pictures.
    """

    inputs: Inputs
    derived: bool
    guessed: bool = False


def plan_inputs(root: Module, given: Sequence[Shape] = (), *, fixed_sizes: bool = False) -> InputPlan:
    """Return what `root` takes.

    Args:
        root: the network's module.
        given: shapes of the inputs, tables depth first; none to derive them.
        fixed_sizes: whether what begins with a view takes inputs of the view's sizes, rather than any.

    Raises:
        ArgumentError: the shapes cannot be derived, or other numbers of them were given than there are inputs.
    """
    need = needed_input(root)
    if given:
        return InputPlan(_as_given(need, list(given)), derived=False)
    if isinstance(need, Table):
        return InputPlan(_filled(need), derived=True)
    viewed = viewed_sizes(root) if fixed_sizes else None
    return InputPlan(need or viewed or PICTURE, derived=True, guessed=need is None)


def leaves(inputs: Inputs) -> Iterator[Shape]:
    """Yield the shapes of inputs, tables depth first."""
    if isinstance(inputs, tuple):
        yield inputs
    else:
        for item in inputs:
            yield from leaves(item)


def _as_given(need: Need, given: list[Shape]) -> Inputs:
    """Return the given shapes in the tables that the network takes."""
    if not isinstance(need, Table):
        return given[0] if len(given) == 1 else list(given)
    if need.items is None and need.of_tables:
        return _rows(given)
    if need.items and len(given) > len(need.items) and all(isinstance(item, tuple) for item in need.items):
        return _batches(need, given)
    rest = list(given)
    inputs = _taken(need, rest, len(given))
    if rest:
        raise ArgumentError(
            f"`input_shape` is given {len(given)} times, for a network of {len(given) - len(rest)} inputs"
        )
    return inputs


def _rows(given: list[Shape]) -> Inputs:
    """Return a table of tables, whose rows are the shortest that repeat (two tensors where all are the same)."""
    lengths = [length for length in range(2, len(given) + 1) if len(given) % length == 0]
    length = next(length for length in lengths if given == given[:length] * (len(given) // length))
    return [list(given[i : i + length]) for i in range(0, len(given), length)]


def _batches(need: Table, given: list[Shape]) -> Inputs:
    """Return a table of tables for modules that take batches as tables: as many tensors in the place of each.

    Where there are not as many for each, one more tells how the batch is divided (nn.IndexLinear).
    """
    count, rest = divmod(len(given), len(need.items or ()))
    return list(given) if rest else [list(given[i : i + count]) for i in range(0, len(given), count)]


def _taken(need: Need, rest: list[Shape], total: int, reserved: int = 0) -> Inputs:
    """Take shapes off `rest` for one input; a table of unknown length leaves the `reserved` last ones to others."""
    if not isinstance(need, Table):
        if not rest:
            raise ArgumentError(f"`input_shape` is given {total} times, for a network of more inputs")
        return rest.pop(0)
    if need.items is not None:
        later = [sum(map(_least, need.items[i + 1 :])) + reserved for i in range(len(need.items))]
        return [_taken(item, rest, total, after) for item, after in zip(need.items, later, strict=True)]
    count = max(1, len(rest) - reserved)
    taken, rest[:] = rest[:count], rest[count:]
    return taken[0] if need.or_tensor and len(taken) == 1 else list(taken)


def _least(need: Need) -> int:
    """Return how many tensors an input is made of at least."""
    return sum(map(_least, need.items)) if isinstance(need, Table) and need.items is not None else 1


def _filled(need: Table) -> Inputs:
    """Return the inputs of a table with all sizes that are not known free."""
    ranks = {len(shape) for shape in _known(need)}
    if _has_unknown_length(need) or not ranks or (len(ranks) > 1 and None in _flat(need)):
        raise ArgumentError(
            "the network takes a table whose tensors cannot be determined from its first modules: "
            "give `input_shape` once for each tensor"
        )
    free = (None,) * min(ranks)

    def fill(item: Need) -> Inputs:
        if isinstance(item, Table):
            return [fill(part) for part in item.items or ()]
        return item or free

    return fill(need)


def _flat(need: Need) -> list[Shape | None]:
    if not isinstance(need, Table):
        return [need]
    return [leaf for item in need.items or () for leaf in _flat(item)]


def _known(need: Need) -> list[Shape]:
    return [shape for shape in _flat(need) if shape is not None]


def _has_unknown_length(need: Need) -> bool:
    if not isinstance(need, Table):
        return False
    return need.items is None or any(_has_unknown_length(item) for item in need.items)
