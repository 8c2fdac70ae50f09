"""A network that is only run, not trained: quicker layers with the same numbers."""

from __future__ import annotations

from typing import Any

import keras

from layers import WinogradConv2D
from layers.arguments import is_simple_convolution
from layers.winograd_conv2d import EDGES
from model.rewiring import rewire

# With fewer channels the transforms cost as much as the multiplications that they save.
MIN_CHANNELS = 128
EDGES_BY_LAYER = {layer: edges for edges, layer in EDGES.items()}


def accelerate(model: keras.Model) -> keras.Model:
    """Return `model` with WinogradConv2D in place of its wide 3x3 convolutions and of the padding before them.

    All other layers are shared with `model`. The gradient of the result is slow. With a GPU, whose library chooses
    its algorithms by itself, it is `model`.

    Args:
        model: with one input and one output, Functional or Sequential.
    """
    if keras.distribution.list_devices("gpu"):
        return model
    before: dict[int, tuple[Any, str, Any]] = {}

    def call(layer: keras.Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_wide(layer):
            _, edges, inputs = before.get(id(inputs), (None, None, inputs))
            return _winograd(layer, edges)(inputs)
        outputs = layer(inputs, *args, **kwargs)
        if type(layer) in EDGES_BY_LAYER and layer.padding == ((1, 1), (1, 1)):
            before[id(outputs)] = (outputs, EDGES_BY_LAYER[type(layer)], inputs)
        return outputs

    return rewire(model, call)


def _is_wide(layer: keras.Layer) -> bool:
    return (
        type(layer) is keras.layers.Conv2D
        and is_simple_convolution(layer)
        and layer.kernel_size == (3, 3)
        and layer.compute_dtype in ("float32", "bfloat16")
        and layer.quantization_mode is None
        and min(layer.kernel.shape[2:]) >= MIN_CHANNELS
    )


def _winograd(layer: keras.layers.Conv2D, edges: str | None) -> WinogradConv2D:
    winograd = WinogradConv2D(
        layer.filters, edges=edges, activation=layer.activation, use_bias=layer.use_bias, dtype=layer.dtype_policy
    )
    winograd.build((None, None, None, layer.kernel.shape[2]))
    winograd.set_weights(layer.get_weights())
    return winograd
