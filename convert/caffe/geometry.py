"""Kernel, stride, padding and dilation of convolutions and poolings, in the ways that a prototxt can give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from convert.caffe.network import LayerError

Pair = tuple[int, int]


class Window(NamedTuple):
    """A window over a picture, each as (height, width); the padding is the same on both sides."""

    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair = (1, 1)

    def extent(self, axis: int) -> int:
        """Return the pixels from the first to the last that the kernel touches along `axis` (0: height)."""
        return self.dilation[axis] * (self.kernel[axis] - 1) + 1

    def room(self, size: int, axis: int) -> int:
        """Return by how much the window can move within a picture of `size` with its padding."""
        return size + 2 * self.padding[axis] - self.extent(axis)


def convolution_window(parameter: Any) -> Window:
    """Return the window of a ConvolutionParameter.

    Raises:
        LayerError: a size is missing, zero, or given in two ways or in a number other than one or two.
    """
    kernel = _spatial(parameter, "kernel_size", "kernel", None)
    stride = _spatial(parameter, "stride", "stride", 1)
    padding = _spatial(parameter, "pad", "pad", 0)
    dilation = _dilation(parameter)
    for name, values in (("kernel", kernel), ("stride", stride), ("dilation", dilation)):
        _check_positive(name, values)
    return Window(kernel, stride, padding, dilation)


def _dilation(parameter: Any) -> Pair:
    """Return the dilation; DeepLab's first Caffe calls it a hole."""
    if not (parameter.HasField("hole") or parameter.HasField("hole_h") or parameter.HasField("hole_w")):
        return _repeated(parameter.dilation, "dilation", 1)
    if parameter.dilation:
        raise LayerError("has both hole and dilation; only one of them is allowed")
    return parameter.hole_h or parameter.hole or 1, parameter.hole_w or parameter.hole or 1


def _spatial(parameter: Any, repeated: str, prefix: str, default: int | None) -> Pair:
    """Return the pair given as `repeated` (once or twice) or as `prefix`_h and `prefix`_w."""
    height, width = f"{prefix}_h", f"{prefix}_w"
    values = getattr(parameter, repeated)
    if not (parameter.HasField(height) or parameter.HasField(width)):
        return _repeated(values, repeated, default)
    if values:
        raise LayerError(f"has both {repeated} and {height} or {width}; only one of these forms is allowed")
    return getattr(parameter, height), getattr(parameter, width)


def _repeated(values: Sequence[int], name: str, default: int | None) -> Pair:
    values = list(values)
    if not values:
        if default is None:
            raise LayerError(f"needs a {name}")
        return default, default
    if len(values) > 2:
        raise LayerError(f"has {len(values)} times {name}; one or two (height, width) are allowed")
    return values[0], values[-1]


def pooling_window(parameter: Any, size: Sequence[int | None]) -> Window:
    """Return the window of a PoolingParameter over a picture of `size` (height, width), which global pooling needs.

    Raises:
        LayerError: a size is missing, zero, or given in two ways, or the padding is as large as the kernel.
    """
    if parameter.global_pooling:
        return _global_window(parameter, size)
    kernel = _single_or_pair(parameter, "kernel_size", "kernel")
    stride = _single_or_pair(parameter, "stride", "stride")
    padding = _single_or_pair(parameter, "pad", "pad")
    _check_positive("kernel", kernel)
    _check_positive("stride", stride)
    if any(pad >= extent for pad, extent in zip(padding, kernel, strict=True)):
        raise LayerError(f"pad {padding} must be smaller than the kernel {kernel}")
    return Window(kernel, stride, padding)


def pyramid_windows(height: int, size: Pair) -> list[Window]:
    """Return the windows of a pyramid of `height` poolings: one over a whole picture of `size`, 2 x 2, 4 x 4, ...

    Raises:
        LayerError: the picture is too small for as many windows.
    """
    windows = []
    for level in range(height):
        kernel = tuple(-(-extent // 2**level) for extent in size)
        padding = tuple((side * 2**level - extent + 1) // 2 for side, extent in zip(kernel, size, strict=True))
        if any(pad >= side for pad, side in zip(padding, kernel, strict=True)):
            raise LayerError(f"a picture of {size} pixels is too small for {2**level} x {2**level} windows")
        windows.append(Window(cast("Pair", kernel), cast("Pair", kernel), cast("Pair", padding)))
    return windows


def _global_window(parameter: Any, size: Sequence[int | None]) -> Window:
    if any(parameter.HasField(name) for name in ("kernel_size", "kernel_h", "kernel_w")):
        raise LayerError("has both global_pooling and a kernel size; only one of them is allowed")
    stride = _single_or_pair(parameter, "stride", "stride")
    padding = _single_or_pair(parameter, "pad", "pad")
    if stride != (1, 1) or padding != (0, 0):
        raise LayerError(f"global pooling with stride {stride} and pad {padding}; Caffe takes 1 and 0 only")
    # Of a picture of open size only the checks above are wanted.
    return Window(cast("Pair", size), stride, padding)


def _single_or_pair(parameter: Any, single: str, prefix: str) -> Pair:
    """Return the pair given as `single` or as `prefix`_h and `prefix`_w, both of which are then needed."""
    names = (f"{prefix}_h", f"{prefix}_w")
    given = [parameter.HasField(name) for name in names]
    if any(given) and (parameter.HasField(single) or not all(given)):
        raise LayerError(f"needs {single} or both {names[0]} and {names[1]}, not a mixture")
    if any(given):
        return getattr(parameter, names[0]), getattr(parameter, names[1])
    return getattr(parameter, single), getattr(parameter, single)


def _check_positive(name: str, values: Pair) -> None:
    if min(values) < 1:
        raise LayerError(f"{name} {values} must be positive")
