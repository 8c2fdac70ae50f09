"""A table of a network's layers, made without Keras, also of networks that cannot be converted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import convert.caffe.shape_rules  # noqa: F401  registers the shape rules
from convert.caffe.file.caffemodel import ModelLayer
from convert.caffe.file.model_file import read_caffemodel
from convert.caffe.network import Network, Node, read_network
from convert.caffe.shapes import Inference, Shape, count, written
from convert.printable import printable
from errors import UserError

MAX_NAMES = 20  # of blobs in a line
_TITLES = ("", "layer", "type", "bottoms -> tops", "top shape", "parameters")


def summarize(prototxt: str | Path, caffemodel: str | Path | None = None) -> str:
    """Return the layers of a network in the test phase as a table, one a line.

    Shapes are in Caffe's order, with the sizes of the prototxt; ? where a layer cannot be understood, which a line
    below the table explains. Parameters are those of the caffemodel if there is one, otherwise what the prototxt
    asks for.

    Raises:
        UserError: a file cannot be read, or the layers do not connect.
    """
    network = read_network(prototxt)
    model = None if caffemodel is None else read_caffemodel(caffemodel)
    rows: list[tuple[str, ...]] = [_TITLES]
    problems, total = [], 0
    for node, tops, parameters, problem in _walk(network):
        shapes = parameters if model is None else _brought(node, model)
        rows.append(_row(node, tops, shapes))
        total += sum(map(count, shapes))
        if problem:
            problems.append(problem)
    lines = [*_align(rows), *problems, *_remarks(network, model)]
    name = printable(network.name) or "unnamed network"
    return "\n".join([name, *lines, f"outputs: {', '.join(map(printable, network.outputs))}", f"parameters: {total:,}"])


def _walk(network: Network) -> Iterator[tuple[Node, Sequence[Shape] | None, Sequence[Shape], str | None]]:
    """Yield each node with the shapes of its tops and parameters and what is wrong with it, if anything."""
    inference = Inference()
    for node in network.nodes:
        if not all(value in inference.values for value in node.bottoms):
            yield node, None, (), None
            continue
        try:
            shapes = inference.run(node)
            yield node, shapes.tops, shapes.parameters, None
        except UserError as error:
            yield node, None, (), str(error)


def _brought(node: Node, model: Sequence[ModelLayer]) -> list[Shape]:
    return [blob.dims for layer in model if layer.name == node.layer.name for blob in layer.blobs]


def _row(node: Node, tops: Sequence[Shape] | None, parameters: Sequence[Shape]) -> tuple[str, ...]:
    layer = node.layer
    bottoms, tops_made = (", ".join(map(printable, names[:MAX_NAMES])) for names in (layer.bottom, layer.top))
    flow = f"{bottoms} -> {tops_made}" if layer.bottom else f"-> {tops_made}"
    shape = "?" if tops is None else ", ".join(dict.fromkeys(map(written, tops)))
    return (
        str(node.number),
        printable(layer.name),
        printable(layer.type),
        flow,
        shape,
        ", ".join(map(written, parameters)),
    )


def _align(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _remarks(network: Network, model: Sequence[ModelLayer] | None) -> Iterator[str]:
    if network.left_out:
        left_out = ", ".join(
            f"{printable(node.layer.name)} ({printable(node.layer.type)})" for node in network.left_out
        )
        yield f"left out, for training only: {left_out}"
    if network.ignored:
        yield f"fields that Caffe does not have, ignored: {', '.join(map(printable, network.ignored))}"
    known = {node.layer.name for node in network.nodes}
    surplus = [layer.name for layer in model or () if layer.blobs and layer.name not in known]
    if surplus:
        yield f"only in the caffemodel: {', '.join(map(printable, surplus))}"
