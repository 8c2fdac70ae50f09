"""What has the form of a call in TorchScript's code but is none of an operator: casts and types of values."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from convert.pytorch.programs.script.builtins import cast, number_in
from convert.pytorch.programs.script.functions import shown
from convert.pytorch.programs.script.syntax import Frame, dotted
from convert.pytorch.programs.values import FreeSize, OperatorError, Value

_Evaluate = Callable[[ast.expr], Any]

_TYPES: Mapping[str, Any] = {
    "Dict": dict,
    "List": list,
    "NoneType": type(None),
    "Tensor": Value,
    "Tuple": tuple,
    "bool": bool,
    "float": float,
    "int": (int, FreeSize),
    "str": str,
}


def _parts(node: ast.Call, frame: Frame, count: int) -> list[ast.expr]:
    if len(node.args) != count or node.keywords:
        raise frame.refused(node)
    return node.args


def _typed(node: ast.Call, frame: Frame, evaluate: _Evaluate) -> Any:
    """Return the value in annotate(type, value) and unchecked_cast(type, value)."""
    kind, argument = _parts(node, frame, 2)
    value = evaluate(argument)
    if isinstance(value, Value) and isinstance(kind, ast.Name) and kind.id in ("int", "float", "bool", "number"):
        return _placed(frame, number_in, value)
    return value


def _uninitialized(node: ast.Call, frame: Frame, evaluate: _Evaluate) -> None:
    _parts(node, frame, 1)


def _number(node: ast.Call, frame: Frame, evaluate: _Evaluate) -> Any:
    """Return int(value), float(value) or bool(value)."""
    (argument,) = _parts(node, frame, 1)
    (kind,) = dotted(node.func)
    return _placed(frame, cast, kind, evaluate(argument))


def _placed(frame: Frame, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except OperatorError as error:
        raise frame.error(error) from error


def _text(node: ast.Call, frame: Frame, evaluate: _Evaluate) -> str:
    (argument,) = _parts(node, frame, 1)
    return shown(evaluate(argument))


def _is_instance(node: ast.Call, frame: Frame, evaluate: _Evaluate) -> bool:
    """Return whether a value has a type; what is in lists is not looked at."""
    argument, kind = _parts(node, frame, 2)
    name = dotted(kind.value if isinstance(kind, ast.Subscript) else kind)
    if len(name) != 1 or name[0] not in _TYPES:
        raise frame.error("asks for a type that is not supported")
    return isinstance(evaluate(argument), _TYPES[name[0]])


FORMS: Mapping[str, Callable[[ast.Call, Frame, _Evaluate], Any]] = {
    "annotate": _typed,
    "isinstance": _is_instance,
    "str": _text,
    "unchecked_cast": _typed,
    "uninitialized": _uninitialized,
    **dict.fromkeys(("bool", "float", "int"), _number),
}
