"""Regions in which a detector expects objects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import whole_number
from layers.masked_select import positions_of
from layers.registration import registered


@registered
class RegionProposals(keras.layers.Layer):
    """Selects the surest boxes that do not overlap, as the proposal layer of Faster R-CNN: call([boxes, scores, info]).

    Ren et al. 2015, 1506.01497. Boxes are limited to the picture, and those that are then too small are left out. The
    right and the bottom pixel belong to a box, so that it is right - left + 1 wide.

    Args:
        overlap_threshold: of two boxes that share more than this part of their union the surer one stays.
        candidates: how many of the surest boxes are looked at.
        keep: how many boxes stay.
        smallest: least width and height of a box, in pixels of the picture before it was enlarged.

    Input: boxes (1, boxes, 4) as left, top, right, bottom in pixels, scores (1, boxes), and of the picture (1, 3) its
    height, width, and by how much it was enlarged.
    Output: (found, 5): 0, the number of the picture; left, top, right, bottom; by falling scores. Where nothing is
    found there is one box, of zeros. The numbers are float32 whatever the precision.
    """

    def __init__(
        self, overlap_threshold: float, candidates: int, keep: int, smallest: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.overlap_threshold = overlap_threshold
        self.candidates = whole_number(candidates, "candidates")
        self.keep = whole_number(keep, "keep")
        self.smallest = smallest

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the boxes that stay."""
        boxes, scores, info = (ops.cast(value[0], "float32") for value in inputs)
        limit = ops.stack([info[1], info[0], info[1], info[0]]) - 1.0
        boxes = ops.maximum(ops.minimum(boxes, limit), 0.0)
        sides = boxes[:, 2:] - boxes[:, :2] + 1.0
        large = ops.all(sides >= self.smallest * info[2], axis=1)
        scores = ops.where(large, scores, -math.inf)
        boxes, scores = self._surest(boxes, scores)
        chosen = self._chosen(boxes, scores)
        chosen = ops.take(chosen, positions_of(ops.logical_or(chosen >= 0, ops.arange(self.keep) == 0)))
        found = ops.take(boxes, ops.maximum(chosen, 0), axis=0) * ops.cast(chosen >= 0, "float32")[:, None]
        return ops.concatenate([ops.zeros_like(found[:, :1]), found], axis=1)

    def _surest(self, boxes: Any, scores: Any) -> tuple[Any, Any]:
        """Return the candidates by falling scores; those that are too few are filled up with ones without a score."""
        filler = ops.tile(ops.minimum(scores[:1], -math.inf), (self.candidates,))
        scores, places = ops.top_k(ops.concatenate([scores, filler]), self.candidates)
        return ops.take(boxes, ops.minimum(places, ops.shape(boxes)[0] - 1), axis=0), scores

    def _chosen(self, boxes: Any, scores: Any) -> Any:
        """Return the positions of the boxes that stay, in a row, then -1 up to `keep`."""
        low, high = boxes[:, :2], boxes[:, 2:] + 1.0
        area = ops.prod(high - low, axis=1)
        slots = ops.arange(self.keep)

        def rounds_left(number: Any, _scores: Any, _chosen: Any) -> Any:
            return number < self.keep

        def next_round(number: Any, scores: Any, chosen: Any) -> tuple[Any, Any, Any]:
            best = ops.cast(ops.top_k(scores, 1)[1][0], "int32")  # argmax has operations that LiteRT lacks
            own = [ops.take(values, best, axis=0) for values in (low, high, area)]
            sides = ops.relu(ops.minimum(high, own[1]) - ops.maximum(low, own[0]))
            shared = sides[:, 0] * sides[:, 1]
            beaten = shared > self.overlap_threshold * (area + own[2] - shared)
            beaten = ops.logical_or(beaten, ops.arange(self.candidates) == best)
            taken = ops.logical_and(slots == number, ops.take(scores, best) > -math.inf)
            return number + 1, ops.where(beaten, -math.inf, scores), ops.where(taken, best, chosen)

        none = ops.zeros_like(slots) - 1
        return ops.while_loop(rounds_left, next_round, (ops.convert_to_tensor(0, dtype="int32"), scores, none))[2]

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return an unknown number of boxes of five numbers."""
        return (None, 5)

    def compute_output_spec(self, inputs: Sequence[Any]) -> keras.KerasTensor:
        """Return shape and type of the output."""
        return keras.KerasTensor((None, 5), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        names = ("overlap_threshold", "candidates", "keep", "smallest")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
