"""Where the axes of Torch7's and Caffe's tensors stand in Keras: pictures channels last, all others unchanged.

In Torch7 and Caffe the axes of a picture are (batch, channels, height, width), here (batch, height, width, channels).
"""

from __future__ import annotations

import numpy as np
from keras import KerasTensor, ops

PICTURE_RANK = 4


def keras_axis(axis: int, rank: int) -> int:
    """Return where the source's `axis` (from 0 on) of a tensor with `rank` axes stands in the Keras tensor."""
    return (0, 3, 1, 2)[axis] if rank == PICTURE_RANK else axis


def to_source_order(tensor: KerasTensor) -> KerasTensor:
    """Return a Keras tensor with the axes in the source's order: pictures from NHWC to NCHW."""
    return ops.transpose(tensor, (0, 3, 1, 2)) if len(tensor.shape) == PICTURE_RANK else tensor


def from_source_order(tensor: KerasTensor) -> KerasTensor:
    """Return a tensor in the source's order as Keras has it: pictures from NCHW to NHWC."""
    return ops.transpose(tensor, (0, 2, 3, 1)) if len(tensor.shape) == PICTURE_RANK else tensor


def array_to_source_order(array: np.ndarray) -> np.ndarray:
    """Return an array of a Keras model with the axes in the source's order: pictures from NHWC to NCHW."""
    return array.transpose(0, 3, 1, 2) if array.ndim == PICTURE_RANK else array


def array_from_source_order(array: np.ndarray) -> np.ndarray:
    """Return an array in the source's order as the Keras model takes it: pictures from NCHW to NHWC."""
    return array.transpose(0, 2, 3, 1) if array.ndim == PICTURE_RANK else array
