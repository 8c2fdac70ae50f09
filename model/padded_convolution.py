"""A convolution whose two axes are padded each in its own way."""

from __future__ import annotations

from typing import Any, Literal

import keras

from errors import ArgumentError, unknown_name
from layers.circular_padding import CircularPadding2D
from layers.replication_padding import ReplicationPadding2D

PaddingMode = Literal["same", "valid", "replicate", "circular"]
# One mode for both axes, or (vertical, horizontal).
Padding = PaddingMode | tuple[PaddingMode, PaddingMode]
AxisModes = tuple[PaddingMode, PaddingMode]

_PADDING_LAYERS = {
    "same": keras.layers.ZeroPadding2D,
    "replicate": ReplicationPadding2D,
    "circular": CircularPadding2D,
}


def axis_modes(padding: Padding) -> AxisModes:
    """Return `padding` as (vertical, horizontal) modes.

    Raises:
        ArgumentError: a mode is unknown.
    """
    modes = (padding, padding) if isinstance(padding, str) else tuple(padding)
    if len(modes) != 2:
        raise ArgumentError(f"padding must be one mode or a (vertical, horizontal) pair of them, not {padding!r}")
    for mode in modes:
        if mode not in ("valid", *_PADDING_LAYERS):
            raise ArgumentError(unknown_name("padding", mode, ("valid", *_PADDING_LAYERS)))
    return modes


def padded_convolution(
    inputs: Any,
    filters: int,
    kernel_size: int,
    padding: AxisModes,
    *,
    name: str,
    use_bias: bool = True,
    dtype: Any = None,
) -> Any:
    """Return the symbolic convolution of `inputs` with stride 1 in a layer called `name`, all weights zero.

    Args:
        inputs: (batch, height, width, channels).
        filters: number of output channels.
        kernel_size: height and width of the kernel, odd.
        padding: for each axis "valid" (none), or what stands around the picture so that the size is kept:
            "same" zeros, "replicate" the edge pixel, "circular" the opposite edge.
        name: of the layer; those that pad are called after it.
        use_bias: whether the layer has a bias.
        dtype: dtype policy of the layers.
    """
    # Keras' own zero padding costs nothing; at stride 1 and odd kernels it is the same on both sides.
    own = padding if padding in {("same", "same"), ("valid", "valid")} else None
    outputs = inputs if own else _pad(inputs, kernel_size // 2, padding, name=name, dtype=dtype)
    # The weights come from elsewhere: zeros are the quickest to make.
    convolution = keras.layers.Conv2D(
        filters,
        kernel_size,
        padding=own[0] if own else "valid",
        use_bias=use_bias,
        kernel_initializer="zeros",
        name=name,
        dtype=dtype,
    )
    return convolution(outputs)


def _pad(inputs: Any, width: int, padding: AxisModes, *, name: str, dtype: Any) -> Any:
    outputs = inputs
    for mode, layer in _PADDING_LAYERS.items():
        widths = tuple(width if axis_mode == mode else 0 for axis_mode in padding)
        if any(widths):
            outputs = layer(widths, name=f"{name}_{mode}_padding", dtype=dtype)(outputs)
    return outputs
