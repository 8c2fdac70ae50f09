"""Replacing layers of networks that are not trained by faster ones with the same numbers."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras

from layers import ConstantConv2D, PackedConv2D, UpsampledConv2D, WinogradConv2D, native
from layers.arguments import is_simple_convolution
from layers.constant_conv2d import may_be_constant
from layers.winograd import EDGES
from layers.winograd_conv2d import ZEROS
from model.rewiring import rewire

# With fewer channels the transforms cost as much as the multiplications that they save.
MIN_CHANNELS = 128
EDGES_BY_LAYER = {layer: edges for edges, layer in EDGES.items()}
# Convolutions and what stands for them when their weights do not change any more.
CONSTANT: dict[type[keras.layers.Layer], type[keras.layers.Conv2D]] = {
    keras.layers.Conv2D: ConstantConv2D,
    PackedConv2D: PackedConv2D,
    UpsampledConv2D: UpsampledConv2D,
}


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
            return _winograd(layer, edges, layer.activation)(inputs)
        outputs = layer(inputs, *args, **kwargs)
        if type(layer) in EDGES_BY_LAYER and layer.padding == ((1, 1), (1, 1)):
            before[id(outputs)] = (outputs, EDGES_BY_LAYER[type(layer)], inputs)
        return outputs

    return rewire(model, call)


def with_constant_kernels(model: keras.Model, *, exported: bool = False) -> keras.Model:
    """Return `model` with convolutions of its weights as they are now, which are constants.

    All other layers are shared with `model`, also convolutions in half precision, with dilation or with groups. Where
    constant kernels do not pay (layers.native.prefers_constant_kernels) it is `model`.

    Args:
        model: with one input and one output, Functional or Sequential.
        exported: for a graph that is written to a file and runs by itself, wherever that may be: every such kernel
            becomes a constant, and convolutions stay those of pictures.
    """
    if not (exported or native.prefers_constant_kernels()):
        return model

    constant = functools.cache(functools.partial(_constant, in_volumes=not exported))  # may be called several times

    def call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        return (constant(layer) if _may_be_constant(layer) else layer)(*args, **kwargs)

    return rewire(model, call)


def accelerate_descriptor(model: keras.Model) -> keras.Model:
    """Return a descriptor with frozen WinogradConv2D in place of its wide convolutions and the rectifiers after them.

    Its gradient by the picture is as quick. A convolution that is followed by its rectifier and is not asked for is
    part of the rectifier's layer. In bfloat16, where the algorithm's rounding makes gradients near the target wrong by
    a third and more, convolutions stay as they are. With a GPU, and on Keras' other backends, it is `model`: torch
    takes longer with the algorithm's many small steps, and jax to compile them.

    Args:
        model: as `build_descriptor` makes it, with its weights, which are constants from now on.
    """
    if not native.is_on_processor():
        return model
    if not any(_is_replaced(layer) or _becomes_constant(layer) for layer in model.layers):
        return model
    names = {layer.name for layer in model.layers}
    unrectified: dict[int, keras.layers.Conv2D] = {}

    def call(layer: keras.Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if id(inputs) in unrectified:
            return _frozen(unrectified.pop(id(inputs)), layer.name, keras.activations.relu)(inputs)
        if not _is_replaced(layer):
            return _copied(layer)(inputs, *args, **kwargs)
        if layer.name in model.output or layer.name.replace("conv", "relu") not in names:
            return _frozen(layer, layer.name)(inputs)
        unrectified[id(inputs)] = layer
        return inputs

    quick = rewire(model, call)
    quick.trainable = False
    return keras.Model(quick.input, {name: quick.get_layer(name).output for name in model.output}, name=model.name)


def _is_replaced(layer: keras.Layer) -> bool:
    return _is_wide(layer, ("valid", "same"), ("float32",))


def _copied(layer: Any) -> Any:
    """Return a layer of its own with the same weights, constant ones where it may be; an operation is its own copy."""
    if not isinstance(layer, keras.Layer):
        return layer
    return _constant(layer, in_volumes=True) if _becomes_constant(layer) else _with_weights(layer, type(layer))


def _becomes_constant(layer: Any) -> bool:
    # Of large kernels that are variables, such as those of random filters, oneDNN takes minutes for a gradient.
    return native.prefers_constant_kernels() and _may_be_constant(layer)


def _constant(layer: keras.layers.Conv2D, *, in_volumes: bool) -> keras.layers.Conv2D:
    copy = _with_weights(layer, CONSTANT[type(layer)])
    copy.freeze(in_volumes=in_volumes)
    return copy


def _with_weights(layer: keras.layers.Layer, kind: type[keras.layers.Layer]) -> Any:
    copy = kind.from_config(layer.get_config())
    if layer.weights:
        copy.build(layer.input.shape)
        copy.set_weights(layer.get_weights())
    return copy


def _may_be_constant(layer: Any) -> bool:
    return (
        type(layer) in CONSTANT
        and may_be_constant(layer)
        and layer.compute_dtype == "float32"
        and layer.quantization_mode is None
    )


def _frozen(layer: keras.layers.Conv2D, name: str, activation: Any = None) -> WinogradConv2D:
    winograd = _winograd(layer, ZEROS if layer.padding == "same" else None, activation, name)
    winograd.freeze()
    return winograd


def _is_wide(
    layer: keras.Layer, paddings: Sequence[str] = ("valid",), dtypes: Sequence[str] = ("float32", "bfloat16")
) -> bool:
    return (
        type(layer) is keras.layers.Conv2D
        and is_simple_convolution(layer, paddings)
        and layer.kernel_size == (3, 3)
        and layer.compute_dtype in dtypes
        and layer.quantization_mode is None
        and min(layer.kernel.shape[2:]) >= MIN_CHANNELS
    )


def _winograd(
    layer: keras.layers.Conv2D, edges: str | None, activation: Any, name: str | None = None
) -> WinogradConv2D:
    winograd = WinogradConv2D(
        layer.filters, edges=edges, activation=activation, use_bias=layer.use_bias, name=name, dtype=layer.dtype_policy
    )
    winograd.build((None, None, None, layer.kernel.shape[2]))
    winograd.set_weights(layer.get_weights())
    return winograd
