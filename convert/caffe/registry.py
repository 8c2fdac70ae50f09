"""The table of converters: which function makes Keras layers of which Caffe layer type.

A new type is one function with a decorator here, and one for its shapes in `convert.caffe.shape_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import KerasTensor

from convert.caffe.network import Node
from convert.caffe.parameters import Slot
from convert.caffe.shapes import NodeShapes

Converter = Callable[..., KerasTensor | Sequence[KerasTensor]]

CONVERTERS: dict[str, Converter] = {}


@dataclass
class LayerStore:
    """The Keras layers made so far, for unique names and for layers that share all their parameters."""

    names: set[str] = field(default_factory=set)
    shared: dict[Any, keras.layers.Layer] = field(default_factory=dict)

    def unique_name(self, wanted: str) -> str:
        """Return `wanted` as a name that Keras and TensorFlow take and that no layer of the network has yet."""
        base = re.sub(r"[^A-Za-z0-9_.-]", "_", wanted).strip("_.-") or "layer"
        name, number = base, 1
        while name in self.names:
            name, number = f"{base}_{number}", number + 1
        self.names.add(name)
        return name


@dataclass(frozen=True)
class Step:
    """The conversion of one Caffe layer.

    `weights` are its parameters in Caffe's order of axes, `slots` what they are shared by. Tensors of four axes are
    in Keras' order (number, height, width, channels), all others in Caffe's.
    """

    node: Node
    shapes: NodeShapes
    weights: Sequence[np.ndarray]
    slots: tuple[Slot, ...]
    store: LayerStore

    @property
    def layer(self) -> Any:
        """Return the LayerParameter."""
        return self.node.layer

    def apply(
        self,
        make: Callable[..., keras.layers.Layer],
        inputs: Any,
        weights: Sequence[np.ndarray] = (),
        **config: Any,
    ) -> Any:
        """Return what the layer that `make` returns makes of `inputs`; layers with the same `slots` are the same.

        A tuple of inputs are several arguments.
        """
        key = (make, repr(config), self.slots) if weights else None
        layer = self.store.shared.get(key)
        if layer is None:
            layer = make(name=self.store.unique_name(self.layer.name or self.layer.type), **config)
        outputs = layer(*inputs) if isinstance(inputs, tuple) else layer(inputs)
        if key is not None and key not in self.store.shared:
            layer.set_weights(weights)
            self.store.shared[key] = layer
        return outputs


def converts(*types: str) -> Callable[[Converter], Converter]:
    """Register the converter of layer `types`: a function of a Step and its input tensors.

    It returns the tensor of its top, or a list of those of all its tops.
    """

    def register(converter: Converter) -> Converter:
        for name in types:
            if name in CONVERTERS:
                raise ValueError(f"two converters for {name}")
            CONVERTERS[name] = converter
        return converter

    return register
