"""The converter of every layer type; importing the package registers them in `convert.caffe.registry`."""

from convert.caffe.converters import arrangement, elementwise, normalization, weighted, windows

__all__ = ["arrangement", "elementwise", "normalization", "weighted", "windows"]
