"""Shapes of the layers that bring data into a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convert.caffe.network import LayerError
from convert.caffe.shapes import Shape, Shapes, shape_rule
from convert.caffe.sources import FILE_TYPES


@shape_rule("Input", bottoms=0, tops=range(1, 1000))
def input_layer(layer: Any, _bottoms: Sequence[Shape]) -> Shapes:
    """Take one shape for all tops or one for each."""
    return Shapes(_for_each_top(layer, [tuple(shape.dim) for shape in layer.input_param.shape]))


@shape_rule("DummyData", bottoms=0, tops=range(1, 1000))
def dummy_data(layer: Any, _bottoms: Sequence[Shape]) -> Shapes:
    """Take the shapes, or the old fields num, channels, height and width."""
    parameter = layer.dummy_data_param
    shapes = [tuple(shape.dim) for shape in parameter.shape]
    if not shapes:
        sizes = (parameter.num, parameter.channels, parameter.height, parameter.width)
        columns = [_for_each_top(layer, list(values)) for values in sizes]
        shapes = list(zip(*columns, strict=True))
    return Shapes(_for_each_top(layer, shapes))


@shape_rule("MemoryData", bottoms=0, tops=2)
def memory_data(layer: Any, _bottoms: Sequence[Shape]) -> Shapes:
    """Make pictures and a label for each."""
    parameter = layer.memory_data_param
    batch = parameter.batch_size
    return Shapes([(batch, parameter.channels, parameter.height, parameter.width), (batch,)])


@shape_rule(*FILE_TYPES, bottoms=0, tops=range(1, 1000))
def file_data(_layer: Any, _bottoms: Sequence[Shape]) -> Shapes:
    """Refuse: convert.caffe.sources puts inputs in the place of these layers."""
    raise LayerError("reads files; give the size of their contents as `input_shape`, such as 3x224x224")


def _for_each_top(layer: Any, given: list) -> list:
    if len(given) not in (1, len(layer.top)):
        raise LayerError(f"gives {len(given)} shapes for {len(layer.top)} tops")
    shapes = given * len(layer.top) if len(given) == 1 else given
    if any(shape == () for shape in shapes):
        raise LayerError("gives a shape without sizes")
    return shapes
