"""Finding the network in a Torch7 file and building its bare Keras model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from convert.torch7.builder import BuildOptions, build_model
from convert.torch7.entries import find_network, is_module
from convert.torch7.file.values import TorchTensor
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
        noisy: modules that draw random numbers.
        batch_statistics: modules that normalise with the statistics of the batch at hand.
        fitting_size: the size of all free dimensions of the inputs with which modules of a fixed number of elements
            work; None where any does, or none is known.
    """

    model: keras.Model
    modules: list[Module]
    tensors_read: int
    tensors_used: int
    noisy: list[Module]
    batch_statistics: list[Module]
    fitting_size: int | None


def convert_network(value: Any, options: BuildOptions | None = None, *, entry: str | None = None) -> Conversion:
    """Return the network in `value`, which `read_t7` made of a file, as a Keras model.

    Args:
        value: what the file holds.
        options: how to build it.
        entry: keys that lead to one of several networks, joined by dots.

    Raises:
        UserError: there is no network, or it cannot be converted; the message says which module is the reason.
        ArgumentError: the entry, or the shapes of the inputs, are needed or wrong.
    """
    network = find_network(value, entry)
    modules = sum(is_module(item) for item in walk(network.source))
    if modules > MAX_CALLS:
        raise UserError(f"the network has {modules} modules; at most {MAX_CALLS} can be built")
    model, context = build_model(network, options)
    tensors = sum(isinstance(item, TorchTensor) and item.array.size > 0 for item in walk(value))
    return Conversion(
        model,
        list(context.modules.values()),
        tensors,
        context.tensors_read(),
        context.noisy,
        context.batch_statistics,
        context.fitting_size,
    )
