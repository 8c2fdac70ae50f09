"""Normalisation by the neighbourhood: subtractive, divisive and contrastive."""

from __future__ import annotations

from keras import KerasTensor, ops

from convert.torch7.context import Context
from convert.torch7.converters.tables import matched
from convert.torch7.file.values import TorchObject
from convert.torch7.module import Module
from convert.torch7.registry import converts, converts_values
from convert.torch7.symbolic_values import Cell, Value

_SCRATCH = ("kernel", "coef", "localsums", "adjustedsums", "localstds", "adjustedstds", "thresholdedstds")


@converts("nn.SpatialSubtractiveNormalization")
def subtractive(module: Module, cell: Cell, context: Context) -> KerasTensor:
    """x minus the weighted mean of its neighbourhood, which is smaller at the border."""
    module.ignore(*_SCRATCH)
    ones = cell.like(ops.ones_like(cell.tensor))
    return cell.tensor - _estimate(module, "meanestimator", cell, context) / _estimate(
        module, "meanestimator", ones, context
    )


@converts("nn.SpatialDivisiveNormalization")
def divisive(module: Module, cell: Cell, context: Context) -> KerasTensor:
    """x divided by the deviation of its neighbourhood where that is above a threshold, else by another number."""
    module.ignore(*_SCRATCH)
    ones = cell.like(ops.ones_like(cell.tensor))
    deviation = _estimate(module, "stdestimator", cell, context) / _estimate(module, "meanestimator", ones, context)
    threshold, other = float(module.number("threshold", 1e-4)), float(module.number("thresval", 1e-4))
    return cell.tensor / ops.where(ops.greater(deviation, threshold), deviation, other)


def _estimate(module: Module, name: str, cell: Cell, context: Context) -> KerasTensor:
    """Return what an estimator inside the module makes of a picture, of the picture's shape."""
    made = module.single(context.convert(module.child(module.get(name), name), cell))
    return matched(made, cell)[0]


@converts_values("nn.SpatialContrastiveNormalization")
def contrastive(module: Module, value: Value, context: Context) -> Value:
    """Subtractive, then divisive normalisation; the numbers are those in the modules inside."""
    module.ignore("kernel")
    inner = module.get("normalizer")
    if not isinstance(inner, TorchObject):
        raise module.fail("has no modules in its field normalizer")
    return context.convert(module.child(inner, "normalizer"), value)
