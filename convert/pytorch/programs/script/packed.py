"""Layers of networks that were optimised for mobile devices, in one object with their weights and options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convert.pytorch.programs.context import Context
from convert.pytorch.programs.registry import call
from convert.pytorch.programs.script.objects import Heap, ScriptObject
from convert.pytorch.programs.values import OperatorError, Value

LIBRARY = "prepacked"
# Of each operator the one that it stands for, and the places of its options in the object's state, after weights and
# biases. The last two values of a state are the bounds of the result.
_OPERATORS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "conv2d_clamp_run": ("conv2d", (2, 3, 4, 5)),
    "conv2d_transpose_clamp_run": ("conv_transpose2d", (2, 3, 4, 6, 5)),
    "linear_clamp_run": ("linear", ()),
}


def run_packed(context: Context, heap: Heap, name: str, arguments: list[Any]) -> Value:
    """Return what a layer makes of its input.

    Args:
        context: state of the conversion.
        heap: the objects of the archive.
        name: of the operator.
        arguments: the input and the object.

    Raises:
        OperatorError: it is not supported, or the object is another.
    """
    if name not in _OPERATORS:
        raise OperatorError("the operator is not supported")
    operator, options = _OPERATORS[name]
    count = 2 + len(options) + 2
    if len(arguments) != 2 or not isinstance(arguments[0], Value) or not isinstance(arguments[1], ScriptObject):
        raise OperatorError("other arguments than it takes")
    state = heap.value(arguments[1].state)
    if not isinstance(state, tuple) or len(state) != count:
        raise OperatorError("an object that holds something else than its weights and options")
    result = call(context, operator, [arguments[0], *state[:2], *(state[place] for place in options)], {})
    if state[-2] is None and state[-1] is None:
        return result
    return call(context, "clamp", [result, state[-2], state[-1]], {})
