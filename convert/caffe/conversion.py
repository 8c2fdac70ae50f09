"""Converting a prototxt and its caffemodel into a Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras

import convert.caffe.shape_rules  # noqa: F401  registers the shape rules
from convert.caffe.builder import GraphBuilder
from convert.caffe.file.model_file import read_caffemodel
from convert.caffe.network import Network, read_network, replace_detections, replace_pooling, select
from convert.caffe.parameters import Parameters, assign_parameters
from convert.caffe.shapes import NodeShapes, Shape, infer_open_shapes, infer_shapes, known
from convert.caffe.sources import check_free, replace_sources
from errors import ArgumentError, UserError

Pooling = Literal["keep", "average", "max"]


@dataclass(frozen=True)
class Conversion:
    """A converted network: the model, and what it was made of: the `part` of the `network` that it holds.

    `corner_crops` are the layers that cut at the upper left because they do not tell where.
    """

    model: keras.Model
    network: Network
    part: Network
    parameters: Parameters
    builder: GraphBuilder
    corner_crops: tuple[str, ...]


def convert_caffe(
    prototxt: str | Path,
    caffemodel: str | Path,
    *,
    until: str | None = None,
    outputs: Sequence[str] | None = None,
    pooling: Pooling = "keep",
    input_shape: Sequence[Shape] | None = None,
    raw_detections: bool = False,
) -> Conversion:
    """Return the network of a prototxt with the numbers of a caffemodel as a Keras model.

    The model is the bare network: blobs of four axes are (batch, height, width, channels), others are in Caffe's
    order; mean and channel order of pictures are the caller's business. Batch, height and width are open where the
    network allows it and otherwise as in the prototxt. With several outputs the model returns a dict by blob name.

    Args:
        prototxt: path of the network's description, of any format from V0 on.
        caffemodel: path of its parameters, of any format from V0 on.
        until: name of the last layer to convert; the whole network if None.
        outputs: names of the blobs that the model gives; those that no layer reads if None.
        pooling: "average" or "max" makes every pooling layer (but global ones) one of that kind.
        input_shape: sizes of the inputs without the batch, see convert.caffe.sources.replace_sources(); needed where
            the network reads files. Sizes that are all known stay as they are.
        raw_detections: put the boxes and scores in the place of a DetectionOutput layer's selection.

    Raises:
        UserError: a file is missing, damaged, or of another kind, the two do not fit, or a layer cannot be converted.
        ArgumentError: there is no such layer or blob, or none that `pooling` or `raw_detections` change.
    """
    network, model = replace_pooling(read_network(prototxt), pooling), read_caffemodel(caffemodel)
    if raw_detections:
        network = replace_detections(network)
    try:
        part = replace_sources(select(network, until=until, outputs=outputs), input_shape)
        fixed = infer_shapes(part)
        parameters = assign_parameters(network, part, fixed, model)
        are_fixed = input_shape is not None and all(None not in shape for shape in input_shape)
        shapes = infer_open_shapes(part, keep_size=are_fixed)
        check_free(shapes, part, input_shape)
        builder = GraphBuilder(part, shapes, parameters)
    except ArgumentError:
        raise
    except UserError as error:
        raise UserError(f"{prototxt}: {error}") from error
    return Conversion(builder.model(part.outputs), network, part, parameters, builder, _corner_crops(part, fixed))


def _corner_crops(part: Network, shapes: Sequence[NodeShapes]) -> tuple[str, ...]:
    """Return the names of Crop layers without parameters that cut off more than a row or a column.

    Caffe 1.0 cuts at the upper left then. Earlier ones, of FCN and HED, found out how the two bottoms lie.
    """
    return tuple(
        node.layer.name
        for node, around in zip(part.nodes, shapes, strict=True)
        if node.layer.type == "Crop" and not node.layer.HasField("crop_param")
        if any(known(size) - known(kept) > 1 for size, kept in zip(around.bottoms[0], around.tops[0], strict=True))
    )
