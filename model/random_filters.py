"""A descriptor that needs no download: one layer of random filters of several sizes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from choices import RANDOM_LAYER
from layers.vgg_preprocessing import VGGPreprocessing
from model.padded_convolution import Padding, axis_modes, padded_convolution

# The sizes of the "multiscale" model of the paper.
FILTER_SIZES = (3, 5, 7, 11, 15, 23, 37, 55)
FILTERS = 32  # of each size


def random_filters(
    *, seed: int = 0, filters: int = FILTERS, padding: Padding = "same", dtype: Any = None
) -> keras.Model:
    """Build the descriptor: filters of 3 to 55 pixels side by side, rectified.

    The model takes images (batch, height, width, 3), RGB in [0, 1], and returns the dict of a single layer,
    {"random": (batch, height, width, 8 * filters)}. The weights are frozen.

    Ustyuzhaninov, Brendel, Gatys & Bethge 2016, "What does it take to generate natural textures?": eight
    sizes, no bias, stride 1, filters drawn from Glorot & Bengio's uniform distribution. The paper has 128
    filters of each size; 32 cost a quarter (about four times VGG-19 up to pool4 on a CPU) and have a Gram
    matrix of 256 x 256 instead of 1024 x 1024.

    Args:
        seed: the same one gives the same filters on every backend.
        filters: number of filters of each size.
        padding: see padded_convolution(); "valid" crops every size to what the largest one sees.
        dtype: dtype policy of the layers after preprocessing; None is Keras' global one.

    Raises:
        ArgumentError: an unknown padding.
    """
    modes = axis_modes(padding)
    images = keras.Input((None, None, 3), dtype="float32", name="images")
    pixels = VGGPreprocessing(name="preprocessing", dtype="float32")(images)
    maps = []
    for size in FILTER_SIZES:
        name = f"conv_{size}"
        seen = _crop(pixels, (FILTER_SIZES[-1] - size) // 2, modes, name=name)
        maps.append(padded_convolution(seen, filters, size, modes, name=name, use_bias=False, dtype=dtype))
    joined = keras.layers.Concatenate(name="conv", dtype=dtype)(maps)
    model = keras.Model(
        images,
        {RANDOM_LAYER: keras.layers.ReLU(name=RANDOM_LAYER, dtype=dtype)(joined)},
        name="random_filters",
    )
    _draw_filters(model, seed)
    model.trainable = False
    return model


def _crop(inputs: Any, width: int, modes: tuple[str, str], *, name: str) -> Any:
    """Return `inputs` cropped along axes without padding, where small filters see more than large ones."""
    widths = tuple(width if mode == "valid" else 0 for mode in modes)
    if not any(widths):
        return inputs
    return keras.layers.Cropping2D(widths, name=f"{name}_cropping", dtype="float32")(inputs)


def _draw_filters(model: keras.Model, seed: int) -> None:
    # NumPy's generator, because Keras' initializers draw other numbers on every backend.
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            height, width, channels, filters = layer.kernel.shape
            limit = np.sqrt(6.0 / (height * width * (channels + filters)))
            layer.set_weights([generator.uniform(-limit, limit, layer.kernel.shape).astype("float32")])
