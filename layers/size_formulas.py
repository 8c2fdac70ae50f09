"""Formulas of sizes that are known when a network runs.

A formula is a whole number, ["size", i, axis] for a size of input i, or an operation and its operands, such as
["mod", ["sub", 8, ["mod", ["size", 0, 1], 8]], 8]. Comparisons are 1 or 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras import ops

MAX_PARTS = 256
MAX_NUMBER = 1 << 31

Formula = int | Sequence[Any]


def modulo(size: Any, step: Any) -> Any:
    """Return the rest of a division, from 0 on; ONNX may give that of a negative size as a negative number."""
    return (size % step + step) % step


def _divided(size: Any, step: Any) -> Any:
    return (size - modulo(size, step)) // step  # without a rest: ONNX divides towards zero


def _one_if(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def number(first: Any, second: Any) -> Any:
        found = compare(first, second)
        return int(found) if isinstance(found, bool) else ops.cast(found, "int32")

    return number


def _either(of_numbers: Callable[[int, int], Any], of_tensors: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def choose(first: Any, second: Any) -> Any:
        return (of_numbers if isinstance(first, int) and isinstance(second, int) else of_tensors)(first, second)

    return choose


OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "add": lambda first, second: first + second,
    "sub": lambda first, second: first - second,
    "mul": lambda first, second: first * second,
    "mod": modulo,
    "floordiv": _divided,
    "max": _either(max, ops.maximum),
    "min": _either(min, ops.minimum),
    "eq": _one_if(_either(lambda first, second: first == second, ops.equal)),
    "lt": _one_if(_either(lambda first, second: first < second, ops.less)),
}
_DIVISIONS = ("mod", "floordiv")


def check_formula(formula: Formula) -> Formula:
    """Return a formula, lists for tuples.

    Raises:
        ValueError: it is none, or too long.
    """
    checked, parts = _checked(formula, 0)
    if parts > MAX_PARTS:
        raise ValueError(f"a formula of sizes of {parts} parts; at most {MAX_PARTS} are allowed")
    return checked


def _checked(formula: Any, depth: int) -> tuple[Formula, int]:
    if type(formula) is int and abs(formula) < MAX_NUMBER:
        return formula, 1
    if isinstance(formula, (list, tuple)) and len(formula) == 3 and depth < MAX_PARTS:
        name, *operands = formula
        if name == "size" and all(type(one) is int and 0 <= one < MAX_PARTS for one in operands):
            return list(formula), 1
        if name in OPERATIONS:
            (first, parts), (second, more) = (_checked(one, depth + 1) for one in operands)
            return [name, first, second], parts + more + 1
    raise ValueError(f"not a formula of sizes: {formula!r:.80}")


def evaluate(formula: Formula, shapes: Sequence[Sequence[Any]]) -> Any:
    """Return the number that a formula makes of the shapes of inputs, None where a size in it is.

    Raises:
        ValueError: the inputs have no such size.
    """
    if isinstance(formula, int):
        return formula
    name, first, second = formula
    if name == "size":
        if first >= len(shapes) or second >= len(shapes[first]):
            raise ValueError(f"there is no size {second} of input {first}")
        return shapes[first][second]
    operands = [evaluate(one, shapes) for one in (first, second)]
    if any(one is None for one in operands):
        return None
    if name in _DIVISIONS and isinstance(operands[1], int) and operands[1] < 1:
        raise ValueError(f"a size is divided by {operands[1]}")
    return OPERATIONS[name](*operands)
