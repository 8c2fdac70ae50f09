"""Loss and gradient of pictures of any size: at once where they are small, octave by octave in strips where not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from keras import ops

from layers.spatial import take_lines
from losses.features import FeatureLoss, FeatureTerm
from losses.loss import Loss, WeightedSum, path
from losses.octaves import OctaveLosses
from losses.positions import Positions
from losses.pyramid import gaussian_pyramid
from losses.strips import Strip, cut_strips, strip_sums
from optimize.value_and_grad import Evaluation, compile_function, compile_value_and_grad
from pipelines.synthesis.feature_positions import layer_positions, receptive_field

# A batch of pictures with more pixels is not described at once. In float32 and up to relu3_2 the descriptor takes
# about 1.2 GB for a million pixels.
LARGEST_PIXELS = 270_000

Evaluate = Callable[[Any], Evaluation]


def compile_loss(loss: WeightedSum, shape: tuple[int, ...], padding: tuple[str, str]) -> Evaluate:
    """Return the compiled loss and gradient.

    Up to LARGEST_PIXELS everything is one compiled function. Beyond, octaves and strips follow one another, so that
    memory grows with the picture's own size only; the numbers are the same but for rounding, and the descriptor runs
    forwards twice. (A picture that wraps vertically and cannot be halved at every pooling is described at once.)

    Args:
        loss: its octaves' losses compare Gram matrices.
        shape: (batch, height, width, 3) of the pictures.
        padding: (vertical, horizontal) of the descriptor.
    """
    if np.prod(shape[:3]) <= LARGEST_PIXELS:
        return compile_value_and_grad(loss)
    parts = {name: (weight, _compile_part(part, shape, padding)) for name, (weight, part) in loss.parts.items()}

    def evaluate(images: Any) -> Evaluation:
        evaluations = {name: (weight, part(images)) for name, (weight, part) in parts.items()}
        terms = {
            path(name, term): weight * value
            for name, (weight, evaluation) in evaluations.items()
            for term, value in evaluation.terms.items()
        }
        gradient = sum(weight * evaluation.gradient for weight, evaluation in evaluations.values())
        return Evaluation(sum(terms.values()), terms, gradient)

    return evaluate


def _compile_part(loss: Loss, shape: tuple[int, ...], padding: tuple[str, str]) -> Evaluate:
    if not isinstance(loss, OctaveLosses):
        return compile_value_and_grad(loss)
    pyramid = compile_function(partial(gaussian_pyramid, octaves=len(loss.losses), padding=loss.padding))

    def pulled_back(images: Any, *gradients: Any) -> tuple[Any, dict[str, Any]]:
        levels = gaussian_pyramid(images, len(loss.losses), loss.padding)
        return sum(ops.sum(level * gradient) for level, gradient in zip(levels, gradients, strict=True)), {}

    to_images = compile_value_and_grad(pulled_back)
    octaves = [_compile_octave(octave, padding) for octave in loss.losses]

    def evaluate(images: Any) -> Evaluation:
        evaluations = [octave(level) for octave, level in zip(octaves, pyramid(images), strict=True)]
        terms = {
            path(f"octave{i}", term): value
            for i, evaluation in enumerate(evaluations)
            for term, value in evaluation.terms.items()
        }
        gradient = to_images(images, *(evaluation.gradient for evaluation in evaluations)).gradient
        return Evaluation(sum(terms.values()), terms, gradient)

    return evaluate


def _compile_octave(loss: FeatureLoss, padding: tuple[str, str]) -> Evaluate:
    """Return the evaluation of one octave, which is made at its first call, when the size is known."""
    made: list[Evaluate] = []

    def evaluate(level: Any) -> Evaluation:
        if not made:
            in_strips = np.prod(level.shape[:3]) > LARGEST_PIXELS and _can_be_cut(loss, level.shape[1], padding[0])
            made.append(StripedLoss(loss, level.shape, padding) if in_strips else compile_value_and_grad(loss))
        return made[0](level)

    return evaluate


def _can_be_cut(loss: FeatureLoss, height: int, padding: str) -> bool:
    """Tell whether rows of every layer lie in the same places of each strip, over the edge where the picture wraps."""
    pixels = Positions(0.0, 1.0, height)
    steps = (layer_positions(part.layer, padding, pixels).step for part in loss.parts.values())
    return padding != "circular" or height % int(max(steps)) == 0


class StripedLoss:
    """Loss and gradient of one octave in two passes over its strips: for the Gram matrices, then for the gradient.

    Args:
        loss: of the octave.
        shape: (batch, height, width, 3) of the pictures.
        padding: (vertical, horizontal) of the descriptor.
    """

    def __init__(self, loss: FeatureLoss, shape: tuple[int, ...], padding: tuple[str, str]) -> None:
        self.loss = loss
        batch, self.height, width, _ = shape
        layers = dict.fromkeys(part.layer for part in loss.parts.values())
        rows = {layer: partial(layer_positions, layer, padding[0]) for layer in layers}
        field = max(map(receptive_field, layers))
        owned = max(1, LARGEST_PIXELS // (batch * width) - field)
        self.strips = cut_strips(self.height, rows=owned, layers=rows, field=field, padding=padding[0])
        self.positions = {
            layer: rows[layer](Positions(0.0, 1.0, self.height)).count
            * layer_positions(layer, padding[1], Positions(0.0, 1.0, width)).count
            for layer in layers
        }
        self.distances = {
            name: compile_value_and_grad(partial(_distance, part.weight, part.comparison))
            for name, part in loss.parts.items()
        }
        # Strips that are cut alike share a function.
        self._sums: dict[tuple[Any, ...], Callable[..., list[Any]]] = {}
        self._gradients: dict[tuple[Any, ...], Evaluate] = {}

    def __call__(self, images: Any) -> Evaluation:
        """Return the evaluation of images (batch, height, width, 3)."""
        per_strip = [self._sum(images, strip) for strip in self.strips]
        sums = [sum(group) for group in zip(*per_strip, strict=True)]
        terms, slopes = {}, []
        for name, part in self.loss.parts.items():
            divisors = self._divisors(part)
            grams = [sums.pop(0) / divisor for divisor in divisors]
            evaluation = self.distances[name](ops.stack(grams))
            terms[name] = evaluation.loss
            slopes += [evaluation.gradient[i] / divisor for i, divisor in enumerate(divisors)]
        gradient = sum(self._gradient(images, strip, slopes) for strip in self.strips)
        return Evaluation(sum(terms.values()), terms, gradient)

    def _divisors(self, part: FeatureTerm) -> list[float]:
        """Return what the sums of each region are divided by; guided ones are weighted means already."""
        return [float(self.positions[part.layer]) if guide is None else 1.0 for guide in part.comparison.guides]

    def _sum(self, images: Any, strip: Strip) -> list[Any]:
        key = strip.shape_key()
        if key not in self._sums:
            self._sums[key] = compile_function(lambda pixels, *guides: strip_sums(self.loss, strip, pixels, guides))
        return self._sums[key](self._cut(images, strip), *self._guides(strip))

    def _gradient(self, images: Any, strip: Strip, slopes: list[Any]) -> Any:
        """Return the gradient by the images that comes through a strip: 0 outside of it."""
        key = strip.shape_key()
        if key not in self._gradients:

            def pulled_back(pixels: Any, *constants: Any) -> tuple[Any, dict[str, Any]]:
                slopes, guides = constants[: len(constants) - guide_count], constants[len(constants) - guide_count :]
                sums = strip_sums(self.loss, strip, pixels, guides)
                return sum(ops.sum(total * slope) for total, slope in zip(sums, slopes, strict=True)), {}

            guide_count = len(self._guides(strip))
            self._gradients[key] = compile_value_and_grad(pulled_back)
        gradient = self._gradients[key](self._cut(images, strip), *slopes, *self._guides(strip)).gradient
        padded = ops.pad(gradient, ((0, 0), (0, self.height - strip.count), (0, 0), (0, 0)))
        return ops.roll(padded, strip.first, axis=1)

    def _cut(self, images: Any, strip: Strip) -> Any:
        return take_lines(ops.roll(images, -strip.first, axis=1), 1, 0, strip.count)

    def _guides(self, strip: Strip) -> list[np.ndarray]:
        """Return the roots of the weights of the rows that a strip owns, for every guided region."""
        roots = []
        for part in self.loss.parts.values():
            rows = strip.owned[part.layer]
            for guide in part.comparison.guides:
                if guide is not None:
                    owned = guide[rows.first : rows.first + rows.count]
                    roots.append(np.sqrt(owned / guide.sum()).astype(np.float32))
        return roots


def _distance(weight: float, comparison: Any, grams: Any) -> tuple[Any, dict[str, Any]]:
    """Return the weighted distance of stacked Gram matrices (regions, batch, channels, channels)."""
    return weight * comparison.distance([grams[i] for i in range(grams.shape[0])]), {}
