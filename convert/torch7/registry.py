"""The table of converters: which function makes Keras layers of which Torch7 module.

A new module type is one function with a decorator in `convert.torch7.converters`, tested because it is registered.
A converter names as its parameters what it uses: `module`, the input as `value` (a cell or a table of them) or as `x`
(the tensor of a cell) or `cell`, and `context`.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from convert.torch7.module import Module
from convert.torch7.symbolic_values import Cell, Value, samples
from errors import UserError

MAX_SHOWN = 8  # types in the message of an unknown one

Converter = Callable[[Module, Value, Any], Value]
Function = TypeVar("Function", bound=Callable[..., Any])

CONVERTERS: dict[str, Converter] = {}


def converts_values(*type_names: str) -> Callable[[Function], Function]:
    """Register a converter that takes and returns values: cells or tables of them."""

    def register(function: Function) -> Function:
        call = _with_used(function, {"module", "value", "context"})
        _register(type_names, lambda module, value, context: call(module=module, value=value, context=context))
        return function

    return register


def converts(*type_names: str, sample: int | None = None) -> Callable[[Function], Function]:
    """Register a converter of modules that take one tensor and return one.

    With `sample`, Torch7 takes a tensor of that many dimensions or a batch of them: the converter then gets and
    returns tensors with one leading axis, whether there was one or not.

    A module with the field `inplace` overwrites its input, as Torch7 does: every other reader of that tensor sees
    the new values from then on.
    """

    def register(function: Function) -> Function:
        call = _with_used(function, {"module", "x", "cell", "context"})

        def convert(module: Module, value: Value, context: Any) -> Value:
            cell = module.single(value)
            result = _convert_cell(call, module, cell, context, sample)
            if not module.flag("inplace"):
                return result
            cell.tensor = result.tensor
            return cell

        _register(type_names, convert)
        return function

    return register


def _convert_cell(call: Callable[..., Any], module: Module, cell: Cell, context: Any, sample: int | None) -> Cell:
    if sample is None:
        result = call(module=module, x=cell.tensor, cell=cell, context=context)
        return result if isinstance(result, Cell) else cell.like(result)
    if cell.rank not in (sample, sample + 1):
        allowed = f"{sample} or {sample + 1} dimensions"
        raise module.fail(f"takes tensors of {allowed}, but its input has the sizes {cell.sizes}")
    if cell.rank == sample:
        cell.keep_batch(1)
    parts = samples(cell, sample)
    return parts.rest(call(module=module, x=parts.tensor, cell=cell, context=context))


def _register(type_names: tuple[str, ...], converter: Converter) -> None:
    for type_name in type_names:
        if type_name in CONVERTERS:
            raise ValueError(f"two converters for {type_name}")
        CONVERTERS[type_name] = converter


def _with_used(function: Callable[..., Any], offered: set[str]) -> Callable[..., Any]:
    """Return a function that takes all that is `offered` and passes on what `function` has parameters for."""
    used = inspect.signature(function).parameters.keys()
    if not used <= offered:
        raise TypeError(f"{function.__name__} takes {sorted(used)}, of which only {sorted(offered)} are at hand")
    return lambda **arguments: function(**{name: arguments[name] for name in used})


def converter_of(module: Module) -> Converter:
    """Return the converter of a module.

    Raises:
        UserError: there is none; the message says where the module stands and which types are known.
    """
    try:
        return CONVERTERS[module.type_name]
    except KeyError:
        known = sorted(CONVERTERS, key=lambda name: (not name.startswith("nn."), name))
        near = difflib.get_close_matches(module.type_name, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        shown = f"{hint}known: {', '.join(known[:MAX_SHOWN])} and {len(known) - MAX_SHOWN} more"
        raise UserError(f"{module.path or 'the network'}: no converter for {module.type_name}: {shown}") from None
