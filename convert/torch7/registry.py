"""The table of converters: which function makes Keras layers of which Torch7 module.

A new module type is one function with a decorator; it is tested because it is registered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from convert.torch7.value import Cell, Value
from errors import UserError, unknown_name

if TYPE_CHECKING:
    from keras import KerasTensor

    from convert.torch7.builder import Builder
    from convert.torch7.module import Module

    ValueConverter = Callable[[Module, Value, Builder], Value]
    TensorConverter = Callable[[Module, KerasTensor, Builder], KerasTensor]

CONVERTERS: dict[str, ValueConverter] = {}


def converts_values(*type_names: str) -> Callable[[ValueConverter], ValueConverter]:
    """Register a converter that takes and returns values: cells or tables of them."""

    def register(function: ValueConverter) -> ValueConverter:
        for type_name in type_names:
            if type_name in CONVERTERS:
                raise ValueError(f"two converters for {type_name}")
            CONVERTERS[type_name] = function
        return function

    return register


def converts(*type_names: str) -> Callable[[TensorConverter], TensorConverter]:
    """Register a converter of modules that take one tensor and return one.

    A module with the field `inplace` overwrites its input, as Torch7 does: every other reader of that tensor sees
    the new values from then on.
    """

    def register(function: TensorConverter) -> TensorConverter:
        def convert(module: Module, value: Value, builder: Builder) -> Value:
            cell = module.single(value)
            result = function(module, cell.tensor, builder)
            if not module.flag("inplace"):
                return Cell(result)
            cell.tensor = result
            return cell

        converts_values(*type_names)(convert)
        return function

    return register


def converter_of(module: Module) -> ValueConverter:
    """Return the converter of a module.

    Raises:
        UserError: there is none; the message says where the module stands and which types are known.
    """
    try:
        return CONVERTERS[module.type_name]
    except KeyError:
        message = unknown_name("module type", module.type_name, CONVERTERS)
        raise UserError(f"{module.path}: no converter for {module.type_name}: {message}") from None
