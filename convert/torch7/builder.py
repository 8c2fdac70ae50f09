"""Builds a Keras model from the module tree of a Torch7 file, module by module through the registry.

The architecture is read from the file and never assumed: each module's own fields decide what it becomes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import KerasTensor

from convert.torch7 import (  # noqa: F401  their converters register themselves
    activations,
    arithmetic,
    containers,
    convolutions,
    graph,
    normalization,
    pooling,
    shapes,
)
from convert.torch7.module import Module
from convert.torch7.registry import converter_of
from convert.torch7.unpooling import unpooled_keys
from convert.torch7.value import Cell, Value
from convert.torch7.values import TorchObject
from errors import UserError

MAX_DEPTH = 200  # of modules in modules; real networks nest about 10 deep
MAX_MODULES = 5_000  # conversions; a file may stand for many more, since modules can be shared


class ChannelMismatch(Exception):
    """A module needs another number of channels than the network's guessed input leads to."""

    def __init__(self, module: Module, needed: int, found: int | None) -> None:
        super().__init__(f"{module.path} ({module.type_name}): needs {needed} input channels, gets {found}")
        self.needed = needed
        self.found = found


class Builder:
    """State of one conversion: layers made so far, pooling indices, the account of tensors read.

    Args:
        root: the network's module.
    """

    def __init__(self, root: Module) -> None:
        self.root = root
        self.modules: dict[TorchObject, Module] = {}
        self.pooling_indices: dict[Any, tuple[KerasTensor, KerasTensor]] = {}
        self.unpooled = unpooled_keys(root.source)
        self._layers: dict[TorchObject, keras.Layer] = {}
        self._depth = 0
        self._conversions = 0

    def build(self) -> keras.Model:
        """Return the network as a Keras model.

        Four-dimensional tensors are (batch, height, width, channels) where Torch7 has (batch, channels, height,
        width); a table as output becomes a flat list. Batch size, height and width are free.

        Raises:
            UserError: the network cannot be converted; the message says which module is the reason.
        """
        channels = None
        for _ in range(3):
            try:
                return self._build_with(channels)
            except ChannelMismatch as mismatch:
                if mismatch.found is None:
                    channels = mismatch.needed
                else:
                    channels = (channels or 0) + mismatch.needed - mismatch.found
                problem = mismatch
            if channels <= 0:
                break
        raise UserError(f"cannot tell the number of input channels: {problem}")

    def _build_with(self, channels: int | None) -> keras.Model:
        self._layers.clear()
        self.modules.clear()
        self.pooling_indices.clear()
        self._conversions = 0
        inputs = keras.Input((None, None, channels), name="image")
        outputs = self._outputs(self.convert(self.root, Cell(inputs)))
        if outputs is inputs:
            outputs = keras.layers.Identity()(inputs)
        model = keras.Model(inputs, outputs, name="network")
        for module in self.modules.values():
            self._check_all_read(module)
        return model

    def convert(self, module: Module, value: Value) -> Value:
        """Return what `module` makes of `value`."""
        self._conversions += 1
        if self._depth > MAX_DEPTH or self._conversions > MAX_MODULES:
            raise UserError(f"{module.path[:80]}: more than {MAX_DEPTH} levels or {MAX_MODULES} modules")
        module = self.modules.setdefault(module.source, module)
        self._depth += 1
        try:
            return converter_of(module)(module, value, self)
        except (ChannelMismatch, UserError):
            raise
        except Exception as error:
            # Keras and its backends check shapes and arguments themselves, each with exceptions of its own, and the
            # file is not trusted: whatever they refuse is a fault of this module.
            raise module.fail(f"does not fit here: {(str(error) or repr(error)).splitlines()[0]}") from error
        finally:
            self._depth -= 1

    def apply(
        self,
        module: Module,
        inputs: Any,
        make: Callable[[], keras.Layer],
        weights: Sequence[np.ndarray | None] = (),
    ) -> Any:
        """Apply the Keras layer of `module`, made with its `weights` at first use and shared from then on.

        Weights that are None are left out.
        """
        layer = self._layers.get(module.source)
        if layer is not None:
            return layer(inputs)
        layer = self._layers[module.source] = make()
        outputs = layer(inputs)
        values = [value for value in weights if value is not None]
        if [tuple(v.shape) for v in layer.weights] != [value.shape for value in values]:
            expected = [tuple(v.shape) for v in layer.weights]
            raise module.fail(f"weights of shapes {[value.shape for value in values]} where {expected} are expected")
        layer.set_weights(values)
        return outputs

    def expect_channels(self, module: Module, x: KerasTensor, channels: int) -> None:
        """Check that an image tensor has the channels that `module` needs.

        Raises:
            ChannelMismatch: it has not; `build` then tries another number of input channels.
        """
        if len(x.shape) != 4:
            raise module.fail(f"needs a 4-D tensor, its input has the shape {x.shape}")
        if x.shape[-1] != channels:
            raise ChannelMismatch(module, channels, x.shape[-1])

    def _outputs(self, value: Value) -> Any:
        """Return the tensor, or the list of tensors of a table; tables in a table are taken apart."""
        if isinstance(value, Cell):
            return value.tensor
        return [cell.tensor for cell in self.root.leaves(value)]

    def _check_all_read(self, module: Module) -> None:
        unread = module.unread()
        if unread:
            raise module.fail(f"tensors that nothing uses: {', '.join(map(str, unread))}")

    def tensors_read(self) -> int:
        """Return how many tensors of the file the network uses, a shared one once."""
        return len({id(tensor) for module in self.modules.values() for tensor in module.read.values()})
