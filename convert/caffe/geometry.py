"""Kernel, stride, padding and dilation of convolutions and poolings, in the ways that a prototxt can give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from convert.caffe.network import LayerError

Pair = tuple[int, int]
Sizes = tuple[int, ...]


class Window(NamedTuple):
    """A window over a picture, each as (height, width), or over a volume, as (time, height, width).

    The padding is the same on both sides.
    """

    kernel: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes

    def extent(self, axis: int) -> int:
        """Return the pixels from the first to the last that the kernel touches along `axis` (0: height)."""
        return self.dilation[axis] * (self.kernel[axis] - 1) + 1

    def room(self, size: int, axis: int) -> int:
        """Return by how much the window can move within a picture of `size` with its padding."""
        return size + 2 * self.padding[axis] - self.extent(axis)


def convolution_window(parameter: Any, axes: int = 2) -> Window:
    """Return the window of a ConvolutionParameter over a picture, or with 3 `axes` over a volume.

    Raises:
        LayerError: a size is missing, zero, or given in two ways or in a number other than one or that of the axes.
    """
    kernel = _spatial(parameter, "kernel_size", "kernel", None, axes)
    stride = _spatial(parameter, "stride", "stride", 1, axes)
    padding = _spatial(parameter, "pad", "pad", 0, axes)
    dilation = _dilation(parameter, axes)
    for name, values in (("kernel", kernel), ("stride", stride), ("dilation", dilation)):
        _check_positive(name, values)
    return Window(kernel, stride, padding, dilation)


def _dilation(parameter: Any, axes: int) -> Sizes:
    """Return the dilation; DeepLab's first Caffe calls it a hole."""
    if not (parameter.HasField("hole") or parameter.HasField("hole_h") or parameter.HasField("hole_w")):
        return _repeated(parameter.dilation, "dilation", 1, axes)
    if parameter.dilation:
        raise LayerError("has both hole and dilation; only one of them is allowed")
    if axes != 2:
        raise LayerError("has a hole, which is for pictures; volumes take a dilation")
    return parameter.hole_h or parameter.hole or 1, parameter.hole_w or parameter.hole or 1


def _spatial(parameter: Any, repeated: str, prefix: str, default: int | None, axes: int) -> Sizes:
    """Return the sizes given as `repeated` (once or for each axis) or as `prefix`_h and `prefix`_w."""
    height, width = f"{prefix}_h", f"{prefix}_w"
    values = getattr(parameter, repeated)
    if not (parameter.HasField(height) or parameter.HasField(width)):
        return _repeated(values, repeated, default, axes)
    if values:
        raise LayerError(f"has both {repeated} and {height} or {width}; only one of these forms is allowed")
    if axes != 2:
        raise LayerError(f"has {height} or {width}, which are for pictures; volumes take {repeated}")
    return getattr(parameter, height), getattr(parameter, width)


def _repeated(values: Sequence[int], name: str, default: int | None, axes: int) -> Sizes:
    values = list(values)
    if not values:
        if default is None:
            raise LayerError(f"needs a {name}")
        return (default,) * axes
    if len(values) not in (1, axes):
        allowed = "one or two (height, width)" if axes == 2 else "one or three (time, height, width)"
        raise LayerError(f"has {len(values)} times {name}; {allowed} are allowed")
    return tuple(values) if len(values) == axes else (values[0],) * axes


def pooling_window(parameter: Any, size: Sequence[int | None]) -> Window:
    """Return the window of a PoolingParameter over a picture or volume of `size`, which global pooling needs.

    Raises:
        LayerError: a size is missing, zero, or given in two ways, or the padding is as large as the kernel.
    """
    axes = len(size)
    if parameter.global_pooling:
        return _global_window(parameter, size)
    kernel = _single_or_each(parameter, "kernel_size", "kernel", axes)
    stride = _single_or_each(parameter, "stride", "stride", axes)
    padding = _single_or_each(parameter, "pad", "pad", axes)
    _check_positive("kernel", kernel)
    _check_positive("stride", stride)
    if any(pad >= extent for pad, extent in zip(padding, kernel, strict=True)):
        raise LayerError(f"pad {padding} must be smaller than the kernel {kernel}")
    return Window(kernel, stride, padding, (1,) * axes)


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
        windows.append(Window(kernel, kernel, padding, (1, 1)))
    return windows


def _global_window(parameter: Any, size: Sequence[int | None]) -> Window:
    if any(parameter.HasField(name) for name in ("kernel_size", "kernel_h", "kernel_w", "kernel_shape")):
        raise LayerError("has both global_pooling and a kernel size; only one of them is allowed")
    axes = len(size)
    stride = _single_or_each(parameter, "stride", "stride", axes)
    padding = _single_or_each(parameter, "pad", "pad", axes)
    if set(stride) != {1} or set(padding) != {0}:
        raise LayerError(f"global pooling with stride {stride} and pad {padding}; Caffe takes 1 and 0 only")
    # Of a picture of open size only the checks above are wanted.
    return Window(cast("Sizes", tuple(size)), stride, padding, (1,) * axes)


def _single_or_each(parameter: Any, single: str, prefix: str, axes: int) -> Sizes:
    """Return the sizes given as `single`, as `prefix`_h and `prefix`_w, both then, or as `prefix`_shape."""
    names, shape = (f"{prefix}_h", f"{prefix}_w"), f"{prefix}_shape"
    given = [parameter.HasField(name) for name in names]
    if any(given) and (parameter.HasField(single) or not all(given)):
        raise LayerError(f"needs {single} or both {names[0]} and {names[1]}, not a mixture")
    if any(given) and axes == 2:
        return getattr(parameter, names[0]), getattr(parameter, names[1])
    if any(given):
        raise LayerError(f"has {names[0]} and {names[1]}, which are for pictures; volumes take {shape}")
    if not parameter.HasField(shape):
        return (getattr(parameter, single),) * axes
    dims = tuple(getattr(parameter, shape).dim)
    if len(dims) != axes or min(dims) < 0:
        raise LayerError(f"{shape} {dims} for {axes} axes; one size for each is needed")
    return dims


def _check_positive(name: str, values: Sizes) -> None:
    if min(values) < 1:
        raise LayerError(f"{name} {values} must be positive")
