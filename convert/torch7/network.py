"""From what a Torch7 file holds to the network in it, as a bare Keras model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from convert.torch7.builder import build_model
from convert.torch7.file.values import LuaTable, TorchObject, TorchTensor
from convert.torch7.file.walking import walk
from convert.torch7.module import Module
from errors import UserError
from model.untrusted.config import MAX_CALLS


@dataclass(frozen=True)
class Conversion:
    """A converted network and the account of the conversion.

    Attributes:
        model: the bare network, as `build_model` describes it.
        modules: Torch7 modules converted, in the order in which they run.
        tensors_read: tensors with numbers in the file.
        tensors_used: those of them that the network uses as parameters.
    """

    model: keras.Model
    modules: list[Module]
    tensors_read: int
    tensors_used: int


def find_network(value: Any) -> Module:
    """Return the module that a file holds: at the top, or under `model` in the table of a checkpoint.

    Raises:
        UserError: there is none.
    """
    if isinstance(value, LuaTable):
        if "model" not in value:
            keys = ", ".join(str(key) for key in list(value)[:20])
            raise UserError(f"the file holds a table without the entry 'model', only: {keys or 'nothing'}")
        return Module(_network_object(value["model"]), "model")
    return Module(_network_object(value), "")


def _network_object(value: Any) -> TorchObject:
    if not isinstance(value, TorchObject):
        raise UserError(f"the file holds {value!r} where a network module is expected")
    return value


def convert_network(value: Any) -> Conversion:
    """Return the network in `value`, which `read_t7` made of a file, as a Keras model.

    Raises:
        UserError: there is no network, or it cannot be converted; the message says which module is the reason.
    """
    network = find_network(value)
    modules = sum(isinstance(item, TorchObject) for item in walk(network.source))
    if modules > MAX_CALLS:
        raise UserError(f"the network has {modules} modules; at most {MAX_CALLS} can be built")
    model, context = build_model(network)
    tensors = sum(isinstance(item, TorchTensor) and item.array.size > 0 for item in walk(value))
    return Conversion(model, list(context.modules.values()), tensors, context.tensors_read())
