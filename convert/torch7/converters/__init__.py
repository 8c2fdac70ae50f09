"""The converter of every module type; importing the package registers them in `convert.torch7.registry`."""

from convert.torch7.converters import (
    activations,
    arithmetic,
    arrangement,
    containers,
    convolutions,
    module_graph,
    normalization,
    pooling,
)

__all__ = [
    "activations",
    "arithmetic",
    "arrangement",
    "containers",
    "convolutions",
    "module_graph",
    "normalization",
    "pooling",
]
