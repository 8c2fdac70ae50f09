"""Describing pictures of any size, block by block and in strips of rows, with the numbers of the whole.

Between the blocks maps lie in the host's memory; a device holds one strip of one block at a time, however large the
picture is. For a gradient every block is computed a second time. Strips overlap by the few rows that a block's
convolutions see, so nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from layers.spatial import take_lines
from losses.moments import Moments, feature_moments
from losses.transfer import TransferLoss, content_name, style_name
from model.segments import Segment
from optimize.value_and_grad import Evaluation, compile_function, compile_value_and_grad

# Numbers in a block's largest map of a strip: 6 MB in float32.
STRIP_VALUES = 1_500_000

# For each style layer the shares of its regions' positions, see `feature_moments`; None: the whole picture.
Shares = Mapping[str, Sequence[np.ndarray | None]]


@dataclass(frozen=True)
class Strip:
    """Rows of a segment's input: those from `start` on are seen, those from `first` to `last` belong to the strip."""

    start: int
    count: int
    first: int
    last: int

    def owned(self, layer: str) -> slice:
        """Return the strip's own rows of a layer's map."""
        return slice(self.first // 2, self.last // 2) if layer.startswith("pool") else slice(self.first, self.last)

    def place(self, layer: str) -> tuple[int, int]:
        """Return where the strip's own rows begin in the map that it computes, and how many they are."""
        rows = self.owned(layer)
        return rows.start - (self.start // 2 if layer.startswith("pool") else self.start), rows.stop - rows.start

    @property
    def key(self) -> tuple[int, ...]:
        """What strips have in common that are cut alike."""
        return self.count, self.first - self.start, self.last - self.first, self.last % 2


def cut_strips(height: int, *, rows: int, margin: int) -> list[Strip]:
    """Return the strips of a map: of about `rows` own rows, beginning at even ones so that poolings stay in step."""
    count = max(1, -(-height // max(2, rows)))
    step = 2 * -(-height // (2 * count))
    margin += margin % 2
    strips = []
    for first in range(0, height, step):
        # A single last row would be pooled away: it goes with the strip above.
        last = height if height - first - step < 2 else first + step
        start = max(0, first - margin)
        strips.append(Strip(start, min(height, last + margin) - start, first, last))
        if last == height:
            break
    return strips


class SegmentedDescriptor:
    """Computes activations, their moments and gradients segment by segment.

    Args:
        segments: of the descriptor.
        devices: for each segment a device of Keras', or None.
        strip_values: numbers in a segment's largest map of a strip, at most.
    """

    def __init__(
        self, segments: Sequence[Segment], devices: Sequence[str | None], strip_values: int = STRIP_VALUES
    ) -> None:
        self.segments = list(segments)
        self.devices = list(devices)
        self.strip_values = strip_values
        self._compiled: dict[tuple[Any, ...], Callable[..., list[Any]]] = {}

    def forget(self) -> None:
        """Drop what was compiled for pictures of the sizes so far."""
        self._compiled.clear()

    def strips(self, number: int, shape: tuple[int, ...]) -> list[Strip]:
        """Return the strips of a segment's input of `shape`."""
        segment = self.segments[number]
        # Not so few that the rows seen twice outweigh the others.
        rows = max(4 * segment.margin, self.strip_values // (shape[2] * segment.channels))
        return cut_strips(shape[1], rows=rows, margin=segment.margin)

    def device(self, number: int) -> AbstractContextManager:
        """Return the context in which a segment computes."""
        return nullcontext() if self.devices[number] is None else keras.device(self.devices[number])

    def describe(
        self, picture: Any, shares: Shares, kept: Sequence[str] = ()
    ) -> tuple[dict[str, list[Moments]], dict[str, np.ndarray], list[np.ndarray]]:
        """Return moments of style layers, whole activations of the layers `kept`, and each segment's input.

        Args:
            picture: (1, height, width, 3), RGB in [0, 1].
            shares: of the style layers.
            kept: other layers.
        """
        inputs, moments, features = [ops.convert_to_numpy(picture)], {}, {}
        for number, segment in enumerate(self.segments):
            parts = list(self._pass(number, inputs[-1], shares, kept))
            for layer in _of(segment, shares):
                found = zip(*(part[layer] for part in parts), strict=True)
                moments[layer] = [Moments(*map(sum, zip(*pieces, strict=True))) for pieces in found]
            for layer in _of(segment, kept):
                features[layer] = np.concatenate([part["", layer] for part in parts], axis=1)
            if segment.output is not None:
                inputs.append(np.concatenate([part["output"] for part in parts], axis=1))
        return moments, features, inputs

    def _pass(self, number: int, inputs: np.ndarray, shares: Shares, kept: Sequence[str]) -> Iterator[dict[Any, Any]]:
        """Yield what each strip of a segment gives, as arrays on the host."""
        segment, compiled = self.segments[number], self._compiled
        wanted = (tuple((layer, len(shares[layer])) for layer in shares), tuple(kept))
        for strip in self.strips(number, inputs.shape):
            window = inputs[:, strip.start : strip.start + strip.count]
            constants = share_rows(segment, strip, shares, inputs.shape)
            with self.device(number):
                key = (number, *strip.key, *wanted)
                if key not in compiled:
                    compiled[key] = compile_function(self._gatherer(number, strip, shares, kept))
                values = iter([ops.convert_to_numpy(value) for value in compiled[key](window, *constants)])
            part = {
                layer: [Moments(next(values), next(values)) for _ in shares[layer]] for layer in _of(segment, shares)
            }
            part |= {("", layer): next(values) for layer in _of(segment, kept)}
            yield part | {"output": next(values, None)}

    def _gatherer(self, number: int, strip: Strip, shares: Shares, kept: Sequence[str]) -> Callable[..., list[Any]]:
        segment = self.segments[number]

        def gather(window: Any, *constants: Any) -> list[Any]:
            with self.device(number):
                maps = own_maps(segment, strip, window)
                values = [
                    value
                    for found in strip_moments(segment, maps, shares, constants).values()
                    for m in found
                    for value in m
                ]
                values += [maps[layer] for layer in _of(segment, kept)]
                return values + ([] if segment.output is None else [maps[segment.output]])

        return gather


def own_maps(segment: Segment, strip: Strip, window: Any) -> dict[str, Any]:
    """Return the rows of a segment's maps that belong to a strip, from what the strip sees."""
    return {layer: take_lines(maps, 1, *strip.place(layer)) for layer, maps in segment.model(window).items()}


def share_rows(segment: Segment, strip: Strip, shares: Shares, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Return for each style layer and region of a segment what the strip's positions count, float32.

    Where all count the same it is an array without axes.
    """
    rows = []
    for layer in _of(segment, shares):
        height, width = (side // 2 if layer.startswith("pool") else side for side in shape[1:3])
        for share in shares[layer]:
            rows.append(np.float32(1 / (height * width)) if share is None else share[strip.owned(layer)])
    return [np.asarray(row, np.float32) for row in rows]


def strip_moments(
    segment: Segment, maps: Mapping[str, Any], shares: Shares, constants: Sequence[Any]
) -> dict[str, list[Moments]]:
    """Return what a strip adds to the moments of the style layers' regions."""
    values = iter(constants)
    return {
        layer: [feature_moments(maps[layer], next(values)) for _ in shares[layer]] for layer in _of(segment, shares)
    }


def _of(segment: Segment, layers: Sequence[str] | Mapping[str, Any]) -> list[str]:
    """Return those of `layers` that lie in the segment."""
    return [layer for layer in layers if layer in segment.taps]


class SegmentedLoss:
    """Loss and gradient of a picture: once through the segments for the moments, once back for the gradient.

    Args:
        descriptor: in segments.
        loss: whose terms are meant; its own descriptor is not used.
    """

    def __init__(self, descriptor: SegmentedDescriptor, loss: TransferLoss) -> None:
        self.descriptor = descriptor
        self.loss = loss
        self.shares = {term.layer: [region.share for region in term.regions] for term in loss.style}
        self.content = {term.layer: term for term in loss.content}
        self._style = {term.layer: compile_value_and_grad(_style_function(term)) for term in loss.style}
        self._smoothness = compile_value_and_grad(self._smooth)
        self._pulled: dict[tuple[Any, ...], Callable[..., Evaluation]] = {}

    def __call__(self, image: Any, *targets: np.ndarray) -> Evaluation:
        """Return the evaluation of (1, height, width, 3); the targets are the content's whole activations."""
        moments, _, inputs = self.descriptor.describe(image, self.shares)
        style, slopes = {}, {}
        for term in self.loss.style:
            evaluation = self._style[term.layer](np.stack([_packed(found) for found in moments[term.layer]]))
            style[style_name(term)] = evaluation.loss
            slopes[term.layer] = ops.convert_to_numpy(evaluation.gradient)
        content = dict.fromkeys(map(content_name, self.loss.content), 0.0)
        by_layer = {term.layer: target for term, target in self.loss.pairs(targets)}
        gradient = None
        for number in reversed(range(len(inputs))):
            gradient = self._back(number, inputs.pop(), slopes, by_layer, gradient, content)
        smoothness = self._smoothness(image)
        terms = {**content, **style, **smoothness.terms}
        total = ops.convert_to_tensor(gradient) + smoothness.gradient
        return Evaluation(sum(float(ops.convert_to_numpy(value)) for value in terms.values()), terms, total)

    def _smooth(self, image: Any) -> tuple[Any, dict[str, Any]]:
        terms = self.loss.smoothness(image)
        return sum(terms.values(), ops.sum(image) * 0.0), terms

    def _back(
        self,
        number: int,
        inputs: np.ndarray,
        slopes: Mapping[str, np.ndarray],
        targets: Mapping[str, np.ndarray],
        gradient: np.ndarray | None,
        content: dict[str, Any],
    ) -> np.ndarray:
        """Return the gradient by a segment's input, given that by its output; add to the content terms."""
        segment, result = self.descriptor.segments[number], np.zeros(inputs.shape, np.float32)
        for strip in self.descriptor.strips(number, inputs.shape):
            window = inputs[:, strip.start : strip.start + strip.count]
            constants = [slopes[layer] for layer in _of(segment, self.shares)]
            constants += share_rows(segment, strip, self.shares, inputs.shape)
            constants += [targets[layer][:, strip.owned(layer)] for layer in _of(segment, self.content)]
            constants += [] if gradient is None else [gradient[:, strip.owned(segment.output)]]
            with self.descriptor.device(number):
                evaluation = self._function(number, strip, inputs.shape)(window, *constants)
                found = ops.convert_to_numpy(evaluation.gradient)
            result[:, strip.start : strip.start + strip.count] += found.astype(np.float32)
            for name, value in evaluation.terms.items():
                content[name] += float(ops.convert_to_numpy(value))
        return result

    def _function(self, number: int, strip: Strip, shape: tuple[int, ...]) -> Callable[..., Evaluation]:
        """Return the function whose gradient is that of the whole loss by what a strip sees."""
        key = (number, *strip.key, *shape)
        if key not in self._pulled:
            self._pulled[key] = compile_value_and_grad(self._pulling(number, strip, shape))
        return self._pulled[key]

    def _pulling(self, number: int, strip: Strip, shape: tuple[int, ...]) -> Callable[..., tuple[Any, dict[str, Any]]]:
        segment = self.descriptor.segments[number]
        style, content = _of(segment, self.shares), _of(segment, self.content)

        def pulled(window: Any, *constants: Any) -> tuple[Any, dict[str, Any]]:
            with self.descriptor.device(number):
                values = iter(constants)
                slopes = {layer: next(values) for layer in style}
                maps = own_maps(segment, strip, window)
                shares = [next(values) for layer in style for _ in self.shares[layer]]
                found = strip_moments(segment, maps, self.shares, shares)
                total = sum(ops.sum(_stacked(found[layer]) * slopes[layer]) for layer in style)
                terms = {}
                for layer in content:
                    # Of the whole map's mean square this strip's part.
                    part = (strip.owned(layer).stop - strip.owned(layer).start) / _rows(layer, shape)
                    term = self.content[layer]
                    terms[content_name(term)] = part * term.value(maps[layer], next(values))
                if segment.output is not None:
                    total = total + ops.sum(ops.cast(maps[segment.output], "float32") * next(values))
                return total + sum(terms.values()), terms

        return pulled


def _rows(layer: str, shape: tuple[int, ...]) -> int:
    return shape[1] // 2 if layer.startswith("pool") else shape[1]


def _style_function(term: Any) -> Callable[[Any], tuple[Any, dict[str, Any]]]:
    """Return the weighted style term of packed moments (regions, channels + 1, channels)."""
    return lambda packed: (term.value([Moments(packed[i, 0], packed[i, 1:]) for i in range(len(term.regions))]), {})


def _packed(moments: Moments) -> np.ndarray:
    return np.concatenate([moments.mean[np.newaxis], moments.second])


def _stacked(moments: Sequence[Moments]) -> Any:
    return ops.stack([ops.concatenate([found.mean[None], found.second]) for found in moments])
