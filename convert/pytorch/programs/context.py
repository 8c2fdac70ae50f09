"""The state of converting one program: the layers made so far, and constants as their weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

import layers
from convert.pytorch.programs.values import FreeSize, OperatorError, Value
from convert.pytorch.weighted_layers import plain
from layers import Parameter
from model.untrusted.sizes import check_values

# Constants of so many numbers are written into the network's graph; larger ones are weights.
MAX_GRAPH_CONSTANT = 64

# Names that Keras gives to operations and layers that have none, before their numbers.
_AUTOMATIC = {
    re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()
    for place in (keras.layers, keras.ops, layers)
    for name in dir(place)
}


class Context:
    """State of one conversion.

    Args:
        batch: pictures that the program was recorded with; a size in it that is this number may be that of the batch.
            0: any number.
        anchor: any input of the network, to which weights that stand alone are attached.
        names: of the inputs, which layers must not have.
    """

    def __init__(self, batch: int, anchor: KerasTensor, names: Iterable[str] = ()) -> None:
        self.batch = batch
        self.anchor = Value(anchor)
        self.ratios: dict[int, tuple[KerasTensor, int | None]] = {}  # of sizes.batch_ratio
        self._pictures: dict[tuple[str, str], Value] = {}
        self._layers: dict[Any, tuple[keras.Layer, list[Value]]] = {}
        self._names = set(names)

    def apply(
        self,
        x: Any,
        values: Sequence[Value | None],
        make: Callable[[str | None], keras.Layer],
        arrays: Sequence[np.ndarray],
        options: Any = (),
    ) -> Any:
        """Apply a layer with weights; the same weights with the same options are one layer.

        Args:
            x: input of the layer.
            values: the weights in PyTorch; those that are None are left out.
            make: the layer, given its name.
            arrays: the weights in Keras' order.
            options: what else tells layers with these weights apart.

        Raises:
            UserError: a number is not finite.
        """
        given = [value for value in values if value is not None]
        key = (*(id(value) for value in given), repr(options))
        if key in self._layers:
            return self._layers[key][0](x)
        layer = make(self._layer_name(given))
        outputs = layer(x)
        for array in arrays:
            check_values(f"weights of {layer.name}", array)
        layer.set_weights([np.asarray(array, np.float32) for array in arrays])
        self._layers[key] = layer, given
        return outputs

    def note_picture(self, value: Value, formulas: tuple[str, str]) -> None:
        """Keep a picture whose free height and width the file describes by formulas."""
        self._pictures.setdefault(formulas, value)

    def picture_like(self, height: Any, width: Any) -> Value | None:
        """Return a picture of a free height and width, None where none is known that has them for sure."""
        if not (isinstance(height, FreeSize) and isinstance(width, FreeSize)):
            return None
        if height.value is not None and height.value is width.value and (height.dim, width.dim) == (2, 3):
            return height.value
        return self._pictures.get((height.formula, width.formula))

    def tensor(self, value: Value) -> KerasTensor:
        """Return a value as a Keras tensor in PyTorch's order; a constant becomes a weight."""
        if not value.is_constant:
            return value.source()
        return self.parameter(value)

    def channels_last(self, value: Value, axes: int) -> KerasTensor:
        """Return a tensor of lines, pictures or volumes, which have so many axes, as Keras' layers take it.

        Raises:
            OperatorError: it has other axes than these, the batch and the channels.
        """
        if value.rank != axes + 2:
            raise OperatorError(f"takes a tensor of {axes + 2} axes, with the batch, not one of {value.rank}")
        tensor = Value.from_source(self.parameter(value)).tensor if value.is_constant else value.tensor
        return ops.transpose(tensor, (0, 2, 1)) if axes == 1 else tensor

    def parameter(self, value: Value) -> KerasTensor:
        """Return a constant as a weight of the network, in PyTorch's order."""
        array = value.tensor
        return self.apply(self.anchor.sized, [value], lambda name: Parameter(array.shape, name=name), [array])

    def _layer_name(self, values: Sequence[Value]) -> str | None:
        """Return the name of the module whose weights these are, as that of a layer; None where they have none."""
        named = next((value.name for value in values if value.name), "")
        if not named:
            return None
        module, _, last = named.rpartition(".")
        name = plain(module if last in ("weight", "bias", "running_mean") and module else named)
        if re.sub(r"_\d+$", "", name) in _AUTOMATIC:
            name += "_layer"
        number = 1
        while (free := name if number == 1 else f"{name}_{number}") in self._names:
            number += 1
        self._names.add(free)
        return free
