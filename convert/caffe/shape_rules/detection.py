"""Shapes around the layers of detectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convert.caffe.network import LayerError
from convert.caffe.shapes import Shape, Shapes, agree, count, known, picture, shape_rule, written

# All pairs of them are compared in each class.
MAX_CANDIDATES = 4096
MAX_PARTS = 1024  # of a side of a box
MAX_PROPOSALS = 20_000
MAX_BOXES = 1000  # sizes times ratios of a PriorBox layer


@shape_rule("PriorBox", bottoms=2)
def prior_box(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Make boxes, and beside them their variances."""
    rows, columns = picture(bottoms[0])[2:]
    picture(bottoms[1])
    boxes = len(prior_sizes(layer.prior_box_param))
    prior_variances(layer.prior_box_param)
    return Shapes([(1, 2, None if rows is None or columns is None else 4 * rows * columns * boxes)])


def prior_sizes(parameter: Any) -> list[tuple[float, float]]:
    """Return (width, height) of the boxes at each position, in Caffe's order."""
    smallest, largest = list(parameter.min_size), list(parameter.max_size)
    if not smallest or min((*smallest, *largest, *parameter.aspect_ratio)) <= 0:
        raise LayerError("needs min_size, and all sizes and ratios must be positive")
    if largest and (len(largest) != len(smallest) or any(a >= b for a, b in zip(smallest, largest, strict=True))):
        raise LayerError(f"max_size {largest} must have one larger size for each min_size {smallest}")
    if len(smallest) * (len(parameter.aspect_ratio) + 1) > MAX_BOXES:
        raise LayerError(f"has more than {MAX_BOXES} boxes at each position")
    ratios = _ratios(parameter)
    sizes = []
    for index, side in enumerate(smallest):
        sizes.append((side, side))
        if largest:
            sizes.append(((side * largest[index]) ** 0.5,) * 2)
        sizes += [(side * ratio**0.5, side / ratio**0.5) for ratio in ratios]
    return sizes


def _ratios(parameter: Any) -> list[float]:
    """Return the ratios of width to height but 1, each once, with their inverses where they are wanted."""
    ratios = [1.0]
    for ratio in parameter.aspect_ratio:
        if all(abs(ratio - known) >= 1e-6 for known in ratios):
            ratios += [ratio, 1 / ratio] if parameter.flip else [ratio]
    return ratios[1:]


def prior_variances(parameter: Any) -> list[float]:
    """Return four variances."""
    variances = list(parameter.variance) or [0.1]
    if len(variances) not in (1, 4) or min(variances) <= 0:
        raise LayerError(f"has the variances {variances}; one or four positive ones are allowed")
    return variances * 4 if len(variances) == 1 else variances


@shape_rule("ROIPooling", bottoms=2)
def region_pooling(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Make a small picture of each box; the layer needs to know the size of the large ones."""
    features, boxes = picture(bottoms[0]), bottoms[1]
    if len(boxes) < 2 or count(boxes[1:]) != 5:
        raise LayerError(f"the second bottom, {written(boxes)}, must have five numbers for each box")
    parameter = layer.roi_pooling_param
    parts = parameter.pooled_h, parameter.pooled_w
    if not all(1 <= number <= MAX_PARTS for number in parts):
        raise LayerError(f"pooled_h {parts[0]} and pooled_w {parts[1]} must be from 1 to {MAX_PARTS}")
    for size in features[2:]:
        known(size)
    return Shapes([(boxes[0], features[1], *parts)])


@shape_rule("PSROIPooling", bottoms=2)
def position_sensitive_pooling(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Make a small picture of each box, each part of it from channels of its own."""
    features, boxes, parameter = picture(bottoms[0]), bottoms[1], layer.psroi_pooling_param
    if len(boxes) < 2 or count(boxes[1:]) != 5:
        raise LayerError(f"the second bottom, {written(boxes)}, must have five numbers for each box")
    parts, channels = parameter.group_size, parameter.output_dim
    if not (1 <= parts <= MAX_PARTS and known(features[1]) == channels * parts**2):
        raise LayerError(
            f"needs output_dim {channels} x group_size {parts} x group_size channels, not {features[1]}, and at most "
            f"{MAX_PARTS} parts of a side"
        )
    return Shapes([(boxes[0], channels, parts, parts)])


@shape_rule("Proposal", bottoms=3)
def proposal(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Make five numbers for each box in which an object is expected."""
    scores, moves, info = picture(bottoms[0]), picture(bottoms[1]), bottoms[2]
    parameter, anchors = layer.proposal_param, len(anchor_sizes(layer.proposal_param))
    if (known(scores[1]), known(moves[1])) != (2 * anchors, 4 * anchors) or count(info[1:]) != 3:
        shapes = ", ".join(map(written, bottoms))
        raise LayerError(
            f"bottoms {shapes} do not match: needs {2 * anchors} scores and {4 * anchors} moves for {anchors} anchors, "
            "and three numbers of the picture"
        )
    for name, most in (("pre_nms_topn", MAX_PROPOSALS), ("post_nms_topn", MAX_PROPOSALS), ("feat_stride", MAX_PARTS)):
        if not 1 <= getattr(parameter, name) <= most:
            raise LayerError(f"{name} {getattr(parameter, name)} must be from 1 to {most}")
    return Shapes([(None, 5)])


def anchor_sizes(parameter: Any) -> list[tuple[float, float]]:
    """Return (width, height) of the anchors at each position, rounded as py-faster-rcnn does before it scales them."""
    ratios, scales = list(parameter.ratio) or [0.5, 1.0, 2.0], list(parameter.scale) or [8.0, 16.0, 32.0]
    if not all(0 < value <= MAX_PARTS for value in (*ratios, *scales)) or len(ratios) * len(scales) > MAX_BOXES:
        raise LayerError(f"ratios and scales must be above 0 and at most {MAX_PARTS}, for {MAX_BOXES} anchors at most")
    sizes = []
    for ratio in ratios:
        width = round((parameter.base_size**2 / ratio) ** 0.5)
        height = round(width * ratio)
        sizes += [(width * scale, height * scale) for scale in scales]
    return sizes


@shape_rule("DetectionOutput", bottoms=range(3, 6))
def detection_output(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Make a row of seven numbers for each box that is found."""
    _check_detections(layer, bottoms)
    parameter = layer.detection_output_param
    candidates(parameter, bottoms)
    if parameter.nms_param.eta != 1:
        raise LayerError(f"eta {parameter.nms_param.eta}: a changing threshold is not supported; {_WAY_OUT}")
    if parameter.keep_top_k == 0 or parameter.keep_top_k < -1:
        raise LayerError(f"keep_top_k {parameter.keep_top_k} must be positive, or -1 for all")
    return Shapes([(1, 1, None, 7)])


_WAY_OUT = "use `raw_detections`"


def candidates(parameter: Any, bottoms: Sequence[Shape]) -> int:
    """Return how many boxes of a class are looked at."""
    number = parameter.nms_param.top_k
    if number == -1:
        boxes = bottoms[2][2]
        number = MAX_CANDIDATES + 1 if boxes is None else boxes // 4
    if not 1 <= number <= MAX_CANDIDATES:
        raise LayerError(f"top_k must be at least 1 and at most {MAX_CANDIDATES}, not {number}; {_WAY_OUT}")
    return number


@shape_rule("RawDetections", bottoms=range(3, 6), tops=2)
def raw_detections(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Make boxes and scores of each prior box, which stand in the place of a DetectionOutput layer."""
    _check_detections(layer, bottoms)
    boxes = bottoms[2][2]
    number, parameter = None if boxes is None else boxes // 4, layer.detection_output_param
    shape: Shape = (bottoms[0][0], number, 4)
    if not parameter.share_location:
        shape = (bottoms[0][0], parameter.num_classes, number, 4)
    return Shapes([shape, (bottoms[0][0], number, parameter.num_classes)])


def _check_detections(layer: Any, bottoms: Sequence[Shape]) -> None:
    parameter, (locations, scores, priors, *first) = layer.detection_output_param, bottoms
    classes = parameter.num_classes
    if classes < 1:
        raise LayerError("needs num_classes")
    if not (len(priors) == 3 and priors[1] == 2 and _fit(parameter, locations, scores, priors[2])):
        shapes = ", ".join(map(written, bottoms))
        raise LayerError(f"bottoms {shapes} do not match: each prior box needs four locations and {classes} scores")
    # RefineDet's scores and locations of its first step.
    for shape, numbers, what in zip(first, (2, 4), ("scores", "locations"), strict=False):
        boxes = None if priors[2] is None else priors[2] // 4 * numbers
        if not agree((shape[0], _product(shape[1:])), (locations[0], boxes)):
            raise LayerError(f"the first step's {what}, {written(shape)}, must be {numbers} for each prior box")
    if len(first) > 1 and not parameter.share_location:
        raise LayerError("share_location must be true where a first step moves the prior boxes")


def _fit(parameter: Any, locations: Shape, scores: Shape, numbers: int | None) -> bool:
    """Return whether there are locations and scores for prior boxes of so many `numbers`."""
    sets = 1 if parameter.share_location else parameter.num_classes
    wanted = (None, None) if numbers is None else (numbers * sets, numbers // 4 * parameter.num_classes)
    return all(
        agree((shape[0], _product(shape[1:])), (shape[0], want))
        for shape, want in zip((locations, scores), wanted, strict=True)
    )


def _product(sizes: Shape) -> int | None:
    product = 1
    for size in sizes:
        if size is None:
            return None
        product *= size
    return product
