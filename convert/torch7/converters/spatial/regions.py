"""Pooling of the parts of boxes in pictures, for detectors (Fast R-CNN, Girshick 2015, 1504.08083)."""

from __future__ import annotations

import numpy as np
from keras import KerasTensor, ops

from convert.torch7.context import Context
from convert.torch7.module import Module
from convert.torch7.registry import converts, converts_values
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


@converts("nn.BBoxNorm")
def box_normalization(module: Module, cell: Cell, context: Context) -> Cell:
    """Four numbers for each class, times `std` plus `mean`, which training had taken out."""
    mean, std = (module.required_array(name).ravel() for name in ("mean", "std"))
    x = cell.source()
    if cell.rank != 2 or x.shape[-1] is None or x.shape[-1] % 4 or mean.size != 4 or std.size != 4:
        raise module.fail(f"takes boxes x 4 for each class, but its input has the sizes {cell.sizes}")
    classes = x.shape[-1] // 4
    scaled = x * context.parameter(module, x, "std", np.tile(std, classes))
    return cell.from_source(scaled + context.parameter(module, x, "mean", np.tile(mean, classes)))


@converts("nn.ContextRegion")
def context_region(module: Module, cell: Cell, context: Context) -> Cell:
    """Boxes (number of the picture, left, top, right, bottom), made larger or smaller around their centres."""
    boxes = _boxes(module, cell)
    corners = ops.matmul(boxes[:, 1:], context.parameter(module, boxes, "tr"))
    return cell.from_source(ops.concatenate([boxes[:, :1], corners], axis=-1))


@converts("nn.Foveal")
def foveal_regions(module: Module, cell: Cell) -> Cell:
    """Four boxes for each: itself, and around its centre 1.5, 2 and 4 times as large (1604.02135)."""
    boxes = _boxes(module, cell)
    number, corners = boxes[:, :1], boxes[:, 1:]
    size = ops.tile(corners[:, 2:] - corners[:, :2], (1, 2))
    grown = [corners + size * np.array([-s, -s, s, s], np.float32) for s in (0, 0.25, 0.5, 1.5)]
    rows = ops.stack([ops.concatenate([number, corner], axis=-1) for corner in grown], axis=1)
    return cell.from_source(ops.reshape(rows, (-1, 5)))


def _boxes(module: Module, cell: Cell) -> KerasTensor:
    """Return boxes x 5."""
    if cell.frame.hidden or cell.rank != 2 or cell.sizes[1] != 5:
        raise module.fail(f"takes boxes x 5, but its input has the sizes {cell.sizes}")
    return cell.source()


@converts_values("nn.ConvertFrom")
def moved_boxes(module: Module, value: Value) -> Cell:
    """Boxes x 5, moved and enlarged by what the second of two inputs tells: (x, y, log width, log height) of each."""
    cell, change = module.cells(value, 2)
    boxes, moves = _boxes(module, cell), change.source()
    if change.rank != 2 or change.sizes[1] != 4:
        raise module.fail(f"takes moves of boxes x 4, but its second input has the sizes {change.sizes}")
    first, second = boxes[:, 1:3], boxes[:, 3:]
    size = second - first
    centre = (first + second) * 0.5 + moves[:, :2] * size
    half = ops.exp(moves[:, 2:]) * size * 0.5
    return cell.from_source(ops.concatenate([boxes[:, :1], centre - half, centre + half], axis=-1))


@converts_values("nn.SelectBoxes")
def boxes_of_best_class(module: Module, value: Value, context: Context) -> Cell:
    """The four numbers for the class with the largest score, of {boxes x classes, boxes x 4 classes}."""
    scores, rows = module.cells(value, 2)
    classes = scores.sizes[-1]
    if scores.frame.hidden or scores.rank != 2 or classes is None or rows.sizes[1:] != (4 * classes,):
        raise module.fail(f"takes boxes x classes and boxes x 4 classes, not {scores.sizes} and {rows.sizes}")
    best_of_row = ops.top_k(scores.source(), 1)[1][:, 0]  # argmax has operations that ONNX and LiteRT lack
    chosen = ops.one_hot(ops.cast(best_of_row, "int32"), classes)
    best = ops.sum(ops.reshape(rows.source(), (-1, classes, 4)) * ops.expand_dims(chosen, -1), axis=1)
    if module.get("std") is None:
        return rows.from_source(best)
    mean, std = (module.required_array(name).ravel() for name in ("mean", "std"))
    scaled = best * context.parameter(module, best, "std", std)
    return rows.from_source(scaled + context.parameter(module, best, "mean", mean))
