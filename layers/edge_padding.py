"""The common part of the paddings that take their values from the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import border


class EdgePadding2D(keras.layers.Layer):
    """Pads height and width with rows and columns of the picture itself.

    Subclasses say which ones. Each axis costs one concatenation: on a CPU that is quicker than mirror padding,
    and the mobile runtimes' fast kernels take it, which mirror padding they do not.

    Args:
        padding: int, (height, width) or ((top, bottom), (left, right)) as in keras.layers.ZeroPadding2D.

    Input: (batch, height, width, channels), of any size; output: the same, grown by the padding.

    A picture that is too small for its padding raises ValueError as soon as its size is known: when the model
    is built, or at the call. Only a TensorFlow graph traced for unknown sizes has nothing to check in Python;
    running it raises TensorFlow's own InvalidArgumentError ("Expected size[1] in [0, 3], but got 4").
    """

    def __init__(self, padding: int | Sequence[int] | Sequence[Sequence[int]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = border(padding)
        self.input_spec = keras.InputSpec(ndim=4)

    def lines_before(self, inputs: Any, axis: int, width: int) -> Any:
        """Return the `width` rows (axis 1) or columns (axis 2) that go before the picture."""
        raise NotImplementedError

    def lines_after(self, inputs: Any, axis: int, width: int) -> Any:
        """Return the `width` rows (axis 1) or columns (axis 2) that go after the picture."""
        raise NotImplementedError

    def smallest_size(self, width: int) -> int:
        """Return the least size of a picture that can be padded by `width` pixels at one side."""
        raise NotImplementedError

    def call(self, inputs: Any) -> Any:
        """Return `inputs` with its height and width padded."""
        self._check_sizes(inputs.shape)
        outputs = inputs
        for axis in (2, 1):
            outputs = self._pad_axis(outputs, axis)
        return outputs

    def _pad_axis(self, inputs: Any, axis: int) -> Any:
        before, after = self.padding[axis - 1]
        parts = [inputs]
        if before:
            parts.insert(0, self.lines_before(inputs, axis, before))
        if after:
            parts.append(self.lines_after(inputs, axis, after))
        return ops.concatenate(parts, axis=axis) if len(parts) > 1 else inputs

    def _check_sizes(self, shape: Sequence[int | None]) -> None:
        for axis, name in ((1, "height"), (2, "width")):
            least = self.smallest_size(max(self.padding[axis - 1]))
            size = shape[axis]
            if size is not None and size < least:
                raise ValueError(
                    f"{type(self).__name__} {self.name!r}: padding {self.padding} needs a {name} of at least "
                    f"{least}, not {size}"
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
