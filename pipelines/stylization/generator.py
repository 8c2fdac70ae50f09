"""A trained network, loaded once and compiled once for pictures of all sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import keras
import numpy as np

from choices import POLICIES
from compat import flatten_layers
from errors import UserError, one_line
from images.color import transfer_luma
from images.picture import Picture, warn_of_range
from images.rows import rows_of
from layers import VGGPostprocessing, VGGPreprocessing
from model.acceleration import accelerate, with_constant_kernels
from model.leaky_relu import with_exact_slopes
from model.noise import takes_noise
from pipelines.stylization.brush import with_brush
from pipelines.stylization.picture_plan import differing_size

# 8 bits of mantissa are too few for 0..255 minus a mean: the layers around the network stay in float32.
FLOAT32_LAYERS = (VGGPreprocessing, VGGPostprocessing)


class Stylizer(Protocol):
    """From a picture to it stylised: a Generator, or several of them under masks (pipelines.stylization.masks)."""

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Return `pixels`, float32 (height, width, 3) in [0, 1], stylised."""

    def painted(self, pixels: np.ndarray, brush_size: float) -> np.ndarray:
        """Return the same with strokes of another size (see pipelines.stylization.brush)."""


class Generator:
    """A network under the image contract, ready to run.

    On Keras' tensorflow backend it is a graph for the first picture's size and one for all other sizes. On the other
    backends it runs through Keras' `predict_on_batch`, which may compile again for each size.

    Args:
        model: takes and returns float32 (batch, height, width, 3), RGB in [0, 1], of any size.
        precision: "float32" or "bfloat16"; None: as the model is.

    Attributes:
        network: what runs, with quicker layers.

    Raises:
        UserError: the model does not follow the image contract.
    """

    def __init__(self, model: keras.Model, *, precision: str | None = "float32") -> None:
        check_image_contract(model)
        if precision is not None:
            set_precision(model, precision)
        try:
            in_graphs = keras.backend.backend() == "tensorflow"
            self.network = with_constant_kernels(accelerate(with_exact_slopes(model))) if in_graphs else model
            self.run = compile_model(self.network)
        except Exception as error:  # a foreign model may hold anything
            raise UserError(f"the model cannot be compiled in {precision}: {one_line(error)}") from error
        self._is_range_told = False

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Return the network's answer to one picture, clipped to [0, 1]; the first that is far beyond is warned of.

        Args:
            pixels: float32 (height, width, 3), RGB, sRGB-encoded, in [0, 1].

        Returns:
            The same shape and range.

        Raises:
            UserError: the network fails on this picture, or its answer is of another size or not a number.
        """
        try:
            stylized = np.asarray(self.run(pixels[None]), np.float32)
        except Exception as error:  # a network may fail in any way, at sizes smaller than its padding for one
            size = f"{pixels.shape[1]} x {pixels.shape[0]}"
            raise UserError(f"the model fails on a picture of {size} pixels: {one_line(error)}") from error
        if stylized.shape != (1, *pixels.shape):
            raise differing_size(stylized.shape[1:], pixels.shape)
        if not np.isfinite(stylized).all():
            raise UserError("the model returned NaN or infinite values")
        self._is_range_told = self._is_range_told or warn_of_range(stylized)
        return np.clip(stylized[0], 0, 1)

    def painted(self, pixels: np.ndarray, brush_size: float) -> np.ndarray:
        """Return the same with strokes of another size (see pipelines.stylization.brush)."""
        content = rows_of(Picture(pixels))
        return with_brush(content, brush_size, lambda picture: self(picture.picture().pixels)).picture().pixels


def check_image_contract(model: keras.Model) -> None:
    """Raise UserError unless `model` takes one picture (batch, height, width, 3) of any size and returns one."""
    if takes_noise(model):
        raise UserError("the model generates textures from noise and takes no pictures; use synthesize.py --generator")
    for kind, attribute in (("takes", "inputs"), ("returns", "outputs")):
        shapes = [tuple(tensor.shape) for tensor in getattr(model, attribute, None) or []]
        if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][3] not in (3, None):
            described = " and ".join(map(str, shapes)) or "no declared tensor"
            raise UserError(
                f"the model {kind} {described}, not RGB pictures (batch, height, width, 3); "
                "import_torch_weights.py --image-io adds the conversion"
            )
    height, width = model.inputs[0].shape[1:3]
    if height is not None or width is not None:
        raise UserError(f"the model takes pictures of {width} x {height} pixels only, not of any size")


def set_precision(model: keras.Model, precision: str) -> None:
    """Let the layers of `model` compute in `precision`: their weights stay float32.

    Layers whose weights are not float32 (quantised ones) are left as they are.
    """
    for layer in flatten_layers(model):
        if layer.variable_dtype == "float32" and layer.quantization_mode is None:
            layer.dtype_policy = "float32" if isinstance(layer, FLOAT32_LAYERS) else POLICIES[precision]


def compile_model(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Return `model` as a compiled function from float32 (1, height, width, 3) to the same."""
    if keras.backend.backend() != "tensorflow":
        return model.predict_on_batch
    import tensorflow as tf

    # The first size gets a graph of its own, in which instance normalisation takes TensorFlow's fused kernel without
    # asking at run time, and the rectifiers are part of it; other sizes bring a graph for all sizes.
    @tf.function(reduce_retracing=True, autograph=False)
    def run(images: tf.Tensor) -> tf.Tensor:
        return tf.cast(model(images, training=False), tf.float32)

    return run


def stylize_picture(
    picture: Picture, generator: Stylizer, *, strength: float, keep_colors: bool, brush_size: float = 1.0
) -> Picture:
    """Return `picture` stylised, with its own alpha.

    Args:
        picture: the content.
        generator: the trained network.
        strength: weight of the stylised picture in the mean of both, 0 to 1; the content has the rest.
        keep_colors: give the stylised picture the content's colours (see images.color.transfer_luma).
        brush_size: size of the strokes, see pipelines.stylization.brush.

    Raises:
        UserError: the network fails on this picture.
    """
    content = picture.pixels
    stylized = generator(content) if brush_size == 1 else generator.painted(content, brush_size)
    if keep_colors:
        stylized = transfer_luma(stylized, content)
    pixels = np.float32(1 - strength) * content + np.float32(strength) * stylized
    return Picture(pixels, picture.alpha)
