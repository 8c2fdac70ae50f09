"""Arithmetic with sizes that stay free: formulas that layers compute when the network runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from keras import KerasTensor
from keras.layers import InputLayer

from compat import operation_of, operations_above
from convert.axes import keras_axis
from convert.pytorch.programs.values import BatchNeeded, FreeSize, OperatorError
from layers import Parameter, RangeBySizes, ReshapeBySizes
from layers.by_sizes import BySizes

MAX_PARTS = 200  # of a formula
MAX_DENOMINATOR = 1 << 10  # of a factor that a size is multiplied by
MAX_NUMBER = 1 << 31


def computed(name: str, *numbers: Any) -> Any:
    """Return what arithmetic makes of numbers some of which are free sizes.

    Args:
        name: of the function, as PyTorch or Python call it.
        numbers: its operands.

    Returns:
        A free size; without `parts`, if it is not a formula that layers can compute.
    """
    function = _FUNCTIONS.get(name)
    try:
        operands = [_number(number) for number in numbers]
        if function is None or not all(map(is_known, operands)):
            return FreeSize()
        made = function(*operands)
    except (ArithmeticError, TypeError, ValueError):
        return FreeSize()
    return FreeSize() if isinstance(made, FreeSize) and _count(made) > MAX_PARTS else made


def _number(number: Any) -> Any:
    if isinstance(number, FreeSize):
        return number
    return int(number) if number == int(number) else Fraction(number)


def is_known(number: Any) -> bool:
    """Return whether layers can compute a number: a free size of a tensor, a formula of such, or a small one."""
    if isinstance(number, FreeSize):
        return number.value is not None or bool(number.parts)
    return abs(number) < MAX_NUMBER and Fraction(number).denominator <= MAX_DENOMINATOR


def _count(size: Any) -> int:
    return 1 + sum(map(_count, size.parts[1:])) if isinstance(size, FreeSize) else 1


def _node(name: str, first: Any, second: Any) -> FreeSize:
    """Return a part of a formula, all whose operands are whole.

    Raises:
        TypeError: one is a fraction.
    """
    if any(isinstance(one, Fraction) or is_fraction(one) for one in (first, second)):
        raise TypeError("fractions are rounded first")
    return FreeSize(parts=(name, first, second))


def is_fraction(size: Any) -> bool:
    """Return whether a number is a quotient of a free size that was not rounded."""
    return isinstance(size, FreeSize) and size.parts[:1] == ("truediv",)


def _add(first: Any, second: Any) -> Any:
    if not isinstance(first, FreeSize) and not isinstance(second, FreeSize):
        return first + second
    if 0 in (first, second):
        return second if first == 0 else first
    return _node("add", first, second)


def _subtract(first: Any, second: Any) -> Any:
    if not isinstance(second, FreeSize):
        return _add(first, -second)
    return 0 if is_same(first, second) else _node("sub", first, second)


def _multiply(first: Any, second: Any) -> Any:
    size, factor = (first, second) if isinstance(first, FreeSize) else (second, first)
    if not isinstance(size, FreeSize):
        return size * factor
    if isinstance(factor, FreeSize):
        return _node("mul", size, factor)
    factor = Fraction(factor)
    if factor == 0:
        return 0
    if size.parts[:1] in (("mul",), ("truediv",)) and isinstance(size.parts[2], int):
        known = Fraction(size.parts[2])
        factor *= known if size.parts[0] == "mul" else 1 / known
        size = size.parts[1]
        if size.parts[:1] == ("mul",) and isinstance(size.parts[2], int):
            return _multiply(size, factor)
    whole = size if factor.numerator == 1 else FreeSize(parts=("mul", size, factor.numerator))
    return whole if factor.denominator == 1 else FreeSize(parts=("truediv", whole, factor.denominator))


def _divide(first: Any, second: Any) -> Any:
    return _multiply(first, 1 / Fraction(second))


def _floor(size: Any) -> Any:
    return _node("floordiv", *size.parts[1:]) if is_fraction(size) else _rounded(size, math.floor)


def _rounded(size: Any, function: Callable[[Any], int]) -> Any:
    return size if isinstance(size, FreeSize) else function(size)


def _ceil(size: Any) -> Any:
    if not is_fraction(size):
        return _rounded(size, math.ceil)
    _, top, bottom = size.parts
    return _node("floordiv", _add(top, bottom - 1), bottom)


def _truncate(size: Any) -> Any:
    if not is_fraction(size):
        return _rounded(size, int)
    _, top, bottom = size.parts
    negative = _node("min", _node("max", _subtract(0, top), 0), bottom - 1)
    return _node("floordiv", _add(top, negative), bottom)


def _floor_divide(first: Any, second: Any) -> Any:
    return _node("floordiv", first, second) if isinstance(second, FreeSize) else _floor(_divide(first, second))


def _modulo(first: Any, second: Any) -> Any:
    if not isinstance(second, FreeSize) and second < 1:
        raise TypeError("of positive numbers alone")
    return _node("mod", first, second)


def _equal(first: Any, second: Any) -> Any:
    return 1 if is_same(first, second) else _node("eq", first, second)


def _less(first: Any, second: Any) -> Any:
    return 0 if is_same(first, second) else _node("lt", first, second)


def _extreme(name: str) -> Callable[..., Any]:
    return lambda first, second: first if is_same(first, second) else _node(name, first, second)


def _as_it_is(size: Any) -> Any:
    return size


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **dict.fromkeys(("Float", "float", "sym_float"), _as_it_is),
    **dict.fromkeys(("Int", "int", "sym_int", "trunc"), _truncate),
    **dict.fromkeys(("div", "truediv"), _divide),
    **dict.fromkeys(("floordiv", "floor_divide"), _floor_divide),
    **dict.fromkeys(("max", "sym_max"), _extreme("max")),
    **dict.fromkeys(("min", "sym_min"), _extreme("min")),
    **dict.fromkeys(("mod", "remainder"), _modulo),
    "__not__": lambda size: _equal(size, 0),
    "__round_to_zero_floordiv": lambda first, second: _truncate(_divide(first, second)),
    "add": _add,
    "bool": lambda size: _subtract(1, _equal(size, 0)),
    "ceil": _ceil,
    "eq": _equal,
    "floor": _floor,
    "ge": lambda first, second: _subtract(1, _less(first, second)),
    "gt": lambda first, second: _less(second, first),
    "le": lambda first, second: _subtract(1, _less(second, first)),
    "lt": _less,
    "mul": _multiply,
    "ne": lambda first, second: _subtract(1, _equal(first, second)),
    "neg": lambda size: _subtract(0, size),
    "rsub": lambda first, second: _subtract(second, first),
    "sub": _subtract,
}


def chosen(condition: FreeSize, first: Any, second: Any) -> Any:
    """Return a number that is the first where a condition holds, else the second."""
    if type(first) is type(second) and not isinstance(first, FreeSize) and first == second:
        return first
    is_true = computed("ne", condition, 0)
    return computed("add", second, computed("mul", is_true, computed("sub", first, second)))


def is_same(first: Any, second: Any) -> bool:
    """Return whether two numbers are the same: free sizes of one axis of one tensor, or one formula of them."""
    if not (isinstance(first, FreeSize) and isinstance(second, FreeSize)):
        return isinstance(first, int) and isinstance(second, int) and first == second
    if first is second:
        return True
    if first.parts or second.parts:
        same_name = first.parts[:1] == second.parts[:1]
        return same_name and all(map(is_same, first.parts[1:], second.parts[1:]))
    return first.value is not None and first.value is second.value and first.dim == second.dim


def multiple_of(size: Any) -> tuple[FreeSize, int] | None:
    """Return of which size of a tensor another is a multiple, and how often; None: of none."""
    if not isinstance(size, FreeSize) or size.value is not None:
        return (size, 1) if isinstance(size, FreeSize) else None
    if size.parts[:1] == ("mul",) and isinstance(size.parts[1], FreeSize) and isinstance(size.parts[2], int):
        return (size.parts[1], size.parts[2]) if size.parts[1].value is not None else None
    return None


def has_batch(size: Any) -> bool:
    """Return whether a number depends on how many pictures there are."""
    if not isinstance(size, FreeSize):
        return False
    return any(map(has_batch, size.parts[1:])) if size.parts else size.value is not None and size.dim == 0


def has_numbers_of_inputs(tensor: KerasTensor) -> bool:
    """Return whether a tensor is computed from an input's numbers, not from its sizes and weights alone.

    One that is not has no axis of the batch, though its first size may be free.
    """
    above = operations_above([tensor], until=(RangeBySizes, Parameter))
    return any(isinstance(operation, InputLayer) for operation in above)


def batch_ratio(tensor: KerasTensor, known: dict[int, tuple[KerasTensor, int | None]]) -> int:
    """Return how many positions the only free axis of a tensor has for each picture: several, where windows are joined.

    Args:
        tensor: the batch of its network is free.
        known: ratios of tensors, by their ids; those that are found are added.

    Raises:
        BatchNeeded: it is not the same for all batches.
    """
    waiting = [tensor]
    while waiting:
        made = waiting[-1]
        operation, above = operation_of(made)
        above = [one for one in above if None in one.shape]
        rest = [one for one in above if id(one) not in known]
        if not rest:
            known[id(made)] = made, _ratio(operation, made, [(one, known[id(one)][1]) for one in above])
            waiting.pop()
        waiting += rest
    ratio = known[id(tensor)][1]
    if ratio is None:
        raise BatchNeeded("takes apart an axis to which that of the batch is joined")
    return ratio


def _ratio(operation: Any, made: KerasTensor, above: Sequence[tuple[KerasTensor, int | None]]) -> int | None:
    """Return the ratio of what an operation makes of tensors, given theirs; None: it is not known."""
    if not above:
        return 1
    tensor, ratio = above[0]
    if type(operation).__name__ == "Concatenate" and made.shape[operation.axis] is None:
        parts = [one for _, one in above if one is not None]
        is_batch = made.shape.count(None) == 1 and len(parts) == len(above)
        return sum(parts) if is_batch else ratio
    if type(operation).__name__ not in ("Reshape", "ReshapeBySizes") or ratio is None:
        return ratio
    if (tensor.shape.count(None), made.shape.count(None)) != (1, 1):
        return ratio if tensor.shape[:1] == made.shape[:1] == (None,) and made.shape.count(None) > 1 else None
    old, new = (math.prod(size for size in one.shape if size is not None) for one in (tensor, made))
    return ratio * old // new if new and ratio * old % new == 0 else None


def with_channels(x: KerasTensor, channels: int | None) -> KerasTensor:
    """Return a tensor with its last size, which it had from a view whose sizes are free."""
    if x.shape[-1] is not None or channels is None:
        return x
    return ReshapeBySizes([*(["size", 0, axis] for axis in range(len(x.shape) - 1)), channels])(x)


def by_sizes(make: Callable[..., BySizes], x: KerasTensor, numbers: Sequence[Any]) -> KerasTensor:
    """Return what a layer makes of a tensor that takes numbers from the sizes of tensors.

    Args:
        make: the layer, given the formulas of the numbers.
        x: what it changes.
        numbers: whole ones, and free sizes.

    Raises:
        OperatorError: a number is not a formula of sizes.
    """
    inputs = [x]
    formulas = [_formula(number, inputs) for number in numbers]
    return make(*formulas)(inputs if len(inputs) > 1 else x)


def reshaped_by_sizes(x: KerasTensor, shape: Sequence[Any]) -> KerasTensor:
    """Return the numbers of a tensor in a shape of whole numbers and free sizes; one may be -1.

    Raises:
        OperatorError: a number is not a formula of sizes.
    """
    return by_sizes(lambda *sizes: ReshapeBySizes(sizes), x, shape)


def _formula(number: Any, inputs: list[KerasTensor]) -> Any:
    """Return a formula as layers have it; the tensors whose sizes are in it are added to the inputs."""
    if not isinstance(number, FreeSize):
        return int(number)
    if number.value is not None:
        tensor = number.value.sized
        place = next((place for place, one in enumerate(inputs) if one is tensor), len(inputs))
        if place == len(inputs):
            inputs.append(tensor)
        return ["size", place, keras_axis(number.dim, number.value.rank)]
    if not number.parts or is_fraction(number):
        raise OperatorError(
            "needs a number that depends on the size of the input in a way that cannot be converted: give the size as "
            "`input_shape`"
        )
    name, *operands = number.parts
    return [name, *(_formula(one, inputs) for one in operands)]
