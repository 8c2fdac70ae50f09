"""The converter of every layer type; importing the package registers them in `convert.caffe.registry`."""

from convert.caffe.converters import (
    arrangement,
    detection,
    elementwise,
    normalization,
    optical_flow,
    recurrent,
    weighted,
    windows,
)

__all__ = [
    "arrangement",
    "detection",
    "elementwise",
    "normalization",
    "optical_flow",
    "recurrent",
    "weighted",
    "windows",
]
