"""Loss and gradient of pictures of any size: at once where they are small, octave by octave in strips where not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from keras import ops

from describe.descriptor import StripedDescriptor
from losses.features import FeatureLoss
from losses.loss import Loss, WeightedSum, path
from losses.octaves import OctaveLosses
from losses.pictures.in_pieces import compile_plane
from losses.pictures.opponent_colors import OPPONENT, OpponentColors
from losses.pyramid import gaussian_pyramid
from optimize.progress import Evaluate
from optimize.value_and_grad import Evaluation, compile_function, compile_value_and_grad


def compile_loss(loss: Loss, shape: tuple[int, ...], striped: StripedDescriptor, max_pixels: int) -> Evaluate:
    """Return the compiled loss and gradient of pictures.

    Up to `max_pixels` everything is one compiled function. Beyond, the loss's parts and octaves follow one another, and
    where they are larger the blocks of the descriptor in strips, so that memory grows little with the picture; the
    numbers are the same but for rounding, and the descriptor runs forwards twice.

    Args:
        loss: of the pictures; its feature losses are of the descriptor that `striped` has.
        shape: (batch, height, width, 3) of the pictures.
        striped: the descriptor in segments.
        max_pixels: batch times height times width up to which the whole batch is described at once.
    """
    if np.prod(shape[:3]) <= max_pixels:
        return _compile_whole(loss)
    if isinstance(loss, WeightedSum):
        parts = {
            name: (weight, compile_loss(part, shape, striped, max_pixels))
            for name, (weight, part) in loss.parts.items()
        }
        return partial(_evaluate_sum, parts)
    if isinstance(loss, OctaveLosses):
        return _Octaves(loss, shape, striped, max_pixels)
    if isinstance(loss, OpponentColors):
        return _Planes(loss)
    return StripedLoss(loss, striped) if isinstance(loss, FeatureLoss) else _compile_whole(loss)


def _compile_whole(loss: Loss) -> Evaluate:
    evaluate = compile_value_and_grad(loss)
    rows = [ops.convert_to_tensor(array) for array in loss.rows]
    return lambda images: evaluate(images, *rows)


def _evaluate_sum(parts: Mapping[str, tuple[float, Evaluate]], images: Any) -> Evaluation:
    terms: dict[str, Any] = {}
    gradient: Any = 0.0
    for name, (weight, evaluate) in parts.items():  # of large pictures: one part's gradient at a time
        evaluation = evaluate(images)
        terms |= {path(name, term): weight * value for term, value in evaluation.terms.items()}
        gradient = gradient + weight * ops.convert_to_tensor(evaluation.gradient)
    return Evaluation(sum(terms.values()), terms, gradient)


class _Octaves:
    """Loss and gradient of a pyramid's octaves, one after another."""

    def __init__(self, loss: OctaveLosses, shape: tuple[int, ...], striped: StripedDescriptor, max_pixels: int) -> None:
        self.loss = loss
        self.pyramid = compile_function(self._levels)
        self.to_images = compile_value_and_grad(self._pulled_back)
        self.compile = partial(compile_loss, striped=striped, max_pixels=max_pixels)
        self.octaves: list[Evaluate] = []

    def __call__(self, images: Any) -> Evaluation:
        """Return the evaluation of images (batch, height, width, 3)."""
        levels = self.pyramid(images)
        if not self.octaves:
            pairs = zip(self.loss.losses, levels, strict=True)
            self.octaves = [self.compile(octave, tuple(level.shape)) for octave, level in pairs]
        evaluations = [evaluate(level) for evaluate, level in zip(self.octaves, levels, strict=True)]
        terms = {
            path(f"octave{i}", term): value
            for i, evaluation in enumerate(evaluations)
            for term, value in evaluation.terms.items()
        }
        gradients = [ops.convert_to_tensor(evaluation.gradient) for evaluation in evaluations]
        return Evaluation(sum(terms.values()), terms, self.to_images(images, *gradients).gradient)

    def _levels(self, images: Any) -> list[Any]:
        return gaussian_pyramid(images, len(self.loss.losses), self.loss.padding)

    def _pulled_back(self, images: Any, *gradients: Any) -> tuple[Any, dict[str, Any]]:
        pairs = zip(self._levels(images), gradients, strict=True)
        return sum(ops.sum(level * gradient) for level, gradient in pairs), {}


class _Planes:
    """Loss and gradient of luma and the colour differences, one after another and each in pieces."""

    def __init__(self, loss: OpponentColors) -> None:
        self.rows = loss.rows
        self.evaluate = compile_plane(loss.loss)

    def __call__(self, images: Any) -> Evaluation:
        """Return the evaluation of images (batch, height, width, 3)."""
        pixels = ops.convert_to_numpy(images)
        gradient = np.zeros_like(pixels)
        terms: dict[str, float] = {}
        for plane, weights in enumerate(OPPONENT.T):
            rows = [array[..., plane : plane + 1] for array in self.rows]
            found, slopes = self.evaluate((pixels @ weights)[..., np.newaxis], *rows)
            terms = {name: terms.get(name, 0) + value for name, value in found.items()}
            for channel, weight in enumerate(weights):
                gradient[..., channel] += weight * slopes[..., 0]
        return Evaluation(sum(terms.values()), terms, ops.convert_to_tensor(gradient))


class StripedLoss:
    """Loss and gradient in two passes over a descriptor's segments: for the sums, then back for the gradient.

    Args:
        loss: whose terms are meant; its own descriptor is not used.
        striped: the descriptor in segments.
    """

    def __init__(self, loss: FeatureLoss, striped: StripedDescriptor) -> None:
        self.parts = loss.parts
        self.striped = striped
        self._distances = {name: _Distance(part.distance) for name, part in loss.parts.items()}

    def __call__(self, images: Any) -> Evaluation:
        """Return the evaluation of images (batch, height, width, 3)."""
        sums, _, inputs = self.striped.sums(images, self.parts)
        terms, slopes = {}, {}
        for name in self.parts:
            terms[name], slopes[name] = self._distances[name](sums[name])
        gradient = self.striped.gradient(inputs, self.parts, slopes)
        return Evaluation(sum(terms.values()), terms, ops.convert_to_tensor(gradient))


class _Distance:
    """A distance of sums, compiled, and its gradients by each of them."""

    def __init__(self, distance: Callable[[list[Any]], Any]) -> None:
        self.distance = distance
        self._evaluate = compile_value_and_grad(self._of_vector)
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, sums: list[np.ndarray]) -> tuple[Any, list[np.ndarray]]:
        """Return the distance and the gradients."""
        self.shapes = [np.shape(value) for value in sums]
        evaluation = self._evaluate(np.concatenate([np.ravel(value) for value in sums]))
        return evaluation.loss, [ops.convert_to_numpy(part) for part in self._cut(evaluation.gradient)]

    def _of_vector(self, vector: Any) -> tuple[Any, dict[str, Any]]:
        return self.distance(self._cut(vector)), {}

    def _cut(self, vector: Any) -> list[Any]:
        """Return the parts of a vector in the shapes of the sums."""
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])
        starts = [0, *ends[:-1]]
        pairs = zip(starts, ends, self.shapes, strict=True)
        return [ops.reshape(vector[int(start) : int(end)], shape) for start, end, shape in pairs]
