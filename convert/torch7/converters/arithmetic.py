"""Element-wise arithmetic: with constants, with learnt factors, between the tensors of a table."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from convert.torch7.registry import converts, converts_values
from convert.torch7.symbolic_values import Cell, Value
from layers import ElementwiseAffine

if TYPE_CHECKING:
    from keras import KerasTensor

    from convert.torch7.context import Context
    from convert.torch7.module import Module


@converts("nn.Abs")
def absolute(x: KerasTensor) -> KerasTensor:
    """|x|."""
    return ops.abs(x)


@converts("nn.Square")
def square(x: KerasTensor) -> KerasTensor:
    """x squared."""
    return ops.square(x)


@converts("nn.Sqrt")
def square_root(x: KerasTensor) -> KerasTensor:
    """Square root of x."""
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
def add_constant(module: Module, x: KerasTensor) -> KerasTensor:
    """x plus a constant."""
    return x + float(module.number("constant_scalar"))


@converts("nn.MulConstant")
def multiply_constant(module: Module, x: KerasTensor) -> KerasTensor:
    """x times a constant."""
    return x * float(module.number("constant_scalar"))


@converts("nn.Mul")
def multiply_learnt(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """x times one learnt number."""
    return _affine(module, x, context, scale=module.required_array("weight").ravel())


@converts("nn.CMul")
def multiply_elements(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """x times a learnt tensor."""
    return _affine(module, x, context, scale=_aligned(module, module.required_array("weight"), x))


@converts("nn.CAdd", "nn.Add")
def add_elements(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """x plus a learnt tensor."""
    return _affine(module, x, context, shift=_aligned(module, module.required_array("bias"), x))


def _affine(
    module: Module,
    x: KerasTensor,
    context: Context,
    scale: np.ndarray | None = None,
    shift: np.ndarray | None = None,
) -> KerasTensor:
    shape = (shift if scale is None else scale).shape
    return context.apply(
        module,
        x,
        lambda: ElementwiseAffine(shape, scale=scale is not None, shift=shift is not None),
        [scale, shift],
    )


def _aligned(module: Module, weight: np.ndarray, x: KerasTensor) -> np.ndarray:
    """Return a weight of nn.CMul or nn.CAdd in the order of dimensions of `x`, without a batch axis of size 1."""
    rank = len(x.shape)
    if weight.size == 1:
        return weight.ravel()
    if weight.ndim == rank - 1:
        weight = weight[np.newaxis]
    if weight.ndim != rank:
        raise module.fail(f"weights of shape {weight.shape} for a tensor of shape {x.shape}")
    if rank == 4:
        weight = weight.transpose(0, 2, 3, 1)
    return weight[0] if weight.shape[0] == 1 else weight


def _converts_table(*type_names: str) -> Callable:
    """Register a function of the list of tensors in a table; an in-place module overwrites the first of them."""

    def register(function: Callable[[list[KerasTensor]], KerasTensor]) -> Callable:
        @converts_values(*type_names)
        def convert(module: Module, value: Value, context: Context) -> Value:
            cells = [module.single(item) for item in module.table(value)]
            if not cells:
                raise module.fail("its input is an empty table")
            result = function([cell.tensor for cell in cells])
            if not module.flag("inplace"):
                return Cell(result)
            cells[0].tensor = result
            return cells[0]

        return function

    return register


@_converts_table("nn.CAddTable")
def add_all(tensors: list[KerasTensor]) -> Any:
    """Sum of the tensors."""
    return functools.reduce(ops.add, tensors)


@_converts_table("nn.CSubTable")
def subtract(tensors: list[KerasTensor]) -> Any:
    """First tensor minus the second."""
    first, second = tensors
    return first - second


@_converts_table("nn.CMulTable")
def multiply_all(tensors: list[KerasTensor]) -> Any:
    """Product of the tensors."""
    return functools.reduce(ops.multiply, tensors)


@_converts_table("nn.CDivTable")
def divide(tensors: list[KerasTensor]) -> Any:
    """First tensor divided by the second."""
    first, second = tensors
    return first / second


@_converts_table("nn.CMaxTable")
def maximum(tensors: list[KerasTensor]) -> Any:
    """Largest of the tensors, element by element."""
    return functools.reduce(ops.maximum, tensors)


@_converts_table("nn.CMinTable")
def minimum(tensors: list[KerasTensor]) -> Any:
    """Smallest of the tensors, element by element."""
    return functools.reduce(ops.minimum, tensors)
