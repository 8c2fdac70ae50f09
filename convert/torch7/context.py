"""What the converters of one network share: layers made so far, pooling indices, the account of modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import KerasTensor

from convert.torch7.file.values import TorchObject
from convert.torch7.module import Module
from convert.torch7.registry import converter_of
from convert.torch7.symbolic_values import Value
from errors import UserError

MAX_DEPTH = 200  # of modules in modules; real networks nest about 10 deep
MAX_MODULES = 5_000  # conversions; a file may stand for many more, since modules can be shared


class ChannelMismatch(Exception):
    """A module needs another number of channels than the network's guessed input leads to."""

    def __init__(self, module: Module, needed: int, found: int | None) -> None:
        super().__init__(f"{module.path} ({module.type_name}): needs {needed} input channels, gets {found}")
        self.needed = needed
        self.found = found


class Context:
    """State of one conversion.

    Args:
        unpooled: what identifies the pooling modules that a later module undoes.
    """

    def __init__(self, unpooled: set[Any]) -> None:
        self.modules: dict[TorchObject, Module] = {}
        self.pooling_indices: dict[Any, tuple[KerasTensor, KerasTensor]] = {}
        self.unpooled = unpooled
        self._layers: dict[TorchObject, keras.Layer] = {}
        self._depth = 0
        self._conversions = 0

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
            ChannelMismatch: it has not; the builder then tries another number of input channels.
        """
        if len(x.shape) != 4:
            raise module.fail(f"needs a 4-D tensor, its input has the shape {x.shape}")
        if x.shape[-1] != channels:
            raise ChannelMismatch(module, channels, x.shape[-1])

    def tensors_read(self) -> int:
        """Return how many tensors of the file the network uses, a shared one once."""
        return len({id(tensor) for module in self.modules.values() for tensor in module.read.values()})
