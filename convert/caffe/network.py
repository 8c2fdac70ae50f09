"""The graph that a prototxt describes: its layers in the test phase and the blobs that run between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convert.caffe.file.prototxt import read_prototxt
from convert.caffe.file.schema import message_class
from errors import ArgumentError, UserError, unknown_name

# Ends of the types that only training and measuring need. They are left out of the converted network.
LOSS_ENDINGS = ("Accuracy", "DetectionEvaluate", "Loss", "MatWrite")
MAX_BLOBS = 1_000  # bottoms or tops of a layer
SINK_TYPES = ("HDF5Output", "Silence")


class LayerError(UserError):
    """What is wrong with a layer, without its place; whoever walks over the layers adds that."""


@dataclass(frozen=True)
class Node:
    """A layer in its place.

    `bottoms` and `tops` are numbers of values, not blobs: a layer that works in place gives its blob a new value.
    """

    number: int
    layer: Any
    bottoms: tuple[int, ...]
    tops: tuple[int, ...]

    @property
    def place(self) -> str:
        """Return where the layer stands, for messages of one line."""
        kind = "".join(letter if letter.isprintable() else "?" for letter in self.layer.type[:40])
        return f"layer {self.number} {self.layer.name!r:.80} ({kind})"


@dataclass(frozen=True)
class Network:
    """The layers of a network in the order of computation, and what it gives.

    `values` holds for each blob the number of its last value, `outputs` the names of the blobs wanted.
    `left_out` are layers that only training needs, `ignored` the fields of the prototxt that Caffe does not have.
    """

    name: str
    nodes: tuple[Node, ...]
    values: dict[str, int]
    outputs: tuple[str, ...]
    left_out: tuple[Node, ...] = ()
    ignored: tuple[str, ...] = ()


def read_network(prototxt: str | Path) -> Network:
    """Return the graph that a prototxt describes, see read_prototxt() and build_network().

    Raises:
        UserError: the file cannot be read, or its layers do not connect; the message names the file.
    """
    ignored: list[str] = []
    net = read_prototxt(prototxt, ignored)
    try:
        return replace(build_network(net), ignored=tuple(dict.fromkeys(ignored)))
    except UserError as error:
        raise UserError(f"{prototxt}: {error}") from error


def build_network(net: Any) -> Network:
    """Return the graph of the NetParameter `net` (new format) in the test phase.

    Layers are kept or dropped by their include and exclude rules, with the level and the stages that the file's own
    `state` names. Loss and accuracy layers that remain are left out, so that the scores that they read become
    outputs; Silence and HDF5Output are left out as well, and what they read becomes no output. All other blobs
    that no layer reads are the outputs, in alphabetical order, as in Caffe (which counts unread inputs among them;
    here they are dropped).

    Raises:
        UserError: a layer has both include and exclude rules, reads a blob that does not exist, makes one that
            exists already, or changes one in place that another layer has read.
    """
    state = message_class("NetState")()
    state.CopyFrom(net.state)
    state.phase = state.DESCRIPTOR.enum_types_by_name["Phase"].values_by_name["TEST"].number
    # The fields `input` became a layer that the file does not have: it gets the number 0.
    numbered = enumerate(net.layer, 0 if net.input else 1)
    layers = [(number, layer) for number, layer in numbered if _is_included(layer, state)]
    wiring = _Wiring()
    nodes = [wiring.add(number, layer) for number, layer in layers]
    kept = tuple(node for node in nodes if not (_is_loss(node) or node.layer.type in SINK_TYPES))
    left_out = tuple(node for node in nodes if _is_loss(node) or node.layer.type in SINK_TYPES)
    made = {value for node in kept for value in node.tops}
    for node in kept:
        if not made.issuperset(node.bottoms):
            raise UserError(f"{node.place}: reads the output of a loss layer, which is left out")
    values = {name: value for name, value in wiring.values.items() if value in made}
    return Network(net.name, kept, values, _unread(values, nodes), left_out)


def _is_loss(node: Node) -> bool:
    """Return whether a layer only trains or measures, of whatever fork: SoftmaxWithLoss, MultiBoxLoss, CenterLoss."""
    return node.layer.type.endswith(LOSS_ENDINGS)


def _is_included(layer: Any, state: Any) -> bool:
    """Follow Caffe's Net::FilterNet."""
    if layer.include and layer.exclude:
        raise UserError(f"layer {layer.name!r} has both include and exclude rules; only one kind is allowed")
    if layer.include:
        return any(_meets(state, rule) for rule in layer.include)
    return not any(_meets(state, rule) for rule in layer.exclude)


def _meets(state: Any, rule: Any) -> bool:
    return (
        (not rule.HasField("phase") or rule.phase == state.phase)
        and (not rule.HasField("min_level") or state.level >= rule.min_level)
        and (not rule.HasField("max_level") or state.level <= rule.max_level)
        and set(rule.stage) <= set(state.stage)
        and not set(rule.not_stage) & set(state.stage)
    )


class _Wiring:
    """Follows the blobs through the layers."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self._read: set[int] = set()
        self._count = 0

    def add(self, number: int, layer: Any) -> Node:
        node = Node(number, layer, (), ())
        for kind, names in (("bottoms", layer.bottom), ("tops", layer.top)):
            if len(names) > MAX_BLOBS:
                raise UserError(f"{node.place}: has {len(names)} {kind}; {MAX_BLOBS} are allowed")
        for name in layer.bottom:
            if name not in self.values:
                raise UserError(f"{node.place}: {unknown_name('bottom blob', name, self.values)}")
        bottoms = tuple(self.values[name] for name in layer.bottom)
        for index, name in enumerate(layer.top):
            self._check_top(node, index, name)
        self._read.update(bottoms)
        tops = tuple(self._count + index for index in range(len(layer.top)))
        self._count += len(tops)
        self.values.update(zip(layer.top, tops, strict=True))
        return replace(node, bottoms=bottoms, tops=tops)

    def _check_top(self, node: Node, index: int, name: str) -> None:
        if name in node.layer.top[:index]:
            raise UserError(f"{node.place}: outputs the blob {name!r} twice")
        if name not in self.values:
            return
        if name not in node.layer.bottom[index : index + 1]:
            raise UserError(f"{node.place}: outputs the blob {name!r}, which another layer already outputs")
        if self.values[name] in self._read:
            raise UserError(f"{node.place}: changes {name!r} in place after another layer has read it")


def _unread(values: dict[str, int], nodes: Sequence[Node]) -> tuple[str, ...]:
    """Return the blobs whose last value no layer but a loss reads, without the network's own inputs."""
    read = {value for node in nodes if not _is_loss(node) for value in node.bottoms}
    inputs = {value for node in nodes if not node.bottoms for value in node.tops}
    return tuple(sorted(name for name, value in values.items() if value not in read | inputs))


def select(network: Network, *, until: str | None = None, outputs: Sequence[str] | None = None) -> Network:
    """Return the part of `network` that is wanted.

    Args:
        network: the whole network.
        until: name of the last layer wanted, or None. Its tops are the outputs, with the values that they have right
            after it, unless `outputs` names others.
        outputs: names of the blobs wanted, or None. A blob has its value after the last layer of the part up to
            `until` that works on it in place, as pycaffe shows it.

    Layers that the outputs do not depend on are dropped.

    Raises:
        ArgumentError: there is no such layer or blob.
    """
    nodes, values, wanted = network.nodes, network.values, network.outputs
    if until is not None:
        nodes = _up_to(network, until)
        values = {name: value for node in nodes for name, value in zip(node.layer.top, node.tops, strict=True)}
        wanted = tuple(nodes[-1].layer.top)
    for name in outputs or ():
        if name not in values:
            where = f" up to layer {until!r}" if until is not None else ""
            raise ArgumentError(f"`outputs`: {unknown_name(f'blob{where}', name, values)}")
    wanted = tuple(dict.fromkeys(outputs or wanted))
    if not wanted:
        raise UserError("the network has no outputs")
    needed = dependencies(nodes, (values[name] for name in wanted))
    kept = tuple(node for node in nodes if needed.intersection(node.tops))
    return replace(network, nodes=kept, values=values, outputs=wanted)


def _up_to(network: Network, name: str) -> tuple[Node, ...]:
    for index, node in enumerate(network.nodes):
        if node.layer.name == name:
            return network.nodes[: index + 1]
    raise ArgumentError(f"`until`: {unknown_name('layer', name, {node.layer.name for node in network.nodes})}")


def dependencies(nodes: Sequence[Node], wanted: Iterable[int]) -> set[int]:
    """Return the values `wanted` and all that they are made of."""
    needed = set(wanted)
    for node in reversed(nodes):
        if needed.intersection(node.tops):
            needed.update(node.bottoms)
    return needed


def replace_pooling(network: Network, method: str) -> Network:
    """Return `network` with every pooling layer, but global ones, of `method`: "average", "max", or "keep".

    Raises:
        ArgumentError: there are none.
    """
    if method == "keep":
        return network
    number = {"max": 0, "average": 1}[method]
    if not any(map(_is_local_pooling, network.nodes)):
        raise ArgumentError(f"`pooling` {method}: the network has no pooling layers, or global ones alone")

    def replaced(node: Node) -> Node:
        if not _is_local_pooling(node):
            return node
        layer = type(node.layer)()
        layer.CopyFrom(node.layer)
        layer.pooling_param.pool = number
        return replace(node, layer=layer)

    return replace(network, nodes=tuple(map(replaced, network.nodes)))


def _is_local_pooling(node: Node) -> bool:
    return node.layer.type == "Pooling" and not node.layer.pooling_param.global_pooling


def replace_detections(network: Network) -> Network:
    """Return `network` with boxes and scores, two blobs, in the place of what a DetectionOutput layer selects.

    Raises:
        ArgumentError: there is no such layer.
    """
    if all(node.layer.type != "DetectionOutput" for node in network.nodes):
        raise ArgumentError("`raw_detections`: the network has no DetectionOutput layer")
    values, outputs = dict(network.values), list(network.outputs)
    nodes: list[Node] = []
    for node in network.nodes:
        if node.layer.type == "DetectionOutput":
            layer = type(node.layer)()
            layer.CopyFrom(node.layer)
            layer.type = "RawDetections"
            names = [_free_name(name, values) for name in ("boxes", "scores")]
            layer.top[:] = names
            free = max(top for other in (*network.nodes, *nodes) for top in other.tops) + 1
            tops = (free, free + 1)
            values.update(zip(names, tops, strict=True))
            outputs = [name for name in outputs if name not in node.layer.top] + names
            node = replace(node, layer=layer, tops=tops)
        nodes.append(node)
    return replace(network, nodes=tuple(nodes), values=values, outputs=tuple(outputs))


def _free_name(wanted: str, taken: Iterable[str]) -> str:
    name = wanted
    while name in taken:
        name = f"detection_{name}"
    return name
