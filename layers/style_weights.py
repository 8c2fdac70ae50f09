"""The weights of a network's styles, with the styles' names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from layers.registration import registered


@registered
class StyleWeights(keras.layers.Layer):
    """Returns the weights of styles as they are, and keeps the styles' names with the model.

    Args:
        styles: the names, in the order of the weights; none twice.

    Input and output: (batch, styles); rows are not negative and add up to 1.

    Raises:
        ValueError: there are no names, an empty one, or one twice; or the input has another number of columns.
    """

    def __init__(self, styles: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.styles = [str(name) for name in styles]
        if (
            isinstance(styles, str)
            or not all(self.styles)
            or not self.styles
            or len(set(self.styles)) < len(self.styles)
        ):
            raise ValueError(f"styles must be names, none twice, not {styles!r}")
        self.input_spec = keras.InputSpec(ndim=2, axes={-1: len(self.styles)})

    def call(self, inputs: Any) -> Any:
        """Return `inputs`."""
        return inputs

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return `input_shape`."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "styles": self.styles}
