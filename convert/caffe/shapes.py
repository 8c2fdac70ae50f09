"""The shapes of all blobs and parameters of a network, by one rule a layer type, without computing anything.

A shape is a tuple of sizes in Caffe's order (for pictures: number, channels, height, width). None stands for a size
that is left open: the same rules that check a network against Caffe's own demands, with the sizes of the prototxt,
tell by running again with open sizes whether the network can do without them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from convert.caffe.network import LayerError, Network, Node
from errors import UserError, unknown_name

Shape = tuple[int | None, ...]

MAX_COUNT = 2**31 - 1  # numbers in a blob, as in Caffe


class OpenSizeError(Exception):
    """A layer needs a size that is left open."""


@dataclass(frozen=True)
class Shapes:
    """What a layer makes of its bottoms: the shapes of its tops and of its parameters (weights, bias, ...)."""

    tops: Sequence[Shape]
    parameters: Sequence[Shape] = ()


@dataclass(frozen=True)
class NodeShapes:
    """The shapes around a node."""

    bottoms: tuple[Shape, ...]
    tops: tuple[Shape, ...]
    parameters: tuple[tuple[int, ...], ...]


ShapeRule = Callable[[Any, Sequence[Shape]], Shapes]


class RegisteredRule(NamedTuple):
    """A shape rule, and how many bottoms and tops its type takes."""

    rule: ShapeRule
    bottoms: range
    tops: range


# Tails of YOLO networks, whose formats differ from fork to fork.
BOX_SELECTIONS = (
    "DetectionYolo",
    "Region",
    "RegionOutput",
    "Yolo",
    "YoloDetectionOutput",
    "YOLO",
    "Yolov2DetectionOutput",
    "Yolov3DetectionOutput",
)

RULES: dict[str, RegisteredRule] = {}


def shape_rule(*types: str, bottoms: int | range = 1, tops: int | range = 1) -> Callable[[ShapeRule], ShapeRule]:
    """Register the shape rule of layer `types`, which take and make that many blobs."""

    def register(rule: ShapeRule) -> ShapeRule:
        for name in types:
            RULES[name] = RegisteredRule(rule, _as_range(bottoms), _as_range(tops))
        return rule

    return register


def _as_range(number: int | range) -> range:
    return range(number, number + 1) if isinstance(number, int) else number


def canonical_axis(axis: int, shape: Shape) -> int:
    """Return `axis` of a blob of `shape` as a number from 0 on; negative ones count from the end.

    Raises:
        LayerError: the blob has no such axis.
    """
    if not -len(shape) <= axis < len(shape):
        raise LayerError(f"axis {axis} of a blob with {len(shape)} axes")
    return axis % len(shape)


def count(shape: Shape) -> int:
    """Return how many numbers a blob of `shape` has.

    Raises:
        OpenSizeError: one of its sizes is open.
    """
    sizes = [size for size in shape if size is not None]
    if len(sizes) < len(shape):
        raise OpenSizeError
    return math.prod(sizes)


def known(size: int | None) -> int:
    """Return `size`.

    Raises:
        OpenSizeError: it is open.
    """
    return count((size,))


def agree(one: Shape, other: Shape) -> bool:
    """Return whether two shapes are the same.

    Raises:
        OpenSizeError: they are for some sizes of the input only: a size is open in one of them, and not in the other.
    """
    if len(one) != len(other) or any(a != b for a, b in zip(one, other, strict=True) if None not in (a, b)):
        return False
    if any((a is None) != (b is None) for a, b in zip(one, other, strict=True)):
        raise OpenSizeError
    return True


def check_reshape(shape: Shape, *, keeps_batch: bool = False) -> None:
    """Check that a blob can be brought to `shape` without knowing more: at most one of its sizes is open.

    Args:
        shape: the new shape.
        keeps_batch: the first axis stays as it is and does not count.

    Raises:
        OpenSizeError: more are open.
    """
    if shape[keeps_batch:].count(None) > 1:
        raise OpenSizeError


def check_numbers(parameters: Any, name: str = "") -> None:
    """Check that the floating-point fields of a layer are finite; fillers, which start a training, do not matter.

    Args:
        parameters: the layer, or one of its messages of parameters.
        name: of that message within the layer, with a dot behind it.

    Raises:
        LayerError: one is NaN or infinite; only bounds of a Clip layer may be infinite.
    """
    for entry, value in parameters.ListFields():
        place = f"{name}{entry.name}"
        if place.endswith("_param") and hasattr(value, "ListFields"):
            check_numbers(value, f"{place}.")
        elif name and entry.cpp_type == entry.CPPTYPE_FLOAT:
            for number in value if isinstance(value, Iterable) else [value]:
                if math.isnan(number) or (math.isinf(number) and name != "clip_param."):
                    raise LayerError(f"{place} must be a finite number, not {number}")


def picture(shape: Shape) -> Shape:
    """Return `shape`, that of a blob of four axes.

    Raises:
        LayerError: it has another number of axes.
    """
    if len(shape) != 4:
        raise LayerError(f"needs a blob of 4 axes (number, channels, height, width), not {written(shape)}")
    return shape


def picture_or_volume(shape: Shape) -> Shape:
    """Return `shape`, that of a blob of four or five axes.

    Raises:
        LayerError: it has another number of axes.
    """
    return shape if len(shape) == 5 else picture(shape)


def written(shape: Shape) -> str:
    """Return `shape` for messages, such as 1 x 3 x ? x ?."""
    return " x ".join("?" if size is None else str(size) for size in shape) or "()"


@dataclass
class Inference:
    """Walks over a network, keeping the shapes of its values."""

    free_batch: bool = False
    free_size: bool = False
    values: dict[int, Shape] = field(default_factory=dict)
    given: set[int] = field(default_factory=set)  # values that are inputs of the network

    def run(self, node: Node) -> NodeShapes:
        """Return the shapes around `node` and remember those of its tops."""
        bottoms = tuple(self.values[value] for value in node.bottoms)
        try:
            check_numbers(node.layer)
            shapes = registered(node, first=self.given.issuperset(node.bottoms)).rule(node.layer, bottoms)
            tops = [_checked(shape) for shape in shapes.tops]
        except LayerError as error:
            raise UserError(f"{node.place}: {error}") from error
        if not node.bottoms:
            tops = [self._open(shape) for shape in tops]
            self.given.update(node.tops)
        parameters = tuple(tuple(map(known, shape)) for shape in shapes.parameters)
        self.values.update(zip(node.tops, tops, strict=True))
        return NodeShapes(bottoms, tuple(tops), parameters)

    def _open(self, shape: Shape) -> Shape:
        batch = None if self.free_batch else shape[0]
        sizes = (None, None) if self.free_size and len(shape) == 4 else shape[2:]
        return (batch, *shape[1:2], *sizes)


def infer_shapes(network: Network, *, free_batch: bool = False, free_size: bool = False) -> tuple[NodeShapes, ...]:
    """Return the shapes around each node of `network`.

    Args:
        network: the network.
        free_batch: leave the first size of every input open, instead of taking the prototxt's.
        free_size: leave height and width of every input of four axes open.

    Raises:
        UserError: a layer's type is unknown, or its parameters do not fit its bottoms by Caffe's rules.
        OpenSizeError: a layer needs one of the sizes left open.
    """
    inference = Inference(free_batch, free_size)
    return tuple(inference.run(node) for node in network.nodes)


def infer_open_shapes(network: Network, *, keep_size: bool = False) -> tuple[NodeShapes, ...]:
    """Return the shapes with as many of the inputs' sizes open as the network allows; with `keep_size` the batch alone.

    First choice is to leave batch, height and width open, then the batch, then height and width. (What an
    InnerProduct over a picture, a Reshape to fixed sizes or a Scale over rows needs stays as in the prototxt.)
    """
    for free_batch, free_size in ((True, True), (True, False), (False, True)):
        if free_size and keep_size:
            continue
        try:
            return infer_shapes(network, free_batch=free_batch, free_size=free_size)
        except OpenSizeError:
            continue
    return infer_shapes(network)


def registered(node: Node, *, first: bool = False) -> RegisteredRule:
    """Return the rule of `node`'s type; `first`: no other layer stands before it.

    Raises:
        UserError: there is none, or the node has a number of bottoms or tops that its type does not take.
    """
    if node.layer.type in BOX_SELECTIONS:
        raise UserError(f"{node.place}: the box selection of YOLO is not supported; {_way_out(node, first)}")
    if node.layer.type not in RULES:
        raise UserError(f"{node.place}: {unknown_name('layer type', node.layer.type, RULES)}; {_way_out(node, first)}")
    entry = RULES[node.layer.type]
    for kind, number, allowed in (
        ("bottoms", len(node.layer.bottom), entry.bottoms),
        ("tops", len(node.layer.top), entry.tops),
    ):
        if number not in allowed:
            most = "" if len(allowed) == 1 else f" to {allowed[-1]}" if len(allowed) < 99 else " or more"
            # Layers of forks may take more bottoms.
            way_out = f"; {_way_out(node, first)}" if kind == "bottoms" and number > allowed[-1] else ""
            raise UserError(f"{node.place}: has {number} {kind}; {allowed[0]}{most} are needed{way_out}")
    return entry


def _way_out(node: Node, first: bool) -> str:
    """Return how to do without a layer that cannot be converted."""
    if node.bottoms and first:
        return "no other layer stands before it, so that the network cannot be cut off there"
    if node.bottoms:
        return f"cut the network off before it with `outputs` {','.join(dict.fromkeys(node.layer.bottom))}"
    return "if it reads data, give their size as `input_shape`, such as 3x224x224"


def _checked(shape: Shape) -> Shape:
    """Return `shape` if Caffe takes a blob of it."""
    shape = tuple(shape)
    if any(size is not None and size < 1 for size in shape):
        raise LayerError(f"outputs an empty blob, {written(shape)}")
    if math.prod(size or 1 for size in shape) > MAX_COUNT:
        raise LayerError(f"outputs a blob of more than {MAX_COUNT} numbers, {written(shape)}")
    return shape
