"""Keras layers with the weights of PyTorch's modules."""

from __future__ import annotations

from collections.abc import Iterable

import keras
import numpy as np
from keras import KerasTensor

from convert.pytorch.picture_values import signed_values
from convert.pytorch.state_dicts import StateDict
from layers import InstanceNormalization, PaddedConv2DTranspose, conv2d

Shapes = dict[str, tuple[int, ...]]
_PARAMETERS = ("weight", "bias")  # of a normalisation
_BATCH_NORMALIZATION = (*_PARAMETERS, "running_mean", "running_var")


def convolution(
    state: StateDict,
    name: str,
    x: KerasTensor,
    *,
    strides: int = 1,
    padding: str = "valid",
    is_bgr_in: bool = False,
    is_bgr_out: bool = False,
    layer_name: str | None = None,
) -> KerasTensor:
    """Return `x` convolved with the weights of the nn.Conv2d `name`.

    Args:
        state: tensors of the network.
        name: of the module.
        x: (batch, height, width, channels).
        strides: of the convolution.
        padding: "valid", or "same" with a stride of 1, which is PyTorch's padding of half the kernel.
        is_bgr_in: whether the module takes BGR, where `x` is RGB.
        is_bgr_out: whether the module returns BGR, where RGB is wanted.
        layer_name: of the layer, where it is not the module's.
    """
    kernel, bias = _kernel(state, name), _bias(state, name)
    if is_bgr_in:
        kernel = kernel[:, :, ::-1]
    if is_bgr_out:
        kernel, bias = kernel[..., ::-1], [values[::-1] for values in bias]
    layer = conv2d(
        kernel.shape[-1],
        kernel.shape[:2],
        strides=strides,
        padding=padding,
        use_bias=bool(bias),
        name=layer_name or plain(name),
    )
    return with_weights(layer, x, [kernel, *bias])


def depthwise_convolution(state: StateDict, name: str, x: KerasTensor) -> KerasTensor:
    """Return `x` convolved with the weights of the nn.Conv2d `name`, which has a group for each channel."""
    kernel, bias = _kernel(state, name).transpose(0, 1, 3, 2), _bias(state, name)
    layer = keras.layers.DepthwiseConv2D(kernel.shape[:2], use_bias=bool(bias), name=plain(name))
    return with_weights(layer, x, [kernel, *bias])


def unshuffled_convolution(state: StateDict, name: str, x: KerasTensor, factor: int) -> KerasTensor:
    """Return `x`, its squares of `factor` x `factor` pixels made channels, convolved with the nn.Conv2d `name`.

    The module, whose kernel has an odd side, has half of it as padding. nn.PixelUnshuffle and the convolution are one
    with a kernel and a stride that are `factor` times as large.

    Args:
        state: tensors of the network.
        name: of the module.
        x: (batch, height, width, channels), where `factor` divides height and width.
        factor: 1 for a plain convolution.
    """
    if factor == 1:
        return convolution(state, name, x, padding="same")
    kernel, bias = _kernel(state, name), _bias(state, name)
    side, outputs = kernel.shape[0], kernel.shape[-1]
    squares = kernel.reshape(side, side, -1, factor, factor, outputs).transpose(0, 3, 1, 4, 2, 5)
    large = squares.reshape(side * factor, side * factor, -1, outputs)
    layer = conv2d(outputs, side * factor, strides=factor, use_bias=bool(bias), name=plain(name))
    return with_weights(layer, keras.layers.ZeroPadding2D(side // 2 * factor)(x), [large, *bias])


def doubling_convolution(state: StateDict, name: str, x: KerasTensor) -> KerasTensor:
    """Return `x` twice as large by the nn.ConvTranspose2d `name` with stride 2 and padding 1.

    Its kernel has a side of 3, and then an output padding of 1, or of 4.
    """
    kernel, bias = _kernel(state, name), _bias(state, name)
    side, outputs = kernel.shape[1:3]
    layer = PaddedConv2DTranspose(
        outputs, side, strides=2, padding=1, output_padding=4 - side, use_bias=bool(bias), name=plain(name)
    )
    return with_weights(layer, x, [kernel, *bias])


def instance_normalization(
    state: StateDict,
    name: str,
    x: KerasTensor,
    *,
    epsilon: float = 1e-5,
    parameters: Iterable[str] = _PARAMETERS,
) -> KerasTensor:
    """Return `x` normalised by its own statistics, with the factors and offsets of the module `name`."""
    layer = InstanceNormalization(epsilon=epsilon, name=plain(name))
    return with_weights(layer, x, [state.array(f"{name}.{parameter}") for parameter in parameters])


def batch_normalization(state: StateDict, name: str, x: KerasTensor) -> KerasTensor:
    """Return `x` normalised by the nn.BatchNorm2d `name` with its running statistics, as in evaluation mode."""
    layer = keras.layers.BatchNormalization(epsilon=1e-5, name=plain(name))
    return with_weights(layer, x, [state.array(f"{name}.{kind}") for kind in _BATCH_NORMALIZATION])


def normalization_shapes(name: str, channels: int, parameters: Iterable[str] = _PARAMETERS) -> Shapes:
    """Return the shapes of the tensors of a normalisation, by their names."""
    return {f"{name}.{parameter}": (channels,) for parameter in parameters}


def batch_normalization_shapes(name: str, channels: int) -> Shapes:
    """Return the shapes of the tensors of an nn.BatchNorm2d that are used in evaluation mode, by their names."""
    return normalization_shapes(name, channels, _BATCH_NORMALIZATION)


def convolution_shapes(name: str, inputs: int, outputs: int, side: int, *, has_bias: bool = True) -> Shapes:
    """Return the shapes of the tensors of a square nn.Conv2d, by their names."""
    return {f"{name}.weight": (outputs, inputs, side, side)} | ({f"{name}.bias": (outputs,)} if has_bias else {})


def doubling_shapes(name: str, inputs: int, outputs: int, side: int, *, has_bias: bool = True) -> Shapes:
    """Return the shapes of the tensors of a square nn.ConvTranspose2d, by their names."""
    return {f"{name}.weight": (inputs, outputs, side, side)} | ({f"{name}.bias": (outputs,)} if has_bias else {})


def to_signed(image: KerasTensor) -> KerasTensor:
    """Return a picture in [0, 1] as a network of -1..1 takes it."""
    return signed_values()[0](image)


def picture_of_tanh(x: KerasTensor) -> KerasTensor:
    """Return the picture in [0, 1] that a network of -1..1 makes by tanh."""
    return signed_values()[1](keras.layers.Activation("tanh")(x))


def shapes_of(state: StateDict) -> Shapes:
    """Return the shapes of all tensors, by their names."""
    return {name: tensor.shape for name, tensor in state.tensors.items()}


def plain(name: str) -> str:
    """Return a module's name as that of a layer."""
    return name.replace(".", "_")


def with_weights(layer: keras.Layer, x: KerasTensor, weights: list[np.ndarray]) -> KerasTensor:
    """Return what a layer makes of `x`, and give it its weights."""
    outputs = layer(x)
    layer.set_weights(weights)
    return outputs


def _kernel(state: StateDict, name: str) -> np.ndarray:
    return state.array(f"{name}.weight").transpose(2, 3, 1, 0)


def _bias(state: StateDict, name: str) -> list[np.ndarray]:
    """Return the module's offsets, none where it has none."""
    return [state.array(f"{name}.bias")] if f"{name}.bias" in state.tensors else []
