"""The shared state of converting one network: layers made so far, pooling indices, noise, converted modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import KerasTensor

from convert.torch7.file.values import TorchObject
from convert.torch7.inputs.fixed_sizes import Demand
from convert.torch7.module import Module
from convert.torch7.registry import converter_of
from convert.torch7.symbolic_values import BatchConsumed, Cell, Value
from errors import UserError
from layers import Parameter

MAX_DEPTH = 200  # of modules in modules; real networks nest about 10 deep
MAX_MODULES = 5_000  # conversions; a file may stand for many more, since modules can be shared

Statistics = Literal["auto", "batch", "running"]
Noise = Literal["seed", "input"]


class ChannelMismatch(Exception):
    """A module needs another number of channels than the network's guessed input leads to."""

    def __init__(self, module: Module, needed: int, found: int | None) -> None:
        if found is None:
            known = "which is not in the file; give the sizes of the network's input as `input_shape`"
        else:
            known = f"gets {found}"
        super().__init__(f"{module.path} ({module.type_name}): needs {needed} input channels, {known}")
        self.needed = needed
        self.found = found


class BatchStatisticsNeeded(Exception):
    """A module has running statistics that cannot serve: the network was meant for those of the batch."""


class Context:
    """State of one conversion.

    Args:
        unpooled: what identifies the pooling modules that a later module undoes.
        noise: whether modules that draw noise get it from layers with a seed or from inputs of the model.
        statistics: which statistics batch normalisations use; `auto` takes the running ones where the file has them.
    """

    def __init__(self, unpooled: set[Any], noise: Noise = "seed", statistics: Statistics = "auto") -> None:
        self.modules: dict[TorchObject, Module] = {}
        self.pooling_indices: dict[Any, list[tuple[KerasTensor, KerasTensor]]] = {}
        self.unpooled = unpooled
        self.noise = noise
        self.noise_inputs: list[KerasTensor] = []
        self.noisy: list[Module] = []
        self.statistics = statistics
        self.batch_statistics: list[Module] = []
        self.demands: list[Demand] = []
        self.fitting_size: int | None = None
        self._layers: dict[Any, keras.Layer] = {}
        self._substitutes: dict[TorchObject, TorchObject] = {}
        self._memory: dict[TorchObject, list[Value]] = {}
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
        except (ChannelMismatch, BatchConsumed, BatchStatisticsNeeded, UserError):
            raise
        except Exception as error:
            # Keras and its backends check shapes and arguments themselves, each with exceptions of its own, and the
            # file is not trusted: whatever they refuse is a fault of this module.
            raise module.fail(f"cannot be used here: {_first_line(error)}") from error
        finally:
            self._depth -= 1

    def apply(
        self,
        module: Module,
        inputs: Any,
        make: Callable[[], keras.Layer],
        weights: Sequence[np.ndarray | None] = (),
        part: str = "",
        **arguments: Any,
    ) -> Any:
        """Apply the Keras layer of `module`, made with its `weights` at first use and shared from then on.

        Weights that are None are left out. A module of several layers tells them apart by `part`; further arguments
        are those of the layer's call.
        """
        layer = self._layers.get((module.source, part))
        if layer is not None:
            return layer(inputs, **arguments)
        layer = self._layers[module.source, part] = make()
        outputs = layer(inputs, **arguments)
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused later
            values = [np.asarray(value, np.float32) for value in weights if value is not None]
        variables = [variable for variable in layer.weights if "seed_generator" not in variable.path]
        if [tuple(v.shape) for v in variables] != [value.shape for value in values]:
            expected = [tuple(v.shape) for v in variables]
            raise module.fail(f"weights of shapes {[value.shape for value in values]} where {expected} are expected")
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return outputs

    def parameter(self, module: Module, x: KerasTensor, name: str, array: np.ndarray | None = None) -> KerasTensor:
        """Return a parameter of `module` as a weight of the model that operations can use.

        It is the tensor `name` of the file unless an `array` is given. `x` is any tensor of the network.
        """
        array = module.required_array(name) if array is None else array
        return self.apply(module, x, lambda: Parameter(array.shape), [array], part=name)

    def expect_channels(self, module: Module, x: KerasTensor, channels: int) -> None:
        """Check that a tensor, channels last, has the channels that `module` needs.

        Raises:
            ChannelMismatch: it has not; the builder then tries another number of input channels.
        """
        if x.shape[-1] != channels:
            raise ChannelMismatch(module, channels, x.shape[-1])

    def expect_elements(self, x: KerasTensor, elements: int) -> None:
        """Note that each sample of a tensor must have so many elements, where its size is free."""
        if None in x.shape[1:]:
            self.demands.append(Demand(x, elements))

    def noise_like(self, module: Module, shape: Sequence[int | None]) -> KerasTensor | None:
        """Return a new input of the model for the noise of `module`, None where a layer shall draw it.

        `shape` is in Keras' order and begins with the batch.
        """
        self.noisy.append(module)
        if self.noise == "seed":
            return None
        tensor = keras.Input(batch_shape=tuple(shape), name=f"noise_{len(self.noise_inputs)}")
        self.noise_inputs.append(tensor)
        return tensor

    def substitute(self, source: TorchObject, make: Callable[[], TorchObject]) -> TorchObject:
        """Return what stands in for a module of the file, made at first use."""
        if source not in self._substitutes:
            self._substitutes[source] = make()
        return self._substitutes[source]

    def begin_sequence(self) -> dict[TorchObject, list[Value]]:
        """Let modules forget; return what they remembered."""
        before, self._memory = self._memory, {}
        return before

    def end_sequence(self, before: dict[TorchObject, list[Value]]) -> None:
        """Give modules back what they remembered before a sequence."""
        self._memory = before

    def recall(self, module: Module, start: list[Value]) -> list[Value]:
        """Return what a module remembers of its last step, `start` before the first."""
        return self._memory.get(module.source, start)

    def remember(self, module: Module, values: list[Value]) -> None:
        """Keep what a module needs in its next step."""
        self._memory[module.source] = values

    def zeros(self, cell: Cell, size: int) -> Cell:
        """Return zeros with the sizes of a cell but the last one, which becomes `size`."""
        source = keras.ops.zeros_like(cell.source()[..., :1])
        return cell.from_source(keras.ops.repeat(source, size, axis=-1))

    def tensors_read(self) -> int:
        """Return how many tensors of the file the network uses, a shared one once."""
        return len({id(tensor) for module in self.modules.values() for tensor in module.read.values()})


def _first_line(error: Exception) -> str:
    text = str(error) or repr(error)
    return text.splitlines()[0] if text.strip() else repr(error)
