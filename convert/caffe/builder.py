"""Building a Keras model from the graph of a Caffe network and its parameters."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import KerasTensor

import convert.caffe.converters  # noqa: F401  registers the converters
from compat import deep_recursion, name_apart
from convert.axes import keras_shape
from convert.caffe.network import Network, Node, dependencies
from convert.caffe.parameters import Parameters
from convert.caffe.registry import CONVERTERS, LayerStore, Step
from convert.caffe.shapes import NodeShapes
from errors import UserError


class GraphBuilder:
    """Builds Keras tensors for the values of a network, and models out of them.

    `input_names` holds for each of Caffe's input blobs the name of the model's input.

    Args:
        network: the part of a Caffe network to convert.
        shapes: the shapes around its nodes; sizes left open there are open in the model.
        parameters: the values of its parameters.

    Raises:
        UserError: Keras cannot build one of the layers.
    """

    def __init__(self, network: Network, shapes: Sequence[NodeShapes], parameters: Parameters) -> None:
        self.network = network
        self._parameters = parameters
        self._store = LayerStore()
        self._tensors: dict[int, KerasTensor] = {}
        self._inputs: dict[int, KerasTensor] = {}
        self.input_names: dict[str, str] = {}
        for node, node_shapes in zip(network.nodes, shapes, strict=True):
            self._tensors.update(zip(node.tops, self._build(node, node_shapes), strict=True))

    def model(self, blobs: Sequence[str]) -> keras.Model:
        """Return a model that gives the last values of `blobs`.

        One blob is returned as it is, several as a dict by name. Inputs likewise: a network with several takes a
        dict by name. (Keras allows no slash in these; it becomes an underscore.)
        """
        outputs = {name: self._tensors[self.network.values[name]] for name in blobs}
        needed = dependencies(self.network.nodes, (self.network.values[name] for name in blobs))
        inputs = {tensor.name: tensor for value, tensor in self._inputs.items() if value in needed}
        name_apart(list(outputs.values()))
        with deep_recursion():
            return keras.Model(
                inputs if len(inputs) > 1 else next(iter(inputs.values())),
                outputs if len(outputs) > 1 else next(iter(outputs.values())),
                name=self._store.unique_name(self.network.name or "caffe_network"),
            )

    def _build(self, node: Node, shapes: NodeShapes) -> Sequence[KerasTensor]:
        if not node.bottoms:
            return [self._input(node, index, shape) for index, shape in enumerate(shapes.tops)]
        step = Step(
            node,
            shapes,
            self._parameters.values.get(node.number, ()),
            self._parameters.slots.get(node.number, ()),
            self._store,
        )
        bottoms = [self._tensors[value] for value in node.bottoms]
        try:
            made = CONVERTERS[node.layer.type](step, *bottoms)
        except (ValueError, TypeError, IndexError) as error:
            raise UserError(f"{node.place}: Keras cannot build it: {error}") from error
        tops = made if isinstance(made, (list, tuple)) else [made]
        for top, expected in zip(tops, shapes.tops, strict=True):
            _check_shape(node, top, expected)
        return tops

    def _input(self, node: Node, index: int, shape: tuple[int | None, ...]) -> KerasTensor:
        sizes = keras_shape(shape)
        name = self._store.unique_name(node.layer.top[index])
        tensor = keras.Input(batch_shape=sizes, name=name)
        self._inputs[node.tops[index]] = tensor
        self.input_names[node.layer.top[index]] = name
        return tensor


def _check_shape(node: Node, tensor: KerasTensor, expected: tuple[int | None, ...]) -> None:
    """Check what a converter made against the shape rule of the type: two statements of the same."""
    order = keras_shape(expected)
    fits = len(tensor.shape) == len(order) and all(
        a == b or a is None or b is None for a, b in zip(tensor.shape, order, strict=True)
    )
    if not fits:
        raise AssertionError(f"{node.place}: made {tuple(tensor.shape)} where {order} was expected")
