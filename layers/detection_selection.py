"""Selecting the boxes of a detector: confidence threshold and non-maximum suppression."""

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
class DetectionSelection(keras.layers.Layer):
    """Selects boxes class by class, as the DetectionOutput layer of SSD's Caffe does: call([boxes, scores]).

    Args:
        confidence_threshold: scores must be above it.
        overlap_threshold: of two boxes of a class that share more than this part of their union the surer one stays.
        candidates: how many of the surest boxes of a class are looked at.
        keep: how many boxes of a picture stay, the surest of all classes; None: all.
        background: a class that is none; -1 if there is no such class.

    Input: boxes (batch, sets, boxes, 4), one set for all classes or one for each, and scores (batch, boxes, classes).
    Output: (1, 1, found, 7), the boxes of all pictures: the picture's number, class, score, xmin, ymin, xmax, ymax;
    by pictures, classes, and falling scores. Where nothing is found there is one row for each picture, with -1
    after its number. The numbers are float32 whatever the precision.
    """

    def __init__(
        self,
        confidence_threshold: float,
        overlap_threshold: float,
        candidates: int,
        keep: int | None = None,
        background: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.confidence_threshold = confidence_threshold
        self.overlap_threshold = overlap_threshold
        self.candidates = whole_number(candidates, "candidates")
        self.keep = None if keep is None else whole_number(keep, "keep")
        self.background = background

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the rows of what was found."""
        boxes, scores = (ops.cast(value, "float32") for value in inputs)
        classes = [index for index in range(scores.shape[2]) if index != self.background]
        scores = ops.stack([scores[:, :, index] for index in classes], axis=1)
        if boxes.shape[1] > 1:
            boxes = ops.stack([boxes[:, index] for index in classes], axis=1)
        scores, boxes = self._surest(scores, boxes)
        kept = self._kept(scores, boxes)
        return self._rows(ops.where(kept, scores, -math.inf), boxes, classes)

    def _surest(self, scores: Any, boxes: Any) -> tuple[Any, Any]:
        """Return the surest boxes of each class, (batch, classes, candidates) and (..., 4), by falling scores."""
        # So many that none has a score: there may be fewer boxes than candidates.
        # Of the scores, so that no file of an export holds an array of infinite numbers, which is taken for damage.
        filler = ops.tile(ops.minimum(scores[:, :, :1], -math.inf), (1, 1, self.candidates))
        scores, places = ops.top_k(ops.concatenate([scores, filler], axis=2), self.candidates)
        places = ops.minimum(places, ops.shape(boxes)[2] - 1)
        boxes = ops.take_along_axis(boxes + ops.zeros_like(scores[:, :, :1, None]), places[..., None], axis=2)
        return scores, boxes

    def _kept(self, scores: Any, boxes: Any) -> Any:
        """Return which boxes stay: those above the threshold that overlap no surer one that stays.

        Starting from all of them, boxes are taken out that overlap a surer one of the last round. The first n are
        right after n rounds, and nearly always all of them after a few, when nothing changes any more.
        """
        sure = ops.cast(scores > self.confidence_threshold, "float32")
        count = self.candidates
        surer = ops.cast(ops.expand_dims(ops.arange(count), 1) < ops.expand_dims(ops.arange(count), 0), "float32")
        rivals = ops.cast(_overlaps(boxes) > self.overlap_threshold, "float32") * surer

        def changes(kept: Any, before: Any) -> Any:
            return ops.any(kept != before)

        def next_round(kept: Any, _before: Any) -> tuple[Any, Any]:
            beaten = ops.squeeze(ops.matmul(ops.expand_dims(kept, 2), rivals), 2)
            return sure * ops.cast(beaten == 0, "float32"), kept

        kept, _ = ops.while_loop(changes, next_round, (sure, sure - 1.0))
        return kept > 0

    def _rows(self, scores: Any, boxes: Any, classes: Sequence[int]) -> Any:
        batch = ops.shape(scores)[0]
        total = len(classes) * self.candidates
        labels = ops.repeat(ops.convert_to_tensor(classes, dtype="float32"), self.candidates)
        scores, boxes = ops.reshape(scores, (-1, total)), ops.reshape(boxes, (-1, total, 4))
        if self.keep is not None and self.keep < total:
            _, places = ops.top_k(scores, self.keep)
            places = ops.sort(places, axis=1)
            scores = ops.take_along_axis(scores, places, axis=1)
            boxes = ops.take_along_axis(boxes, places[..., None], axis=1)
            labels = ops.take(labels, places)
        zero = ops.zeros_like(scores)
        pictures = ops.expand_dims(ops.cast(ops.arange(batch), "float32"), 1)
        rows = ops.concatenate([ops.stack([pictures + zero, labels + zero, scores], axis=-1), boxes], axis=-1)
        return self._found(ops.reshape(rows, (-1, 7)), pictures)

    @staticmethod
    def _found(rows: Any, pictures: Any) -> Any:
        """Return the rows with a score, or one for each of the `pictures` where there is none."""
        found = rows[:, 2] > -math.inf
        nothing = ops.logical_and(ops.logical_not(ops.any(found)), pictures[:, 0] >= 0)
        empty = ops.concatenate([pictures, ops.zeros_like(pictures) + ops.full((1, 6), -1.0)], axis=1)
        chosen = ops.take(
            ops.concatenate([rows, empty], axis=0), positions_of(ops.concatenate([found, nothing])), axis=0
        )
        return ops.reshape(chosen, (1, 1, -1, 7))

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return (1, 1, found, 7)."""
        return (1, 1, None, 7)

    def compute_output_spec(self, inputs: Sequence[Any]) -> keras.KerasTensor:
        """Return shape and type of the output."""
        return keras.KerasTensor((1, 1, None, 7), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        names = ("confidence_threshold", "overlap_threshold", "candidates", "keep", "background")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _overlaps(boxes: Any) -> Any:
    """Return the shared part of the union of each two of the boxes (..., n, 4): (..., n, n)."""
    one, other = ops.expand_dims(boxes, -2), ops.expand_dims(boxes, -3)
    low, high = ops.maximum(one[..., :2], other[..., :2]), ops.minimum(one[..., 2:], other[..., 2:])
    sides = ops.relu(high - low)
    shared = sides[..., 0] * sides[..., 1]
    size = ops.relu(boxes[..., 2:] - boxes[..., :2])
    area = size[..., 0] * size[..., 1]
    union = ops.expand_dims(area, -1) + ops.expand_dims(area, -2) - shared
    return shared / ops.maximum(union, 1e-30)
