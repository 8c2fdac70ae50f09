"""TorchScript's functions of numbers, texts and containers, which are known when a program is read."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from convert.printable import printable
from convert.pytorch.programs.sizes import computed
from convert.pytorch.programs.values import FreeSize, OperatorError, Value

MAX_ITEMS = 1 << 12  # of a list or dict
MAX_LETTERS = 1 << 16  # of a text
MAX_WHOLE = 1 << 63
MAX_EXPONENT = 64
MAX_SHOWN = 8  # items in a text

Number = (int, float, FreeSize)


def _power(base: float, exponent: float) -> float:
    if abs(exponent) > MAX_EXPONENT:
        raise OperatorError(f"a power of {exponent}")
    return base**exponent


# Functions of numbers. Those of sizes that are free are free.
NUMBERS: Mapping[str, Callable[..., Any]] = {
    "Bool": bool,
    "Float": float,
    "Int": int,
    "__and__": operator.and_,
    "__derive_index": lambda index, start, step: start + index * step,
    "__lshift__": lambda number, places: number * 2 ** min(places, MAX_EXPONENT),
    "__not__": operator.not_,
    "__or__": operator.or_,
    "__range_length": lambda start, end, step: len(range(start, end, step)),
    "__round_to_zero_floordiv": lambda number, other: int(number / other),
    "__rshift__": operator.rshift,
    "__xor__": operator.xor,
    "abs": abs,
    "add": lambda number, other, alpha=1: number + alpha * other,
    "ceil": math.ceil,
    "cos": math.cos,
    "div": operator.truediv,
    "eq": operator.eq,
    "exp": math.exp,
    "floor": math.floor,
    "floor_divide": operator.floordiv,
    "floordiv": operator.floordiv,
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "log": math.log,
    "log2": math.log2,
    "lt": operator.lt,
    "max": max,
    "min": min,
    "mul": operator.mul,
    "ne": operator.ne,
    "neg": operator.neg,
    "pow": _power,
    "remainder": operator.mod,
    "round": lambda number: float(round(number)),
    "rsub": lambda number, other, alpha=1: other - alpha * number,
    "sin": math.sin,
    "sqrt": math.sqrt,
    "sub": lambda number, other, alpha=1: number - alpha * other,
    "trunc": math.trunc,
}


_COMPARISONS = {"__not__", "eq", "ge", "gt", "le", "lt", "ne"}


def of_numbers(name: str, numbers: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """Return what a function in NUMBERS makes of numbers.

    Raises:
        OperatorError: it is not defined for them, or a whole number is too large.
    """
    if any(isinstance(number, FreeSize) for number in numbers):
        return _of_free(name, numbers, keywords)
    try:
        result = NUMBERS[name](*numbers, **keywords)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise OperatorError(f"{printable(name)}: {error}") from error
    if isinstance(result, int) and not -MAX_WHOLE <= result < MAX_WHOLE:
        raise OperatorError("a whole number of more than 64 bits")
    return result


def _of_free(name: str, numbers: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """Return a number that depends on sizes."""
    if keywords.get("alpha", 1) != 1:
        return FreeSize()
    made = computed(name, *numbers)
    return bool(made) if name in _COMPARISONS and not isinstance(made, FreeSize) else made


def _bounded(result: Any) -> Any:
    if len(result) > (MAX_LETTERS if isinstance(result, str) else MAX_ITEMS):
        raise OperatorError(f"a list or text of {len(result)} items")
    return result


def _joined(first: Any, second: Any) -> Any:
    return _bounded(first + second)


def _repeated(items: Any, count: int) -> Any:
    if not 0 <= len(items) * count <= MAX_ITEMS:
        raise OperatorError(f"a list or text of {len(items)} items, {count} times")
    return items * count


def _equal(first: Any, second: Any) -> Any:
    """Return whether lists or texts are equal; a free size where that depends on sizes that are free."""
    if isinstance(first, str) or not isinstance(second, (list, tuple)):
        return isinstance(first, str) and isinstance(second, str) and first == second
    if len(first) != len(second):
        return False
    found = [_same_item(one, other) for one, other in zip(first, second, strict=True)]
    if False in found:
        return False
    return next((one for one in found if isinstance(one, FreeSize)), True)


def _same_item(one: Any, other: Any) -> Any:
    if isinstance(one, Number) and isinstance(other, Number):
        return of_numbers("eq", [one, other], {})
    if isinstance(one, (str, type(None))) or isinstance(other, (str, type(None))):
        return type(one) is type(other) and one == other
    raise OperatorError("compares lists of something else than numbers and texts")


def _negated(found: Any) -> Any:
    return of_numbers("__not__", [found], {})


def _part(items: Any, start: Any = None, end: Any = None, step: Any = 1) -> Any:
    return items[_index(start) : _index(end) : _index(step)]


def _index(number: Any) -> int | None:
    if number is not None and type(number) is not int:
        raise OperatorError(f"needs a known whole number, not {shown(number)}")
    return number


def item(items: Any, key: Any) -> Any:
    """Return an item of a list, text or dict.

    Raises:
        OperatorError: there is none.
    """
    try:
        return items[_key(key) if isinstance(items, dict) else _index(key)]
    except (LookupError, TypeError) as error:
        raise OperatorError(f"there is no item {shown(key)}") from error


def _key(key: Any) -> Any:
    if not isinstance(key, (int, float, str)):
        raise OperatorError("a key that is neither number nor text")
    return key


def _set_item(items: Any, key: Any, value: Any) -> Any:
    if isinstance(items, dict):
        items[_key(key)] = value
        return _bounded(items)
    item(items, key)
    items[key] = value
    return items


def _append(items: list, value: Any) -> list:
    items.append(value)
    return _bounded(items)


def _extend(items: list, values: Iterable[Any]) -> None:
    items[:] = _joined(items, list(values))


def _insert(items: list, place: int, value: Any) -> None:
    items.insert(place, value)
    _bounded(items)


def _contains(items: Any, value: Any) -> Any:
    if isinstance(items, dict):
        return _key(value) in items
    if isinstance(items, str):
        return value in items
    found = [_same_item(one, value) for one in items]
    return True if True in found else next((one for one in found if isinstance(one, FreeSize)), False)


def _formatted(text: str, *values: Any) -> str:
    for value in values:
        text = _bounded(text.replace("{}", shown(value), 1))
    return text


def _known(items: Iterable[Any]) -> list[Any]:
    values = list(items)
    if any(not isinstance(value, (int, float)) for value in values):
        raise OperatorError("needs known numbers")
    return values


# Functions whose first argument is a list, tuple, dict or text.
CONTAINERS: Mapping[str, Callable[..., Any]] = {
    "__contains__": _contains,
    "__getitem__": item,
    "_set_item": _set_item,
    "add": _joined,
    "add_": _extend,
    "all": lambda items: all(_known(items)),
    "any": lambda items: any(_known(items)),
    "append": _append,
    "clear": lambda items: items.clear(),
    "copy": lambda items: items.copy(),
    "eq": _equal,
    "extend": _extend,
    "format": _formatted,
    "get": lambda items, key, default=None: items.get(_key(key), default),
    "insert": _insert,
    "items": lambda items: list(items.items()),
    "keys": lambda items: list(items),
    "len": len,
    "list": list,
    "max": lambda items: max(_known(items)),
    "min": lambda items: min(_known(items)),
    "mul": _repeated,
    "ne": lambda first, second: _negated(_equal(first, second)),
    "pop": lambda items, place=-1: items.pop(place),
    "reverse": lambda items: items.reverse(),
    "slice": _part,
    "sum": lambda items: sum(_known(items)),
    "values": lambda items: list(items.values()),
}


def of_containers(name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """Return what a function in CONTAINERS makes of its arguments.

    Raises:
        OperatorError: it is not defined for them.
    """
    try:
        return CONTAINERS[name](*arguments, **keywords)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, OperatorError):
            raise
        raise OperatorError(f"{printable(name)} is not defined for this: {printable(str(error))}") from error


def shown(value: Any, is_inner: bool = False) -> str:
    """Return a value as a text, of lists the first items alone."""
    if isinstance(value, (list, tuple)) and not is_inner:
        more = ", ..." if len(value) > MAX_SHOWN else ""
        return f"[{', '.join(shown(one, True) for one in value[:MAX_SHOWN])}{more}]"
    if isinstance(value, (bool, int, float, str, FreeSize, type(None))):
        return str(value)
    return "a tensor" if isinstance(value, Value) else "..."
