"""One registered rule for each kind of layer or operation, by the name of its class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from keras import ops, tree

from layers import BilinearUpSampling2D
from layers.arguments import pair
from strips.graph import Call, Tensor
from strips.of_first import OfFirst
from strips.rows import (
    CircularWindows,
    Enlargement,
    Padding,
    Resize,
    RowRule,
    Shift,
    SizeOnly,
    Unpooling,
    Windows,
    twin,
)

# From a call to its rule; None where its arguments are not those of a map that can be cut.
Maker = Callable[[Call], RowRule | None]
MAKERS: dict[str, Maker] = {}

# Layers and operations of Keras and of this program that look at each pixel, or each row, by itself.
POINTWISE = (
    "Activation", "ReLU", "ReLU6", "LeakyReLU", "ELU", "Elu", "Relu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus",
    "Softsign", "Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "Identity", "Rescaling", "Dense",
    "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Divide", "TrueDivide", "Negative", "Absolute",
    "Sqrt", "Rsqrt", "Square", "Exp", "Log", "Power", "Clip", "Cast", "Where", "HardTanh", "HardSigmoid", "Silu",
    "Gelu", "Floor", "Round", "Sign", "Greater", "GreaterEqual", "Less", "LessEqual", "Equal", "Logical",
    "ElementwiseAffine", "ExactLeakyReLU", "VGGPreprocessing", "VGGPostprocessing", "WhiteNoise",
)  # fmt: skip


def find_rule(call: Call) -> RowRule | None:
    """Return the rule of a call from maps to maps, or None where it cannot be computed in strips."""
    name = type(call.operation).__name__
    if name in POINTWISE:
        return RowRule() if _is_pointwise(call) else None
    maker = MAKERS.get(name)
    return None if maker is None else maker(call)


def _rule(*names: str) -> Callable[[Maker], Maker]:
    def register(maker: Maker) -> Maker:
        MAKERS.update(dict.fromkeys(names, maker))
        return maker

    return register


def _is_pointwise(call: Call) -> bool:
    """Say whether all maps have the same rows, and no constant or weight has rows of its own."""
    heights = {tensor.height for tensor in (*call.inputs, *call.outputs) if tensor.is_map}
    constants = [part for part in tree.flatten((call.args, call.kwargs)) if not isinstance(part, Tensor)]
    shapes = [np.shape(part) for part in constants if hasattr(part, "shape")]
    shapes += [tuple(weight.shape) for weight in getattr(call.operation, "weights", ())]
    if type(call.operation).__name__ == "Dense":
        shapes = []
    shapes += [tensor.shape for tensor in call.inputs if not tensor.is_map]
    return len(heights) == 1 and all(len(shape) < 3 or shape[-3] == 1 for shape in shapes)


@_rule("Softmax", "LogSoftmax", "UnitNormalization", "BatchNormalization", "LayerNormalization", "Concatenate")
def _along_channels(call: Call) -> RowRule | None:
    axis = call.operation.axis
    rank = len(call.outputs[0].shape)
    axes = {one % rank for one in (axis if isinstance(axis, list | tuple) else [axis])}
    heights = {tensor.height for tensor in call.inputs if tensor.is_map}
    return RowRule() if axes <= {rank - 1, rank - 2} and len(heights) == 1 else None


@_rule("PReLU")
def _prelu(call: Call) -> RowRule | None:
    return RowRule() if call.operation.alpha.shape[0] == 1 else None


@_rule("LocalResponseNormalization")
def _local_response(call: Call) -> RowRule:
    layer = call.operation
    return RowRule() if layer.across_channels else Windows(layer.size, 1, layer.size // 2)


@_rule("Conv2D", "ConstantConv2D", "PackedConv2D", "DepthwiseConv2D", "SeparableConv2D")
def _convolution(call: Call) -> RowRule:
    layer = call.operation
    return _windows(call, layer.kernel_size[0], layer.strides[0], layer.dilation_rate[0])


@_rule("WinogradConv2D")
def _winograd(call: Call) -> RowRule:
    edges = call.operation.edges
    if edges == "circular":
        return CircularWindows(1, _circular)
    return Windows(3, 1, 0 if edges is None else 1)


@_rule("MaxPooling2D", "AveragePooling2D")
def _pooling(call: Call) -> RowRule:
    layer = call.operation
    return _windows(call, pair(layer.pool_size, "")[0], pair(layer.strides, "")[0])


def _windows(call: Call, size: int, stride: int, dilation: int = 1) -> Windows:
    extent = dilation * (size - 1) + 1
    if call.operation.padding == "valid":
        return Windows(extent, stride, 0)
    height = call.inputs[0].height
    missing = max(0, (-(-height // stride) - 1) * stride + extent - height)
    return Windows(extent, stride, missing // 2, keeps_phase=True)


@_rule("PaddedMaxPooling2D", "PaddedAveragePooling2D", "DilatedMaxPooling2D")
def _padded_pooling(call: Call) -> RowRule:
    windows = call.operation.windows
    return Windows(windows.size[0], windows.strides[0], windows.padding[0][0])


@_rule("MaxUnpooling2D")
def _unpooling(call: Call) -> RowRule:
    layer = call.operation
    return Unpooling(layer.pool_size[0], layer.strides[0], layer.padding[0][0])


@_rule("UpsampledConv2D")
def _upsampled_convolution(call: Call) -> RowRule:
    return Enlargement(2, below=2)


@_rule("PixelShuffle2D")
def _pixel_shuffle(call: Call) -> RowRule:
    return Enlargement(call.operation.size)


@_rule("UpSampling2D")
def _upsampling(call: Call) -> RowRule | None:
    layer = call.operation
    reach = {"nearest": 0, "bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}.get(layer.interpolation)
    return None if reach is None else Enlargement(layer.size[0], reach, reach)


@_rule("Repeat")
def _repetition(call: Call) -> RowRule | None:
    repeats, axis = call.operation.repeats, call.operation.axis
    return Enlargement(repeats) if isinstance(repeats, int) and axis in (1, -3) else None


@_rule("SpectralNormalization")
def _wrapped(call: Call) -> RowRule | None:
    return find_rule(replace(call, operation=call.operation.layer))  # whose kernel is as it was last normalised


@_rule("BilinearUpSampling2D", "BilinearResizeToMatch")
def _bilinear_resizing(call: Call) -> RowRule:
    columns = call.outputs[0].shape[2]

    def call_columns(value: Any) -> Any:
        layer = BilinearUpSampling2D(output_size=(value.shape[1], columns), dtype=call.operation.dtype_policy)
        return layer(value)

    return Resize(_between_aligned, call_columns)


def _between_aligned(row: int, height: int, target: int) -> tuple[int, float]:
    gaps = max(target - 1, 1)
    above, rest = divmod(row * (height - 1), gaps)
    return above, rest / gaps


@_rule("ResizeToMatch")
def _resizing(call: Call) -> RowRule | None:
    layer, columns = call.operation, call.outputs[0].shape[2]
    if layer.interpolation == "bicubic":
        return None  # mixes four rows
    factor = layer.scale_factor and layer.scale_factor[0]
    between = partial(_nearest if layer.interpolation == "nearest" else _between_middles, factor)
    return Resize(between, lambda value: layer.resize(value, 2, value.shape[2], columns))


def _step(factor: float | None, height: int, target: int) -> np.float32:
    return np.float32(height) / np.float32(target) if factor is None else np.float32(1 / factor)


def _nearest(factor: float | None, row: int, height: int, target: int) -> tuple[int, float]:
    place = np.float32(row) * _step(factor, height, target)
    return min(int(place), height - 1), 0.0


def _between_middles(factor: float | None, row: int, height: int, target: int) -> tuple[int, float]:
    place = max(np.float32(row + 0.5) * _step(factor, height, target) - np.float32(0.5), np.float32(0))
    above = min(int(place), height - 1)
    return above, float(place - np.float32(above))


@_rule("PaddedConv2DTranspose")
def _padded_transposed(call: Call) -> RowRule:
    layer = call.operation
    extent = layer.dilation_rate[0] * (layer.kernel_size[0] - 1) + 1
    return _transposed(extent, layer.strides[0], layer.padding[0], layer.output_padding[0])


@_rule("Conv2DTranspose")
def _keras_transposed(call: Call) -> RowRule:
    layer = call.operation
    extent, stride = layer.dilation_rate[0] * (layer.kernel_size[0] - 1) + 1, layer.strides[0]
    size = call.outputs[0].height - (call.inputs[0].height - 1) * stride  # of the output of one row
    above = max(extent - size, 0) // 2 if layer.padding == "same" else 0
    return _transposed(extent, stride, (above, extent - size - above), 0)


def _transposed(extent: int, stride: int, padding: tuple[int, int], output_padding: int) -> Enlargement:
    """Return the rule of a transposed convolution: row i of the input goes to rows i * stride + 0 ... extent - 1."""
    top, bottom = padding
    above = max(row // stride + (extent - 1 - row - top) // stride for row in range(stride))
    below = max((row + top) // stride for row in range(stride))
    missing = stride - (extent + output_padding - top - bottom)  # rows that a call lacks, if none are added
    return Enlargement(stride, max(0, above), max(below, -(-missing // stride), 0))


@_rule("Cropping2D")
def _cropping(call: Call) -> RowRule:
    (top, _), columns = call.operation.cropping
    return Shift(top, call_columns=twin(call.operation, cropping=((0, 0), columns)) if any(columns) else None)


@_rule("NoisePlanes")
def _noise(call: Call) -> RowRule:
    return SizeOnly()


@_rule("CropToMatch")
def _matching_crop(call: Call) -> RowRule:
    columns = call.outputs[0].shape[2]
    return OfFirst(Shift(0, call_columns=lambda value: value[:, :, :columns]))


@_rule("CropBySizes")
def _crop_by_sizes(call: Call) -> RowRule | None:
    return _along_axis(
        call, ("start", "end"), lambda start, end: Shift(slice(start, end).indices(call.inputs[0].height)[0])
    )


def _along_axis(call: Call, names: Sequence[str], of_rows: Callable[..., RowRule]) -> RowRule | None:
    """Return the rule of a layer that changes one axis by numbers of sizes, given what they do to rows."""
    layer = call.operation
    numbers = layer.numbers([tensor.shape for tensor in call.inputs])
    if not call.inputs[0].is_map or layer.axis not in (1, 2, 3):
        return None
    if layer.axis == 1:
        return OfFirst(of_rows(*numbers))
    return OfFirst(Shift(0, call_columns=twin(layer, **dict(zip(names, numbers, strict=True)))))


@_rule("GetItem")
def _slice(call: Call) -> RowRule | None:
    key = call.args[1] if len(call.args) > 1 else call.kwargs.get("key")
    if not isinstance(key, tuple | list) or len(key) < 2 or not all(isinstance(part, slice) for part in key[:2]):
        return None  # a key that has been in a file is a list
    columns = (slice(None), slice(None), *key[2:])
    start, _, step = key[1].indices(call.inputs[0].height)
    if key[0] != slice(None) or step < 1:
        return None
    return Shift(start, step, lambda value: value[columns])


def _replicated(row: int, height: int) -> int:
    return min(max(row, 0), height - 1)


def _reflected(row: int, height: int) -> int:
    return height - 1 - abs(height - 1 - abs(row))


def _circular(row: int, height: int) -> int:
    return row % height


def _mirrored(row: int, height: int) -> int:
    place = row % (2 * height)
    return min(place, 2 * height - 1 - place)


def _zero(row: int, height: int) -> int | None:
    return row if 0 <= row < height else None


SOURCES: dict[str, Callable[[int, int], int | None]] = {
    "ReplicationPadding2D": _replicated,
    "ReflectionPadding2D": _reflected,
    "CircularPadding2D": _circular,
    "SymmetricPadding2D": _mirrored,
    "ZeroPadding2D": _zero,
}


@_rule(*SOURCES)
def _padding(call: Call) -> RowRule:
    (above, _), columns = call.operation.padding
    pad_columns = twin(call.operation, padding=((0, 0), columns)) if any(columns) else None
    return Padding(above, SOURCES[type(call.operation).__name__], pad_columns)


@_rule("PadToMultiple")
def _pad_to_multiple(call: Call) -> RowRule:
    return Padding(0, _replicated, twin(call.operation, multiple=(1, call.operation.multiple[1])))


@_rule("PadBySizes")
def _pad_by_sizes(call: Call) -> RowRule | None:
    layer = call.operation
    return _along_axis(
        call, ("before", "after"), lambda before, after: Padding(before, _PADDINGS[layer.mode], fill=layer.value)
    )


_PADDINGS = {"constant": _zero, "reflect": _reflected, "replicate": _replicated, "circular": _circular}
PAD_MODES = {"constant": _zero, "reflect": _reflected, "symmetric": _mirrored}


@_rule("Pad")
def _pad(call: Call) -> RowRule | None:
    """Follow keras.ops.pad."""
    mode = call.operation.mode
    batch, (above, _), columns, channels = (tuple(widths) for widths in call.operation.pad_width)
    fill = next((part for part in (*call.args[1:], *call.kwargs.values()) if part is not None), None)
    if mode not in PAD_MODES or any((*batch, *channels)):
        return None
    widths = ((0, 0), (0, 0), columns, (0, 0))

    def pad_columns(value: Any) -> Any:
        return ops.pad(value, widths, mode, constant_values=fill)

    return Padding(above, PAD_MODES[mode], pad_columns if any(columns) else None, fill or 0)
