"""The normalisation of generators that are trained with one of two, as those of CycleGAN, pix2pix and CUT."""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import KerasTensor

from convert.pytorch.state_dicts import StateDict
from convert.pytorch.weighted_layers import Shapes, batch_normalization, batch_normalization_shapes, shapes_of
from layers import InstanceNormalization

_COUNTER = ".num_batches_tracked"
# PyTorch before 0.4 stored these for every instance normalisation; the authors' programs drop them.
_LEFTOVERS = (".running_mean", ".running_var", _COUNTER)


@dataclass(frozen=True)
class ChosenNormalization:
    """Batch normalisation, or instance normalisation without parameters.

    Convolutions before batch normalisation have no offsets.
    """

    is_batch: bool

    @property
    def told(self) -> str:
        """Return what it does, in words."""
        if self.is_batch:
            return "batch normalisation with the running statistics, as in evaluation mode"
        return "instance normalisation"

    def shapes(self, name: str, channels: int) -> Shapes:
        """Return the shapes of the tensors of the module `name` that are used."""
        return batch_normalization_shapes(name, channels) if self.is_batch else {}

    def shapes_of(self, state: StateDict) -> Shapes:
        """Return the shapes of all tensors but those of normalisations that are not used."""
        unused = _COUNTER if self.is_batch else _LEFTOVERS
        return {name: shape for name, shape in shapes_of(state).items() if not name.endswith(unused)}

    def apply(self, state: StateDict, name: str, x: KerasTensor) -> KerasTensor:
        """Return `x` normalised by the module `name`."""
        if self.is_batch:
            return batch_normalization(state, name, x)
        return InstanceNormalization(center=False, scale=False)(x)

    def rectified(self, state: StateDict, name: str, x: KerasTensor) -> KerasTensor:
        """Return `x` normalised and rectified."""
        return keras.layers.ReLU()(self.apply(state, name, x))
