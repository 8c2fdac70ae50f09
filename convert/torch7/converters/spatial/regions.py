"""Pooling of the parts of boxes in pictures, for detectors (Fast R-CNN, Girshick 2015, 1504.08083)."""

from __future__ import annotations

from keras import ops

from convert.torch7.context import Context
from convert.torch7.module import Module
from convert.torch7.registry import converts_values
from convert.torch7.symbolic_values import Cell, Value
from layers import RegionMaxPooling2D

MAX_PARTS = 1024  # of a side


@converts_values("inn.ROIPooling", "nn.ROIPooling")
def region_pooling(module: Module, value: Value, context: Context) -> Cell:
    """Maxima of the parts of boxes: (number of the picture, left, top, right, bottom), all from 1 on.

    The class of nn, of object-detection.torch, limits the boxes to the picture and divides them as
    nn.SpatialAdaptiveMaxPooling does.
    """
    pictures, boxes = module.cells(value, 2)
    if pictures.frame.hidden or pictures.rank != 4 or boxes.rank != 2 or boxes.sizes[1] != 5:
        raise module.fail(f"takes batch x channels x height x width and boxes x 5, not {pictures.sizes}, {boxes.sizes}")
    if None in pictures.sizes[2:]:
        raise module.fail("needs the height and width of its pictures: give the sizes of the inputs as `input_shape`")
    module.ignore("indices")
    size = tuple(module.integer(name, low=1, high=MAX_PARTS) for name in ("H", "W"))
    scale = float(module.number("spatial_scale", 1))
    clip = module.type_name == "nn.ROIPooling"
    inputs = [pictures.tensor, ops.subtract(boxes.tensor, 1.0)]
    return pictures.like(context.apply(module, inputs, lambda: RegionMaxPooling2D(size, scale, clip)))
