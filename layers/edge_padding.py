"""What the paddings that take their values from the picture have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import border


class EdgePadding2D(keras.layers.Layer):
    """Pads height and width with rows and columns of the picture itself.

    Subclasses say which rows go before and after. Each axis costs one concatenation: that is quicker on a CPU
    than mirror padding, and the mobile runtimes' fast kernels take it, which mirror padding they do not.

    Args:
        padding: int, (height, width) or ((top, bottom), (left, right)) as in keras.layers.ZeroPadding2D.

    Input and output: (batch, height, width, channels), of any size, with height and width grown by the padding.

    A picture that is too small for its padding raises ValueError as soon as its size is known: when the model is
    built, or at the call. Only in a TensorFlow graph traced for unknown sizes is there nothing to check in
    Python; there the rows are fetched by index, which TensorFlow on the CPU refuses with "indices ... is not in".
    """

    def __init__(self, padding: int | Sequence[int] | Sequence[Sequence[int]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = border(padding)
        self.input_spec = keras.InputSpec(ndim=4)

    def border_indices(self, before: int, after: int) -> tuple[list[int], list[int]]:
        """Return the positions along an axis that go before and after it, negative ones counting from its end."""
        raise NotImplementedError

    def smallest_size(self, width: int) -> int:
        """Return the least height (or width) of a picture that can be padded by `width` pixels at one side."""
        raise NotImplementedError

    def call(self, inputs: Any) -> Any:
        """Return `inputs` with its height and width padded."""
        self._check_sizes(inputs.shape)
        outputs = inputs
        for axis, (before, after) in enumerate(self.padding, start=1):
            outputs = self._pad_axis(outputs, axis, before, after)
        return outputs

    def _pad_axis(self, inputs: Any, axis: int, before: int, after: int) -> Any:
        first, last = self.border_indices(before, after)
        parts = [inputs]
        if first:
            parts.insert(0, ops.take(inputs, first, axis=axis))
        if last:
            parts.append(ops.take(inputs, last, axis=axis))
        return ops.concatenate(parts, axis=axis) if len(parts) > 1 else inputs

    def _check_sizes(self, shape: Sequence[int | None]) -> None:
        for axis, name, widths in ((1, "height", self.padding[0]), (2, "width", self.padding[1])):
            least = self.smallest_size(max(widths))
            if shape[axis] is not None and shape[axis] < least:
                raise ValueError(
                    f"{type(self).__name__} {self.name!r}: padding {self.padding} needs a {name} of at least "
                    f"{least}, not {shape[axis]}"
                )

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the padded shape, None where a size is unknown."""
        self._check_sizes(input_shape)
        grown = (
            None if size is None else size + sum(widths)
            for size, widths in zip(input_shape[1:3], self.padding, strict=True)
        )
        return (input_shape[0], *grown, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "padding": self.padding}
