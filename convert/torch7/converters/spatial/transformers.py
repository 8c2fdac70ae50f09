"""Spatial transformers (Jaderberg et al. 2015) of the package stn: matrices, grids of places, pixels at places."""

from __future__ import annotations

import numpy as np
from keras import KerasTensor, ops

from convert.axes import from_source_order
from convert.torch7.context import Context
from convert.torch7.module import Module
from convert.torch7.registry import converts, converts_values
from convert.torch7.symbolic_values import Cell, Value
from layers import BilinearSampling2D

MAX_SIDE = 16_384
FREE_PARAMETERS = 6  # of a matrix without restrictions


@converts("nn.AffineTransformMatrixGenerator", sample=1)
def affine_matrix(module: Module, x: KerasTensor) -> KerasTensor:
    """Matrices of 2 x 3, as given or from an angle, a factor and a translation.

    Older versions have two factors, one for each axis, which the number of parameters tells.
    """
    module.ignore("rotationOutput", "scaleOutput")
    turned, scaled, moved = (module.flag(f"use{part}") for part in ("Rotation", "Scale", "Translation"))
    count, kinds = x.shape[-1] or 0, {"useRotation": turned, "useScale": scaled, "useTranslation": moved}
    factors = count - turned - 2 * moved if scaled else 0
    needed = turned + factors + 2 * moved if any(kinds.values()) else FREE_PARAMETERS
    if count != needed or (scaled and factors not in (1, 2)):
        raise module.fail(f"gets {count} parameters, which do not fit {kinds}")
    if not any(kinds.values()):
        return ops.reshape(x, (-1, 2, 3))
    values = [x[:, i] for i in range(count)]
    one, zero = ops.ones_like(values[0]), ops.zeros_like(values[0])
    angle = values.pop(0) if turned else zero
    across, down = (values[0], values[factors - 1]) if scaled else (one, one)
    right, below = values[-2:] if moved else (zero, zero)
    cosine, sine = ops.cos(angle), ops.sin(angle)
    rows = [(cosine * across, -sine * down), (sine * across, cosine * down)]
    parts = [part for a, b in rows for part in (a, b, a * right + b * below)]
    return ops.reshape(ops.stack(parts, axis=-1), (-1, 2, 3))


@converts("nn.AffineGridGeneratorBHWD", sample=2)
def affine_grid(module: Module, x: KerasTensor) -> KerasTensor:
    """Places (row, column) from -1 to 1 over the whole picture, each multiplied by the matrix."""
    module.ignore("baseGrid", "batchGrid")
    height, width = (module.integer(name, low=2, high=MAX_SIDE) for name in ("height", "width"))
    rows, columns = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    planes = [plane.astype(np.float32) for plane in (rows, columns, np.ones_like(rows))]
    factors = x[..., None, None]
    moved = [sum(factors[:, row, i] * plane for i, plane in enumerate(planes)) for row in (0, 1)]
    return from_source_order(ops.stack(moved, axis=-1))


@converts_values("nn.BilinearSamplerBHWD")
def bilinear_sampler(module: Module, value: Value, context: Context) -> Cell:
    """Pictures and places, both with what belongs to a place last."""
    pictures, places = module.cells(value, 2)
    sources = [cell.source() for cell in (pictures, places)]
    if any(len(source.shape) != 4 for source in sources):
        raise module.fail(f"takes pictures and places of 4 dimensions, not of {pictures.sizes} and {places.sizes}")
    return pictures.from_source(context.apply(module, sources, BilinearSampling2D))
