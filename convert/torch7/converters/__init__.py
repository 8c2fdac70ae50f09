"""The converter of every module type; importing the package registers them in `convert.torch7.registry`."""

from convert.torch7.converters import (
    activations,
    arithmetic,
    arrangement,
    containers,
    cudnn_recurrent,
    dense,
    distances,
    module_graph,
    noise,
    recurrent,
    recurrent_steps,
    reductions,
    spatial,
    tables,
    weight_normalization,
)

__all__ = [
    "activations",
    "arithmetic",
    "arrangement",
    "containers",
    "cudnn_recurrent",
    "dense",
    "distances",
    "module_graph",
    "noise",
    "recurrent",
    "recurrent_steps",
    "reductions",
    "spatial",
    "tables",
    "weight_normalization",
]
