"""The size of the input that follows from modules which take a fixed number of elements.

Convolutions leave the size of pictures and sequences open, but nn.View(8 * 7 * 7) or nn.Linear behind them work for one
size, or for a few in a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
from keras import KerasTensor

MAX_SIZE = 1024


@dataclass(frozen=True)
class Demand:
    """A tensor of unknown size that must have `elements` in each sample."""

    tensor: KerasTensor
    elements: int


def fitting_size(inputs: Sequence[KerasTensor], demands: Sequence[Demand]) -> int | None:
    """Return the size of all free dimensions of the inputs with which every demand is met, None where none is.

    Pictures and volumes, channels last, are taken for squares and cubes of known channels. Of several sizes it is one
    that can be halved most often, as 224 of 200 to 226, and of these the smallest.
    """
    if any(len(tensor.shape) > 3 and tensor.shape[-1] is None for tensor in inputs):
        return None
    first, *_ = demands
    # No demand stands before the first one: what comes before takes any size from some on, and grows with it.
    count = _counter(inputs, [first])
    low = _smallest(lambda size: count(size)[0] >= first.elements)
    high = _smallest(lambda size: count(size)[0] > first.elements) - 1
    if not low <= high < MAX_SIZE:
        return None
    size = max(range(low, high + 1), key=lambda size: (size & -size, -size))
    return size if _counter(inputs, demands)(size) == [demand.elements for demand in demands] else None


def _counter(inputs: Sequence[KerasTensor], demands: Sequence[Demand]) -> Callable[[int], list[int]]:
    """Return a function of a size: how many elements each tensor has with it, -1 where the network does not take it."""
    part = keras.Model(list(inputs), [demand.tensor for demand in demands])

    def count(size: int) -> list[int]:
        shapes = [(1, *(size if own is None else own for own in tensor.shape[1:])) for tensor in inputs]
        try:
            found = part.compute_output_shape(shapes)
        except Exception:  # Keras and its layers refuse sizes with exceptions of many kinds
            return [-1] * len(demands)
        return [-1 if None in shape[1:] else math.prod(shape[1:]) for shape in found]

    return count


def _smallest(holds: Callable[[int], bool]) -> int:
    """Return the smallest size from which on something holds, MAX_SIZE + 1 where it never does."""
    low, high = 1, MAX_SIZE + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
