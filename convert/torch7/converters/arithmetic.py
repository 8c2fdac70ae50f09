"""Element-wise arithmetic with constants and with learnt factors."""

from __future__ import annotations

import math

import numpy as np
from keras import KerasTensor, ops

from convert.axes import keras_permutation
from convert.torch7.context import Context
from convert.torch7.file.values import TorchTensor
from convert.torch7.module import Module
from convert.torch7.registry import converts
from convert.torch7.symbolic_values import Cell
from layers import ElementwiseAffine


@converts("nn.Abs")
def absolute(x: KerasTensor) -> KerasTensor:
    """|x|."""
    return ops.abs(x)


@converts("nn.Minus")
def minus(x: KerasTensor) -> KerasTensor:
    """-x."""
    return -x


@converts("nn.Square")
def square(x: KerasTensor) -> KerasTensor:
    """x squared."""
    return ops.square(x)


@converts("nn.Sqrt")
def square_root(x: KerasTensor) -> KerasTensor:
    """Square root of x; its eps matters in training only."""
    return ops.sqrt(x)


@converts("nn.Power")
def power(module: Module, x: KerasTensor) -> KerasTensor:
    """x to a constant power."""
    return ops.power(x, float(module.number("pow")))


@converts("nn.Exp")
def exponential(x: KerasTensor) -> KerasTensor:
    """e to the x."""
    return ops.exp(x)


@converts("nn.Log")
def logarithm(x: KerasTensor) -> KerasTensor:
    """Natural logarithm of x."""
    return ops.log(x)


@converts("nn.AddConstant")
def add_constant(module: Module, cell: Cell, context: Context) -> KerasTensor:
    """x plus a constant: a number, or a tensor for each sample."""
    if isinstance(module.get("constant_scalar"), TorchTensor):
        return _affine(module, cell, context, shift=module.required_array("constant_scalar"))
    return cell.tensor + float(module.number("constant_scalar"))


@converts("nn.SAdd")
def add_scalar(module: Module, x: KerasTensor) -> KerasTensor:
    """A number added to x, and the sign changed with `negate`."""
    shifted = x + float(module.number("addend"))
    return -shifted if module.flag("negate") else shifted


@converts("nn.MulConstant")
def multiply_constant(module: Module, x: KerasTensor) -> KerasTensor:
    """x times a constant."""
    return x * float(module.number("constant_scalar"))


@converts("nn.Mul")
def multiply_learnt(module: Module, cell: Cell, context: Context) -> KerasTensor:
    """x times one learnt number."""
    return _affine(module, cell, context, scale=module.required_array("weight").ravel())


@converts("nn.CMul")
def multiply_elements(module: Module, cell: Cell, context: Context) -> KerasTensor:
    """x times a learnt tensor."""
    return _affine(module, cell, context, scale=module.required_array("weight"))


@converts("nn.CAdd", "nn.Add")
def add_elements(module: Module, cell: Cell, context: Context) -> KerasTensor:
    """x plus a learnt tensor."""
    return _affine(module, cell, context, shift=module.required_array("bias"))


@converts("inn.ConstAffine", "inn.SpatialConstAffine", "nn.SpatialConstDiagonal")
def constant_affine(module: Module, cell: Cell, context: Context) -> KerasTensor:
    """a x + b, with one a and b for each channel."""
    factor, shift = module.required_array("a").ravel(), module.required_array("b").ravel()
    if cell.rank > 2:
        factor, shift = (v.reshape(-1, *([1] * (min(cell.rank, 4) - 2))) for v in (factor, shift))
    return _affine(module, cell, context, scale=factor, shift=shift)


@converts("inn.MeanSubtraction")
def subtract_mean(module: Module, cell: Cell, context: Context) -> KerasTensor:
    """x minus a fixed tensor; what the file holds may have been repeated for a batch."""
    mean = module.required_array("mean")
    return _affine(module, cell, context, shift=-(mean[0] if mean.ndim == cell.rank > 3 else mean))


@converts("nn.SpatialFeatNormalization", sample=3)
def normalize_features(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """(x - mean) / std with one mean and std for each channel."""
    mean, deviation = module.required_array("mean").ravel(), module.required_array("std").ravel()
    context.expect_channels(module, x, mean.size)
    return (x - context.parameter(module, x, "mean", mean)) / context.parameter(module, x, "std", deviation)


@converts("nn.Constant")
def constant(module: Module, cell: Cell, context: Context) -> Cell:
    """A fixed tensor; repeated for each sample where nInputDim tells samples from batches."""
    value, tensor = module.required_array("value"), cell.source()
    made = context.parameter(module, tensor, "value", value)
    expanded = module.get("nInputDim") is not None and cell.rank > module.integer("nInputDim")
    if not expanded and not cell.frame.hidden:
        return cell.from_source(made)
    if expanded and cell.frame.hidden:
        raise module.fail("is supported for a single batch dimension only")
    return cell.from_source(_batch_zeros(tensor, value.ndim) + made)


def _batch_zeros(tensor: KerasTensor, rank: int) -> KerasTensor:
    """Return one zero for each sample, with `rank` further axes."""
    zeros = ops.zeros_like(tensor)
    while len(zeros.shape) > 1:
        zeros = zeros[..., 0]
    for _ in range(rank):
        zeros = ops.expand_dims(zeros, -1)
    return zeros


def _affine(
    module: Module, cell: Cell, context: Context, scale: np.ndarray | None = None, shift: np.ndarray | None = None
) -> KerasTensor:
    weights = [None if weight is None else _aligned(module, weight, cell) for weight in (scale, shift)]
    shape = next(weight.shape for weight in weights if weight is not None)
    return context.apply(
        module,
        cell.tensor,
        lambda: ElementwiseAffine(shape, scale=scale is not None, shift=shift is not None),
        weights,
    )


def _aligned(module: Module, weight: np.ndarray, cell: Cell) -> np.ndarray:
    """Return the weight of a sample, or of a batch, in Keras' order of dimensions, without a leading axis of size 1."""
    if weight.size == 1:
        return weight.ravel()
    rank = len(cell.tensor.shape)
    weight = _with_batch(module, weight, cell).transpose(keras_permutation(rank))
    return weight[0] if weight.shape[0] == 1 else weight


def _with_batch(module: Module, weight: np.ndarray, cell: Cell) -> np.ndarray:
    """Return the weight with as many axes as the Keras tensor has, in Torch7's order."""
    rank, hidden = len(cell.tensor.shape), cell.frame.hidden
    if hidden and weight.ndim == rank and weight.shape[0] == 1:
        return weight
    if weight.ndim == rank - hidden:
        return weight[np.newaxis] if hidden else weight
    if weight.ndim == rank - 1:
        return weight[np.newaxis]
    sample = cell.sizes[1 - hidden :]
    if None in sample or weight.size != math.prod(size for size in sample if size):
        raise module.fail(f"weights of shape {weight.shape} for a tensor of the sizes {cell.sizes}")
    return weight.reshape(1, *sample)
