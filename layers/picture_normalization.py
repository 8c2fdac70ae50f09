"""Normalisation over all numbers of a picture."""

from __future__ import annotations

from typing import Any

from keras import ops

from layers.instance_normalization import InstanceNormalization, normalize_instances
from layers.registration import registered


@registered
class PictureNormalization(InstanceNormalization):
    """Normalises each picture over its height, width and channels; factor and offset are each channel's own.

    The same numbers as keras.layers.GroupNormalization(groups=1), whose sums over whole pictures ONNX Runtime
    computes with errors that grow with the size. Arguments, input and output as those of InstanceNormalization.
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the normalised picture."""
        inputs = ops.cast(inputs, self.compute_dtype)  # Keras casts no integers
        return normalize_instances(inputs, self.gamma, self.beta, self.epsilon, over_channels=True)
