"""Converters of modules that work along time, over pictures and over volumes."""

from convert.torch7.converters.spatial import (
    adaptive_pooling,
    contrast,
    convolutions,
    glimpses,
    local_connections,
    normalization,
    paddings,
    pooling,
    regions,
    sequences,
    transformers,
    upsampling,
    volumes,
)

__all__ = [
    "adaptive_pooling",
    "contrast",
    "convolutions",
    "glimpses",
    "local_connections",
    "normalization",
    "paddings",
    "pooling",
    "regions",
    "sequences",
    "transformers",
    "upsampling",
    "volumes",
]
