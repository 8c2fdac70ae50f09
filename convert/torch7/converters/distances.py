"""Distances and angles, to learnt points and between the tensors of a pair, and norms."""

from __future__ import annotations

import math

import numpy as np
from keras import KerasTensor, ops

from convert.torch7.context import Context
from convert.torch7.converters.tables import sum_of_features
from convert.torch7.module import Module
from convert.torch7.registry import converts, converts_values
from convert.torch7.symbolic_values import Value

TINY = 1e-12


@converts_values("nn.CosineDistance")
def cosine_distance(module: Module, value: Value) -> Value:
    """Cosine of the angle between two tensors."""
    first, second = module.cells(value, 2)
    x, y = first.source(), second.source()
    squares = (sum_of_features(first, ops.square(z)) + TINY for z in (x, y))
    return first.from_source(sum_of_features(first, x * y) * ops.sqrt(1 / next(squares) * (1 / next(squares))))


@converts_values("nn.PairwiseDistance")
def pairwise_distance(module: Module, value: Value) -> Value:
    """The p-norm of the difference of two tensors."""
    first, second = module.cells(value, 2)
    power = float(module.number("norm", 2))
    difference = ops.abs(first.source() - second.source())
    if power == 1:
        return first.from_source(sum_of_features(first, difference))
    total = sum_of_features(first, ops.power(difference, power))
    return first.from_source(ops.power(total, 1 / power))


@converts("nn.Cosine", sample=1)
def cosine(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Cosine of the angle to each learnt vector."""
    weight = module.required_array("weight")
    lengths = np.linalg.norm(weight.astype(np.float64), axis=1, keepdims=True) + TINY
    directions = context.parameter(module, x, "weight", np.ascontiguousarray((weight / lengths).T))
    return ops.matmul(x, directions) / (ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True)) + TINY)


@converts("nn.Euclidean", sample=1)
def euclidean(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Distance to each learnt point, a column of the weight (`templates` before 2015)."""
    module.ignore("temp")
    return _distance(x, context.parameter(module, x, "points", _first_of(module, "weight", "templates")))


@converts("nn.WeightedEuclidean", sample=1)
def weighted_euclidean(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Distance to each learnt point with a factor for each coordinate."""
    module.ignore("gradDiagCov", "gradTemplates", "temp")
    points = context.parameter(module, x, "points", _first_of(module, "weight", "templates"))
    factors = context.parameter(module, x, "factors", _first_of(module, "diagCov", "bias"))
    return _distance(x, points, factors)


def _first_of(module: Module, *names: str) -> np.ndarray:
    return module.required_array(next((name for name in names if module.get(name) is not None), names[0]))


def _distance(x: KerasTensor, points: KerasTensor, factors: KerasTensor | None = None) -> KerasTensor:
    difference = ops.expand_dims(x, -1) - points
    if factors is not None:
        difference = difference * factors
    return ops.sqrt(ops.sum(ops.square(difference), axis=-2))


@converts("nn.L2Normalize", "fbnn.L2Normalize", sample=1)
def unit_length(module: Module, x: KerasTensor) -> KerasTensor:
    """x divided by its length."""
    module.ignore("norms", "normSquared", "eye", "diag")
    return x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True))


@converts("nn.Normalize", sample=1)
def normalize(module: Module, x: KerasTensor) -> KerasTensor:
    """x divided by its p-norm."""
    epsilon, power = float(module.number("eps", 1e-10)), module.get("p")
    magnitudes = ops.abs(x)
    if isinstance(power, float) and math.isinf(power):
        return x / (ops.max(magnitudes, axis=-1, keepdims=True) + epsilon)
    power = float(module.number("p", 2))
    if power == 2:
        return x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + epsilon)
    total = ops.sum(ops.power(magnitudes, power), axis=-1, keepdims=True) + epsilon
    return x / ops.power(total, 1 / power)
