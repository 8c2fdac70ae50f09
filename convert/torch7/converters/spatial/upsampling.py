"""Up-sampling of pictures and volumes."""

from __future__ import annotations

import keras
import numpy as np
from keras import KerasTensor

from convert.torch7.context import ChannelMismatch
from convert.torch7.converters.spatial.geometry import MAX_KERNEL
from convert.torch7.module import Module
from convert.torch7.registry import converts
from convert.torch7.symbolic_values import Cell, samples
from convert.volumes import along_time, over_pictures
from layers import BilinearUpSampling2D, PixelShuffle2D

MAX_SIZE = 2**16


@converts("nn.SpatialUpSamplingNearest", sample=3)
def nearest_upsampling(module: Module, x: KerasTensor) -> KerasTensor:
    """Each pixel becomes a square."""
    return keras.layers.UpSampling2D(module.integer("scale_factor", low=1, high=MAX_KERNEL))(x)


@converts("nn.Upsample", sample=3)
def nearest_upsampling_of_fbnn(module: Module, x: KerasTensor) -> KerasTensor:
    """Each pixel becomes a square."""
    return keras.layers.UpSampling2D(module.integer("factor", low=1, high=MAX_KERNEL))(x)


@converts("nn.SpatialUpSamplingBilinear", sample=3)
def bilinear_upsampling(module: Module, x: KerasTensor) -> KerasTensor:
    """Bilinear up-sampling by a factor or to a size, corners aligned."""
    if module.get("scale_factor") is not None:
        return BilinearUpSampling2D(module.integer("scale_factor", low=1, high=MAX_KERNEL))(x)
    return BilinearUpSampling2D(output_size=_sizes(module, "oheight", "owidth"))(x)


@converts("nn.SpatialUpSampling", sample=3)
def nearest_upsampling_of_nnx(module: Module, x: KerasTensor) -> KerasTensor:
    """Each pixel becomes a rectangle of dH x dW."""
    factors = tuple(module.integer(name, low=1, high=MAX_KERNEL) for name in ("dH", "dW"))
    return keras.layers.UpSampling2D(factors)(x)


@converts("nn.SpatialReSampling", sample=3)
def resampling_of_pictures(module: Module, x: KerasTensor) -> KerasTensor:
    """Bilinear resampling to a size, corners aligned; a size that was not given is a factor of the first input's."""
    if module.get("oheight") is None or module.get("owidth") is None:
        raise module.fail("never ran, so that the file has a factor instead of its size (oheight, owidth)")
    return BilinearUpSampling2D(output_size=_sizes(module, "oheight", "owidth"))(x)


@converts("nn.SpatialReSamplingEx")
def resampling(module: Module, cell: Cell) -> Cell:
    """Bilinear resampling of the last two dimensions to a size, corners aligned, as in the masks of nn.DeepMask."""
    if module.get("mode") != "bilinear" or module.integer("xDim", 3) != cell.rank:
        raise module.fail(
            f"mode {module.get('mode')!r} and xDim {module.get('xDim')}: supported is bilinear, of the last two of the "
            f"{cell.rank} dimensions of its input"
        )
    parts = samples(cell, 2)
    plane = keras.ops.expand_dims(parts.tensor, -1)
    resampled = BilinearUpSampling2D(output_size=_sizes(module, "oheight", "owidth"))(plane)
    return parts.rest(keras.ops.squeeze(resampled, -1))


def _sizes(module: Module, *names: str) -> tuple[int, ...]:
    return tuple(module.integer(name, low=1, high=MAX_SIZE) for name in names)


@converts("nn.UpSampling")
def upsampling(module: Module, cell: Cell) -> Cell:
    """Nearest or linear up-sampling of pictures or volumes, by a factor or (linear) to a size."""
    rank = cell.rank + cell.frame.hidden - 1
    if rank not in (3, 4):
        raise module.fail(f"takes pictures or volumes in batches, but its input has the sizes {cell.sizes}")
    parts = samples(cell, rank)
    nearest = module.get("mode") == "nearest"
    if not nearest and module.get("mode") != "linear":
        raise module.fail(f"mode {module.get('mode')!r}: nearest and linear are known")
    if nearest:
        factor = module.integer("scale_factor", low=1, high=MAX_KERNEL)
        layer = keras.layers.UpSampling2D(factor) if rank == 3 else keras.layers.UpSampling3D(factor)
        return parts.rest(layer(parts.tensor))
    if rank == 3:
        return parts.rest(bilinear_upsampling(module, parts.tensor))
    return parts.rest(_trilinear(module, parts.tensor))


def _trilinear(module: Module, x: KerasTensor) -> KerasTensor:
    """Up-sample each picture of a volume, then along time, which stands for the height of another picture."""
    if module.get("scale_factor") is not None:
        factor = module.integer("scale_factor", low=1, high=MAX_KERNEL)
        plane, line = BilinearUpSampling2D(factor), BilinearUpSampling2D((factor, 1))
        return along_time(line, over_pictures(plane, x))
    depth, *size = _sizes(module, "odepth", "oheight", "owidth")
    enlarged = over_pictures(BilinearUpSampling2D(output_size=tuple(size)), x)
    return along_time(BilinearUpSampling2D(output_size=(depth, size[1])), enlarged)


@converts("nn.PixelSort", sample=3)
def pixel_sort(module: Module, x: KerasTensor) -> KerasTensor:
    """The opposite of nn.PixelShuffle: squares of pixels become channels, those of each channel in a row."""
    factor = module.integer("downscaleFactor", low=1, high=16)
    if x.shape[-1] is None:
        raise ChannelMismatch(module, 3, None)
    parts = [x[:, row::factor, column::factor] for row in range(factor) for column in range(factor)]
    order = np.arange(len(parts) * x.shape[-1]).reshape(len(parts), -1).T.ravel()
    return keras.ops.take(keras.ops.concatenate(parts, axis=-1), order, axis=-1)


@converts("w2nn.DepthExpand2x", "mynn.DepthExpand2x", sample=3)
def depth_expansion(module: Module, x: KerasTensor) -> KerasTensor:
    """Channels become the pixels of squares: quarters of the channels, one for each pixel."""
    if x.shape[-1] is None:
        raise ChannelMismatch(module, 4, None)
    order = np.arange(x.shape[-1]).reshape(4, -1).T.ravel()
    return PixelShuffle2D(2)(keras.ops.take(x, order, axis=-1))


@converts("nn.PixelShuffle", sample=3)
def pixel_shuffle(module: Module, x: KerasTensor) -> KerasTensor:
    """Channels become pixels."""
    return PixelShuffle2D(module.integer("upscaleFactor", low=1, high=64))(x)
