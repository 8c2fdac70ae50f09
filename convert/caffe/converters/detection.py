"""Converters of the layers of detectors."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import KerasTensor, ops

from convert.axes import from_source_order, to_source_order
from convert.caffe.file.schema import enum_name
from convert.caffe.registry import Step, converts
from convert.caffe.shape_rules.detection import anchor_sizes, candidates, prior_sizes, prior_variances
from layers import (
    BoxDecoding,
    DetectionSelection,
    PositionSensitivePooling2D,
    PriorBoxes,
    RegionMaxPooling2D,
    RegionProposals,
)

NO_THRESHOLD = -3e38


@converts("PriorBox")
def prior_box(step: Step, features: KerasTensor, picture: KerasTensor) -> KerasTensor:
    """Make boxes around every position of a feature map."""
    parameter = step.layer.prior_box_param
    steps = (parameter.step_h or parameter.step, parameter.step_w or parameter.step)
    size = (parameter.img_h or parameter.img_size, parameter.img_w or parameter.img_size)
    return step.apply(
        PriorBoxes,
        [features, picture],
        sizes=prior_sizes(parameter),
        variances=prior_variances(parameter),
        step=steps if all(steps) else None,
        offset=parameter.offset,
        picture_size=size if all(size) else None,
        clip=parameter.clip,
    )


@converts("ROIPooling")
def region_pooling(step: Step, pictures: KerasTensor, boxes: KerasTensor) -> KerasTensor:
    """Take the maxima of the parts of boxes: number of the picture, left, top, right, bottom, all from 0 on."""
    scale = step.layer.roi_pooling_param.spatial_scale
    boxes = ops.reshape(to_source_order(boxes), (-1, 5))
    return step.apply(RegionMaxPooling2D, [pictures, boxes], output_size=step.shapes.tops[0][2:], scale=scale)


@converts("PSROIPooling")
def position_sensitive_pooling(step: Step, pictures: KerasTensor, boxes: KerasTensor) -> KerasTensor:
    """Take the means of the parts of boxes, each in its own channels."""
    parameter = step.layer.psroi_pooling_param
    boxes = ops.reshape(to_source_order(boxes), (-1, 5))
    return step.apply(
        PositionSensitivePooling2D, [pictures, boxes], parts=parameter.group_size, scale=parameter.spatial_scale
    )


@converts("Proposal")
def proposal(step: Step, scores: KerasTensor, moves: KerasTensor, info: KerasTensor) -> KerasTensor:
    """Move and size anchors, and select the surest of them: numbers of pictures, left, top, right, bottom."""
    parameter, name = step.layer.proposal_param, step.layer.name
    sizes = anchor_sizes(parameter)
    anchors = PriorBoxes(
        sizes=sizes,
        variances=[1.0] * 4,
        step=[parameter.feat_stride] * 2,
        offset=parameter.base_size / 2 / parameter.feat_stride,
        picture_size=[1, 1],
        name=step.store.unique_name(f"{name}_anchors"),
    )([moves, moves])
    # Scores and moves of the anchors at a position stand side by side.
    decode = BoxDecoding(name=step.store.unique_name(f"{name}_boxes"))
    boxes = decode([keras.layers.Flatten(name=step.store.unique_name(f"{name}_moves"))(moves), anchors])
    foreground = keras.layers.Flatten(name=step.store.unique_name(f"{name}_scores"))(scores[..., len(sizes) :])
    return step.apply(
        RegionProposals,
        [ops.squeeze(boxes, 1), foreground, ops.reshape(info, (-1, 3))],
        overlap_threshold=parameter.nms_thresh,
        candidates=parameter.pre_nms_topn,
        keep=parameter.post_nms_topn,
        smallest=parameter.min_size,
    )


@converts("DetectionOutput")
def detection_output(step: Step, *inputs: KerasTensor) -> KerasTensor:
    """Select the boxes that are sure and do not overlap."""
    parameter = step.layer.detection_output_param
    boxes, scores = _boxes_and_scores(step, *inputs)
    rows = step.apply(
        DetectionSelection,
        [boxes, scores],
        confidence_threshold=parameter.confidence_threshold
        if parameter.HasField("confidence_threshold")
        else NO_THRESHOLD,
        overlap_threshold=parameter.nms_param.nms_threshold,
        candidates=candidates(parameter, step.shapes.bottoms),
        keep=None if parameter.keep_top_k == -1 else parameter.keep_top_k,
        background=parameter.background_label_id,
    )
    return from_source_order(rows)


@converts("RawDetections")
def raw_detections(step: Step, *inputs: KerasTensor) -> Sequence[KerasTensor]:
    """Return the boxes in the picture and the scores of the classes."""
    boxes, scores = _boxes_and_scores(step, *inputs)
    return [ops.squeeze(boxes, 1) if step.layer.detection_output_param.share_location else boxes, scores]


def _boxes_and_scores(
    step: Step,
    locations: KerasTensor,
    scores: KerasTensor,
    priors: KerasTensor,
    objectness: KerasTensor | None = None,
    first_locations: KerasTensor | None = None,
) -> tuple[KerasTensor, KerasTensor]:
    """Return the boxes and the scores of their classes.

    The last two are RefineDet's (Zhang et al. 2018, 1711.06897): a first step has moved the priors, and a box counts
    only if that step sees an object there.
    """
    parameter = step.layer.detection_output_param
    scores = _rows(step, "scores", scores, parameter.num_classes)
    if objectness is not None:
        seen = _rows(step, "objectness", objectness, 2)[..., 1:] >= parameter.objectness_score
        scores = ops.where(seen, scores, 0.0)  # that of the background, 1 in Caffe, is never looked at
    sets = 1 if parameter.share_location else parameter.num_classes
    inputs = [_flat(step, "locations", locations), priors]
    if first_locations is not None:
        first = [_flat(step, "first_locations", first_locations), priors]
        inputs.append(_decoding(step, "first_boxes", 1)(first))
    return _decoding(step, "boxes", sets)(inputs), scores


def _rows(step: Step, name: str, blob: KerasTensor, columns: int) -> KerasTensor:
    """Return (batch, boxes, columns) of a blob that has as many numbers for each box."""
    reshape = keras.layers.Reshape((-1, columns), name=step.store.unique_name(f"{step.layer.name}_{name}"))
    return reshape(to_source_order(blob))


def _flat(step: Step, name: str, blob: KerasTensor) -> KerasTensor:
    return keras.layers.Flatten(name=step.store.unique_name(f"{step.layer.name}_{name}"))(to_source_order(blob))


def _decoding(step: Step, name: str, sets: int) -> BoxDecoding:
    parameter = step.layer.detection_output_param
    return BoxDecoding(
        code=enum_name(parameter, "code_type").lower(),
        variance_encoded=parameter.variance_encoded_in_target,
        sets=sets,
        name=step.store.unique_name(f"{step.layer.name}_{name}"),
    )
