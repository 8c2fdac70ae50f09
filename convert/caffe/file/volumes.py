"""The layers of volumes that C3D's Caffe has, versions 1.0 and 1.1, as those that BVLC's has for any number of axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from errors import UserError

# Type -> type of the same layer for any number of axes.
_VOLUME_TYPES = {
    "Convolution3D": "Convolution",
    "Deconvolution3D": "Deconvolution",
    "NdConvolution": "Convolution",
    "NdPooling": "Pooling",
    "Pooling3D": "Pooling",
}
_NAMES = ("kernel", "stride", "pad")
_VIDEO_FIELDS = ("crop_size", "new_height", "new_length", "new_width")
MAX_SIDE = 2**16  # of a kernel, a stride and a padding


def name_volumes(layer: Any) -> None:
    """Give a layer of volumes, of whatever version, the type and the fields that pictures and volumes have in common.

    Version 1.0 has the fields of time, kernel_depth, temporal_stride and temporal_pad, among those of pictures, 1.1 in
    messages of their own; both take no groups. NdConvolution and NdPooling name three sizes (kernel_shape, ...).

    Raises:
        UserError: a layer lacks a size of its kernel, or has one below zero or beyond MAX_SIDE.
    """
    if layer.type == "VideoData" and layer.HasField("image_data_param"):
        _copy(layer.image_data_param, layer.video_data_param, _VIDEO_FIELDS)
    if layer.type not in _VOLUME_TYPES:
        return
    is_pooling = _VOLUME_TYPES[layer.type] == "Pooling"
    own = layer.pooling3d_param if is_pooling else layer.convolution3d_param
    target = layer.pooling_param if is_pooling else layer.convolution_param
    if layer.type.endswith("3D"):
        source = own if own.ListFields() else target
        sizes = _of_time_and_pictures(layer, source)
        _copy(source, target, ["pool"] if is_pooling else ["num_output", "bias_term"])
        for name in ("kernel_size", "stride", "pad", *([] if is_pooling else ["group"])):
            target.ClearField(name)
    else:
        sizes = [list(getattr(target, f"{name}_shape").dim) for name in _NAMES]
    for name, values in zip(_NAMES, sizes, strict=True):
        _check(layer, name, values)
        if is_pooling and values:
            getattr(target, f"{name}_shape").dim[:] = values
        elif values:
            getattr(target, "kernel_size" if name == "kernel" else name)[:] = values
    layer.type = _VOLUME_TYPES[layer.type]


def _of_time_and_pictures(layer: Any, source: Any) -> list[list[int]]:
    """Return kernel, stride and padding as (time, height, width)."""
    if not source.kernel_depth or not source.kernel_size:
        raise UserError(f"layer {layer.name!r} ({layer.type}): needs kernel_size and kernel_depth")
    pictures = [_single(layer, source, name) for name in ("kernel_size", "stride", "pad")]
    times = source.kernel_depth, source.temporal_stride, getattr(source, "temporal_pad", 0)
    return [[time, size, size] for time, size in zip(times, pictures, strict=True)]


def _single(layer: Any, source: Any, name: str) -> int:
    """Return a size that height and width have in common."""
    value = getattr(source, name)
    if isinstance(value, int):
        return value
    if len(value) > 1:
        raise UserError(f"layer {layer.name!r} ({layer.type}): has {len(value)} times {name}; one is allowed")
    return value[0] if value else int(name == "stride")


def _check(layer: Any, name: str, values: Sequence[int]) -> None:
    if not all(0 <= value <= MAX_SIDE for value in values):
        raise UserError(f"layer {layer.name!r} ({layer.type}): {name} {values} must be from 0 to {MAX_SIDE}")


def _copy(source: Any, target: Any, names: Sequence[str]) -> None:
    """Copy those of the fields `names` that `source` has."""
    for name in names:
        if source.HasField(name):
            setattr(target, name, getattr(source, name))
