"""Assigning the blobs of a caffemodel to the parameters of the network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from convert.caffe.file.caffemodel import ModelBlob, ModelLayer
from convert.caffe.file.schema import enum_name
from convert.caffe.network import Network, Node
from convert.caffe.shapes import NodeShapes, written
from errors import UserError
from model.untrusted.sizes import check_values

Slot = tuple[int, int]  # number of a node, index of its parameter


@dataclass(frozen=True)
class Parameters:
    """The parameters of a network's nodes, and what became of the blobs of the caffemodel.

    `values` holds for each node's number its arrays in Caffe's order of axes. `slots` tells which parameters are the
    same: nodes with equal slots can be one Keras layer. `surplus` are the layers of the caffemodel that have blobs
    but do not stand in the prototxt, `cut` those that stand in a part of it that is not converted.
    """

    values: dict[int, list[np.ndarray]]
    slots: dict[int, tuple[Slot, ...]]
    read: int
    used: int
    surplus: tuple[str, ...]
    cut: tuple[str, ...]


def assign_parameters(
    network: Network, part: Network, shapes: Sequence[NodeShapes], model: Sequence[ModelLayer]
) -> Parameters:
    """Give every parameter of `part` its blob of the caffemodel, by the layers' names.

    Parameters that share a name (`param { name: ... }`) share their values; a layer that the caffemodel lacks takes
    those of the layers with the same names. If it brings several for the same parameter, the last in the file
    counts, as in Caffe. A Deconvolution of a `bilinear` filler takes that where the caffemodel lacks its weight.

    Args:
        network: the whole network.
        part: the part of it that is converted.
        shapes: the shapes of the part's nodes, with no open sizes.
        model: the layers of the caffemodel.

    Raises:
        UserError: a layer has no blobs, too many or too few, or of other shapes (up to leading ones) than the
            prototxt says, or two layers have parameters and the same name.
    """
    brought = _by_name(model)
    parametrised = {
        node.number: (node, s.parameters) for node, s in zip(part.nodes, shapes, strict=True) if s.parameters
    }
    _check_names(node for node, _ in parametrised.values())
    for node, node_shapes in zip(part.nodes, shapes, strict=True):
        _check_count(node, node_shapes.parameters, brought.get(node.layer.name))
    found = _found_blobs(network, brought)
    values, slots = {}, {}
    for number, (node, sizes) in parametrised.items():
        slots[number] = tuple(_slot(network, node, index) for index in range(len(sizes)))
        values[number] = [_fitted(node, i, size, found.get(slots[number][i])) for i, size in enumerate(sizes)]
    wanted = {node.layer.name for node, _ in parametrised.values()}
    known = {node.layer.name for node in network.nodes}
    return Parameters(
        values,
        slots,
        read=sum(map(len, brought.values())),
        used=sum(len(blobs) for name, blobs in brought.items() if name in wanted),
        surplus=tuple(name for name in brought if name not in known),
        cut=tuple(name for name in brought if name in known - wanted),
    )


def _by_name(model: Iterable[ModelLayer]) -> dict[str, list[ModelBlob]]:
    brought: dict[str, list[ModelBlob]] = {}
    for layer in model:
        if layer.blobs and layer.name in brought:
            raise UserError(f"the caffemodel has two layers named {layer.name!r} with blobs")
        if layer.blobs:
            brought[layer.name] = layer.blobs
    return brought


def _check_names(nodes: Iterable[Node]) -> None:
    seen: dict[str, Node] = {}
    for node in nodes:
        if node.layer.name in seen:
            raise UserError(f"{node.place} and {seen[node.layer.name].place} have parameters and the same name")
        seen[node.layer.name] = node


def _check_count(node: Node, sizes: Sequence[tuple[int, ...]], blobs: list[ModelBlob] | None) -> None:
    if len(node.layer.param) > len(sizes):
        raise UserError(f"{node.place}: has {len(node.layer.param)} param entries for {len(sizes)} parameters")
    if blobs is not None and len(sizes) != len(blobs):
        needed = f" ({', '.join(map(written, sizes))})" if sizes else ""
        raise UserError(
            f"{node.place}: the caffemodel has {len(blobs)} blobs for it, but the prototxt needs {len(sizes)}{needed}"
        )


def _found_blobs(network: Network, brought: dict[str, list[ModelBlob]]) -> dict[Slot, ModelBlob]:
    nodes = {node.layer.name: node for node in network.nodes if node.layer.name in brought}
    return {
        _slot(network, nodes[name], index): blob
        for name, blobs in brought.items()
        if name in nodes
        for index, blob in enumerate(blobs)
    }


def _slot(network: Network, node: Node, index: int) -> Slot:
    """Return the first slot in the network with the same parameter name, or for lack of a name this one itself."""
    name = _parameter_names(node)[index : index + 1]
    if not name or not name[0]:
        return node.number, index
    return next(
        (other.number, names.index(name[0])) for other in network.nodes if name[0] in (names := _parameter_names(other))
    )


def _parameter_names(node: Node) -> list[str]:
    # Caffe forgets the param entries of BatchNorm, which older files have for no use.
    return [] if node.layer.type == "BatchNorm" else [spec.name for spec in node.layer.param]


def _enlarges(node: Node, size: tuple[int, ...]) -> bool:
    """Return whether a weight, where the caffemodel lacks it, is what Caffe fills it with: an enlargement, untrained.

    Of kernels whose middle is not that of the triangles, Caffe's versions made different ones.
    """
    if node.layer.type != "Deconvolution" or node.layer.convolution_param.weight_filler.type != "bilinear":
        return False
    height, width = size[-2:]
    factor = -(-width // 2)
    return height == width == 2 * factor - factor % 2


def _bilinear(size: tuple[int, ...]) -> np.ndarray:
    """Return the weight of an enlargement, as Caffe's BilinearFiller: products of two triangles."""
    side = size[-1]
    distances = np.abs(np.arange(side) - (side - 1) / 2)
    triangle = 1 - distances / -(-side // 2)
    return np.broadcast_to(np.outer(triangle, triangle), size).astype(np.float32)


def _fitted(node: Node, index: int, size: tuple[int, ...], blob: ModelBlob | None) -> np.ndarray:
    """Return the blob's values if its dims are `size`, up to the leading ones of the older formats."""
    if blob is None and index == 0 and _enlarges(node, size):
        return _bilinear(size)
    if blob is None:
        raise UserError(f"{node.place}: the caffemodel has no blob {index} for it ({written(size)} needed)")
    spec = node.layer.param[index] if index < len(node.layer.param) else None
    permissive = spec is not None and spec.name and enum_name(spec, "share_mode") == "PERMISSIVE"
    same = _without_leading_ones(blob.dims) == _without_leading_ones(size)
    if not same and not (permissive and math.prod(blob.dims) == math.prod(size)):
        raise UserError(
            f"{node.place}: blob {index} of the caffemodel is {written(blob.dims)}; the prototxt needs {written(size)}"
        )
    values = blob.array(size)
    check_values(f"{node.place}: blob {index}", values)
    return values


def _without_leading_ones(dims: tuple[int, ...]) -> tuple[int, ...]:
    start = next((index for index, dim in enumerate(dims) if dim != 1), len(dims))
    return dims[start:]
