"""The shape rule of every layer type; importing the package registers them in `convert.caffe.shapes.RULES`."""

from convert.caffe.shape_rules import (
    arrangement,
    detection,
    elementwise,
    optical_flow,
    recurrent,
    sources,
    weighted,
    windows,
)

__all__ = ["arrangement", "detection", "elementwise", "optical_flow", "recurrent", "sources", "weighted", "windows"]
