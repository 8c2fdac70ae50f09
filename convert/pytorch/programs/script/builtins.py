"""What a TorchScript program may ask of any value, and the casts of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from convert.pytorch.programs.operators.arithmetic import TYPES
from convert.pytorch.programs.script.functions import MAX_ITEMS, NUMBERS, Number, of_numbers, shown
from convert.pytorch.programs.script.objects import Device
from convert.pytorch.programs.sizes import computed
from convert.pytorch.programs.values import FreeSize, OperatorError, Value

_CASTS: Mapping[str, Callable[[Any], Any]] = {"int": int, "float": float, "bool": bool}


def cast(kind: str, value: Any) -> Any:
    """Return a number, a tensor of one number or a text as an int, a float or a bool; a free size stays free.

    Raises:
        OperatorError: it cannot be known, or is none.
    """
    if isinstance(value, FreeSize):
        return computed(kind, value)
    number = number_in(value) if isinstance(value, Value) else value
    try:
        return _CASTS[kind](number)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise OperatorError(f"{kind} of {shown(value):.40}") from error


def number_in(value: Any) -> Any:
    """Return the number in a tensor of one.

    Raises:
        OperatorError: it depends on the input, or there are several.
    """
    if isinstance(value, Number):
        return value
    if not isinstance(value, Value) or not value.is_constant:
        raise OperatorError("needs the value of a tensor that depends on the input, which is not known here")
    if value.tensor.size != 1:
        raise OperatorError(f"needs one number, not {value.tensor.size}")
    return value.tensor.item()


def _new_tensor(data: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    if isinstance(data, FreeSize):
        return data
    numbers = _nested(data)
    try:
        array = np.asarray(numbers)
    except ValueError as error:
        raise OperatorError("lists of different lengths") from error
    kinds = {"b": "bool", "i": "int32", "f": "float32"}
    if array.dtype.kind not in kinds or (dtype is not None and dtype not in TYPES):
        raise OperatorError(f"makes a tensor of the type {dtype} of {shown(data):.40}")
    return Value(array.astype(TYPES[dtype] if dtype is not None else kinds[array.dtype.kind]))


def _nested(data: Any, depth: int = 0) -> Any:
    """Return numbers in lists as they are."""
    if isinstance(data, (list, tuple)) and depth < 4 and len(data) <= MAX_ITEMS:
        return [_nested(one, depth + 1) for one in data]
    if isinstance(data, Value):
        return number_in(data)
    if not isinstance(data, (int, float)):
        raise OperatorError(f"makes a tensor of {shown(data):.40}")
    return data


def _value(value: Any) -> Value:
    if not isinstance(value, Value):
        raise OperatorError(f"needs a tensor, not {shown(value):.40}")
    return value


def _count(value: Any) -> Any:
    sizes = _value(value).shape
    return FreeSize() if None in sizes else math.prod(sizes)


def length(value: Any) -> Any:
    """Return the first size of a tensor."""
    size = _value(value).shape[0]
    return FreeSize(value, 0) if size is None else size


def _type_number(value: Any) -> int:
    """Return PyTorch's number of the type of a tensor."""
    kind = _value(value).dtype
    if kind.startswith("float"):
        return 6
    return 11 if kind == "bool" else 4 if kind.endswith("64") else 3


def _as_tensor(number: Any, *_placement: Any) -> Any:
    """Return a number as a tensor; a free size stays what it is, which all that computes with sizes takes."""
    if isinstance(number, (Value, FreeSize)):
        return number
    return Value(np.asarray(cast("float" if isinstance(number, float) else "int", number)))


def _always(answer: Any) -> Callable[..., Any]:
    return lambda *_arguments, **_keywords: answer


def _extreme(name: str) -> Callable[..., Any]:
    def choose(*numbers: Any) -> Any:
        found = numbers[0] if len(numbers) == 1 and isinstance(numbers[0], (list, tuple)) else numbers
        return of_numbers(name, [number_in(number) for number in found], {})

    return choose


# torch.NAME, of anything.
ANYTHING: Mapping[str, Callable[..., Any]] = {
    "__is__": lambda first, second: first is second,
    "__isnot__": lambda first, second: first is not second,
    "device": _always(Device()),
    "dict": lambda items=(): dict(items),
    "dim": lambda value: _value(value).rank,
    "is_autocast_enabled": _always(False),
    "is_complex": _always(False),
    "is_contiguous": _always(True),
    "is_floating_point": lambda value: _value(value).dtype.startswith("float"),
    "is_grad_enabled": _always(True),
    "is_scripting": _always(True),
    "item": number_in,
    "numel": _count,
    "requires_grad_": lambda value, *_: value,
    "tensor": _new_tensor,
    "warn": _always(None),
}
# ops.prim.NAME. What asks whether gradients are wanted is told so: programs take short cuts where they are not.
PRIMITIVES: Mapping[str, Callable[..., Any]] = {
    "NumToTensor": _as_tensor,
    "Print": _always(None),
    "abs": lambda number: of_numbers("abs", [number], {}),
    "data": lambda value: value,
    "device": _always(Device()),
    "dtype": _type_number,
    "is_cpu": _always(True),
    "is_cuda": _always(False),
    "is_nested": _always(False),
    "is_quantized": _always(False),
    "is_sparse": _always(False),
    "layout": _always(0),
    "max": _extreme("max"),
    "min": _extreme("min"),
    "requires_grad": _always(True),
    "type": _always("cpu"),
    "unchecked_unwrap_optional": lambda value: value,
}
# Of a size that is free these are the size.
SIZE_KEEPERS = {"alias", "clone", "contiguous", "detach", "to", "type_as"}


def are_numbers(name: str, arguments: list[Any]) -> bool:
    """Return whether a function computes with numbers alone: those of tensors count where a size is free."""
    if name not in NUMBERS or not arguments:
        return False
    if all(isinstance(one, Number) for one in arguments):
        return True
    return any(isinstance(one, FreeSize) for one in arguments) and all(
        isinstance(one, Number) or (isinstance(one, Value) and one.is_constant and one.tensor.size == 1)
        for one in arguments
    )
