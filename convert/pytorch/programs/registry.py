"""The registry of ATen's operators.

A function in `convert.pytorch.programs.operators` converts one: its parameters have the names and the order of the
operator's schema in PyTorch (native_functions.yaml), after a `context`, and it returns a Value, or several.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from convert.pytorch.programs.context import Context
from convert.pytorch.programs.values import OperatorError, Value

OPERATORS: dict[str, Callable[..., Any]] = {}
BACKS: dict[str, Callable[..., Value]] = {}


def operator(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function for operators, by their names without "aten" and without their overloads."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            OPERATORS[name] = function
        return function

    return register


def back_of(*names: str) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """Register a function that puts what views, made by operators of these names, have become back into the whole.

    Its parameters are those of the operators, with the part after the whole.
    """

    def register(function: Callable[..., Value]) -> Callable[..., Value]:
        BACKS.update(dict.fromkeys(names, function))
        return function

    return register


def known(name: str) -> bool:
    """Return whether an operator is converted; relu_, which works in place, is where relu is."""
    return _plain(name) in OPERATORS


def call(context: Context, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """Return what an operator makes of its arguments.

    Args:
        context: state of the conversion.
        name: of the operator, such as "conv2d"; those that end with an underscore change their first argument.
        arguments: by position.
        keywords: by name; those that the function does not have are refused unless they say nothing.

    Raises:
        OperatorError: the operator is not known, or cannot be used in this way.
    """
    if not known(name):
        raise OperatorError("the operator is not supported")
    function = OPERATORS[_plain(name)]
    positional, named = _positional(function, arguments), _keywords(function, keywords)
    try:
        result = function(context, *positional, **named)
    except OperatorError:
        raise
    except Exception as error:  # Keras and its backends check shapes and arguments, with exceptions of their own
        lines = (str(error) or repr(error)).strip().splitlines()
        raise OperatorError(f"cannot be used here: {lines[0]:.300}") from error
    if name in BACKS and positional:
        whole, *rest = positional
        result.make_part(
            whole,
            lambda whole: function(context, whole, *rest, **named),
            lambda whole, part: BACKS[name](context, whole, part, *rest, **named),
        )
    if _plain(name) == name:
        return result
    return next(iter((*arguments, *keywords.values()))).write(result)


def _positional(function: Callable[..., Any], arguments: Sequence[Any]) -> Sequence[Any]:
    """Return the arguments that a function takes; further ones must say nothing."""
    kinds = [parameter.kind for parameter in inspect.signature(function).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return arguments
    count = kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD) - 1  # without the context
    _refuse(arguments[count:])
    return arguments[:count]


def _keywords(function: Callable[..., Any], keywords: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the keyword arguments that a function takes; further ones must say nothing."""
    parameters = inspect.signature(function).parameters
    if any(parameter.kind == inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return keywords
    _refuse([value for name, value in keywords.items() if name not in parameters])
    return {name: value for name, value in keywords.items() if name in parameters}


def _refuse(values: Sequence[Any]) -> None:
    said = [value for value in values if isinstance(value, Value) or value not in (None, False)]
    if said:
        raise OperatorError(f"has arguments that are not supported: {said!r:.80}")


def _plain(name: str) -> str:
    """Return the name of the operator that does not work in place."""
    return name[:-1] if name.endswith("_") and not name.endswith("__") and name[:-1] in OPERATORS else name
