"""The targets of training: the descriptor, statistics of the style pictures, and content of each batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from describe.gram import gram_matrix
from describe.positions import pyramid_sizes, smallest_input
from errors import ArgumentError
from layers import ReflectionPadding2D
from losses.loss import Loss, Totals, WeightedSum
from losses.pictures.consistency import Consistency
from losses.pictures.histograms import MIN_WRAPPED_SIDE, Histograms, histograms
from losses.pictures.octave_spectra import octave_spectra
from losses.pictures.opponent_colors import OpponentColors
from losses.pyramid import PyramidPadding, gaussian_pyramid
from losses.total_variation import total_variation
from model.padded_convolution import PaddingMode
from pipelines.descriptors import Descriptor
from pipelines.training.objective import content_rows, training_loss

CONSISTENCY = "consistency"


@dataclass(frozen=True, eq=False)
class TrainingObjective:
    """What a generator is trained on.

    Attributes:
        loss: of its pictures; its rows belong to the photos of each batch.
        rows_of: from photos (batch, height, width, 3) to these rows.
        consistency: term of pictures of shifted views, with its weight; or None.
    """

    loss: Totals
    rows_of: Callable[[Any], list[Any]]
    consistency: Loss | None = None

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of all terms."""
        return (*self.loss.groups, *(() if self.consistency is None else (CONSISTENCY,)))

    def terms(self, pictures: Any, photos: Any) -> dict[str, Any]:
        """Return the weighted terms, float32 scalars, of pictures that the generator made of photos, or of noise."""
        return self.loss.terms(pictures, *self.rows_of(photos))


@dataclass(frozen=True)
class ObjectivePlan:
    """What generated pictures are compared in; see `training_loss`.

    Attributes:
        mode: "style" or "texture".
        content_layers: of the descriptor; none for a texture.
        layer_weights: for each style layer of the descriptor its weight.
        content_weight: factor of the content term.
        style_weight: factor of the style term.
        tv_weight: factor of the total variation.
        diversity_weight: factor of the term that keeps texture samples different.
        spectrum_weight: factor of the term that gives a texture's samples its power spectrum; 0 for a style.
        histogram_weight: factor of the term that gives them its histograms; 0 for a style.
        consistency_weight: factor of the term that gives shifted photos the same pictures, shifted; 0 for a texture.
        loss_scaling: "relative" or "absolute".
        octaves: at which the style is compared.
        octave_decay: factor of an octave's style relative to the next finer one.
        vgg_no_pad: whether the descriptor's convolutions have no padding.
        image_sizes: sides of the generated pictures in pixels.
        mirrored_border: pixels of each picture that are mirrored at its border before it is described.
        descriptor: of all layers.
    """

    mode: str
    content_layers: tuple[str, ...]
    layer_weights: Mapping[str, float]
    content_weight: float
    style_weight: float
    tv_weight: float
    diversity_weight: float
    spectrum_weight: float
    histogram_weight: float
    consistency_weight: float
    loss_scaling: str
    octaves: int
    octave_decay: float
    vgg_no_pad: bool
    image_sizes: tuple[int, ...]
    mirrored_border: int
    descriptor: Descriptor

    @property
    def style_layers(self) -> tuple[str, ...]:
        """Layers of the style."""
        return tuple(self.layer_weights)

    def build(self, styles: Sequence[np.ndarray]) -> TrainingObjective:
        """Return the objective, with the targets of the style pictures, float32 (height, width, 3) in [0, 1] each.

        Several take turns in a batch: picture i is compared with style i modulo their number.

        In texture mode the generated picture repeats without a seam, so the descriptor wraps around it; the source,
        which does not repeat, is described without padding.

        Raises:
            ArgumentError: pictures are too small for the layers.
            UserError: the weights cannot be read.
        """
        generated, source = self._paddings()
        for style in styles:
            self._check_sizes(style, generated, source)
        bare = self.descriptor.build(generated)
        descriptor = _mirroring(bare, self.mirrored_border)
        same = descriptor if source == generated else self.descriptor.build(source, self.style_layers)
        padding: PyramidPadding = ("circular", "circular") if self.mode == "texture" else ("replicate", "replicate")
        content_layers = self.content_layers if self.content_weight else ()
        loss = training_loss(
            descriptor,
            _style_grams(same, styles, self.style_layers, self.octaves),
            style_layers=self.layer_weights,
            content_layers=content_layers,
            style_weight=self.style_weight,
            content_weight=self.content_weight,
            tv_weight=self.tv_weight,
            diversity_weight=self.diversity_weight,
            further=self._further(styles, padding),
            octave_decay=self.octave_decay,
            scaling=self.loss_scaling,
            style_variation=[_variation(style) for style in styles],
            padding=padding,
        )
        consistency = self.consistency_weight and WeightedSum({CONSISTENCY: (self.consistency_weight, Consistency())})
        if not content_layers:
            return TrainingObjective(loss, lambda photos: [], consistency or None)
        describe = _mirroring(_content_descriptor(bare, content_layers), self.mirrored_border)
        return TrainingObjective(loss, partial(content_rows, describe, content_layers), consistency or None)

    def _further(self, styles: Sequence[np.ndarray], padding: PyramidPadding) -> dict[str, tuple[float, Loss]]:
        """Return the terms of the pictures themselves, each with its weight.

        Raises:
            ArgumentError: pictures are too small for them.
        """
        found: dict[str, tuple[float, Loss]] = {}
        size = min(self.image_sizes)
        for name in ("spectrum_weight", "histogram_weight"):
            if getattr(self, name) and size < MIN_WRAPPED_SIDE:
                raise ArgumentError(f"`image_size` {size}: `{name}` needs at least {MIN_WRAPPED_SIDE}")
        if self.spectrum_weight:
            found["spectrum"] = self.spectrum_weight, octave_spectra(styles, (size, size), padding)
        if self.histogram_weight:
            found["histograms"] = self.histogram_weight, Histograms(histograms(styles), padding)
        return {name: (weight, OpponentColors(loss)) for name, (weight, loss) in found.items()}

    def _paddings(self) -> tuple[PaddingMode, PaddingMode]:
        """Return the descriptor's padding for generated pictures and for the style picture."""
        if self.vgg_no_pad:
            return "valid", "valid"
        return ("circular", "valid") if self.mode == "texture" else ("same", "same")

    def _check_sizes(self, style: np.ndarray, generated: PaddingMode, source: PaddingMode) -> None:
        """Raise ArgumentError where the smallest octave has no activation left at some layer."""
        wanted: dict[str, tuple[tuple[int, ...], tuple[str, ...], PaddingMode]] = {
            **{f"`image_size` {size}": ((size, size), self.descriptor.layers, generated) for size in self.image_sizes},
            f"`style_image` of {style.shape[1]} x {style.shape[0]}": (style.shape[:2], self.style_layers, source),
        }
        for name, (sides, layers, padding) in wanted.items():
            least = max(smallest_input(layers, (padding, padding)))
            smallest = min(pyramid_sizes(side, self.octaves, "replicate")[-1] for side in sides)
            octaves = f" in octave {self.octaves}" if self.octaves > 1 else ""
            if smallest < least:
                raise ArgumentError(f"{name}: {smallest} pixels{octaves}, the layers need at least {least}")
            if smallest <= self.mirrored_border:
                raise ArgumentError(
                    f"{name}: {smallest} pixels{octaves}, `mirrored_border` {self.mirrored_border} must be less"
                )


def _mirroring(descriptor: keras.Model, width: int) -> keras.Model:
    """Return the descriptor of pictures that are mirrored at their borders, by so many pixels.

    Around a picture the descriptor sees zeros; a generator then finds that a frame of another tone suits it best.
    """
    if not width:
        return descriptor
    images = keras.Input((None, None, 3), name="images")
    padded = ReflectionPadding2D(width, name="mirrored")(images)
    return keras.Model(images, descriptor(padded), name=f"mirroring_{descriptor.name}")


def _content_descriptor(descriptor: keras.Model, layers: Sequence[str]) -> keras.Model:
    """Return the part of `descriptor` that the content layers need: the same weights, cut at the deepest one."""
    outputs = {name: descriptor.output[name] for name in layers}
    return keras.Model(descriptor.inputs, outputs, name="content_descriptor")


def _style_grams(
    descriptor: keras.Model, styles: Sequence[np.ndarray], layers: Sequence[str], octaves: int
) -> list[dict[str, Any]]:
    """Return {layer: Gram matrix, or those of several styles} of each octave."""
    levels = [
        gaussian_pyramid(ops.convert_to_tensor(style[np.newaxis]), octaves, ("replicate", "replicate"))
        for style in styles
    ]
    return [_grams_of([descriptor(picture) for picture in octave], layers) for octave in zip(*levels, strict=True)]


def _grams_of(described: Sequence[Mapping[str, Any]], layers: Sequence[str]) -> dict[str, Any]:
    """Return {layer: Gram matrix} of the features of one picture, or {layer: Gram matrices} of those of several."""
    grams = {
        layer: np.concatenate([ops.convert_to_numpy(gram_matrix(features[layer])) for features in described])
        for layer in layers
    }
    return {layer: found if len(described) > 1 else found[0] for layer, found in grams.items()}


def _variation(style: np.ndarray) -> float:
    # A plain picture has none: the term is then relative to one level of 8 bits.
    return max(float(ops.convert_to_numpy(total_variation(ops.convert_to_tensor(style[np.newaxis])))), 255.0**-2)
