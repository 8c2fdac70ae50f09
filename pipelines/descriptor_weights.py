"""Weights of the descriptor that another program wrote."""

from __future__ import annotations

import os
from pathlib import Path

from convert.foreign import PYTORCH_KINDS, name_foreign_file
from convert.pytorch.architectures.vgg import read_vgg_weights
from model.weights import WEIGHTS_VARIABLE, VGGWeights


def descriptor_weights(weights: str | os.PathLike | None) -> VGGWeights | str | os.PathLike | None:
    """Return what model.descriptor.build_descriptor() takes as `weights` for the file that a user gave.

    VGG-19 and VGG-16 in a PyTorch or safetensors file are read here, with PyTorch's preprocessing, also where the
    environment variable TEXTURE_NETS_VGG19 names the file. Any other file, and None, is handed on.

    Raises:
        UserError: a PyTorch file cannot be read, or holds no VGG.
    """
    path = weights if weights is not None else os.environ.get(WEIGHTS_VARIABLE)
    if path and Path(path).is_file() and name_foreign_file(path) in PYTORCH_KINDS:
        return read_vgg_weights(path)
    return weights
