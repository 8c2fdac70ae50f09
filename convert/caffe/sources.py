"""Inputs in place of data layers, and input sizes given by the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from convert.caffe.file.schema import message_class
from convert.caffe.network import Network, Node
from convert.caffe.shapes import NodeShapes, Shape, written
from errors import ArgumentError, UserError

# Layers that read files, with the message of each that may tell the pictures' size.
FILE_TYPES = {
    "AnnotatedData": "data_param",
    "Data": "data_param",
    "DenseImageData": None,
    "HDF5Data": None,
    "ImageData": "image_data_param",
    "ImageSegData": "image_data_param",
    "VideoData": "video_data_param",
    "WindowData": "window_data_param",
}
# Stands for a size that is left free while the network's shapes are checked.
TRIAL_SIZE = 224


def replace_sources(part: Network, shapes: Sequence[Shape] | None) -> Network:
    """Return `part` with Input layers where it reads files, and where `shapes` tell the inputs' sizes.

    Args:
        part: a part of a network.
        shapes: sizes without the batch, in Caffe's order, None for a free one: one for each blob that the part reads
            from outside, in their order, or one for all. Without them, those of the prototxt; of layers that read files
            the size of the crop, with three channels unless they are said to be grey.

    Raises:
        ArgumentError: there are more or fewer shapes than inputs.
        UserError: a layer reads files of unknown size.
    """
    read = {value for node in part.nodes for value in node.bottoms}
    wanted = [(node, index) for node in part.nodes if not node.bottoms for index in _read_tops(node, read)]
    if shapes is not None and len(shapes) not in (1, len(wanted)):
        names = ", ".join(node.layer.top[index] for node, index in wanted)
        raise ArgumentError(f"`input_shape` gives {len(shapes)} shapes for the {len(wanted)} inputs {names}")
    given = list(shapes) * len(wanted) if shapes is not None and len(shapes) == 1 else list(shapes or ())
    sizes = {(node.number, index): shape for (node, index), shape in zip(wanted, given, strict=False)}
    return replace(part, nodes=tuple(_replaced(node, read, sizes) for node in part.nodes))


def _read_tops(node: Node, read: set[int]) -> list[int]:
    """Return which of a layer's tops are among the values that are `read`."""
    return [index for index, value in enumerate(node.tops) if value in read]


def _replaced(node: Node, read: set[int], sizes: dict[tuple[int, int], Shape]) -> Node:
    """Return an Input layer in the place of a layer that reads files, or whose size is given."""
    indices = _read_tops(node, read)
    if node.bottoms or not (node.layer.type in FILE_TYPES or any((node.number, index) in sizes for index in indices)):
        return node
    layer = message_class("LayerParameter")(name=node.layer.name, type="Input", top=node.layer.top)
    for index in range(len(node.tops)):
        shape = sizes.get((node.number, index))
        if shape is None and index in indices:
            shape = _size_of_pictures(node)
        layer.input_param.shape.add(dim=[1, *(TRIAL_SIZE if size is None else size for size in shape or ())])
    return replace(node, layer=layer)


def _size_of_pictures(node: Node) -> Shape:
    """Return the sizes of pictures or volumes (channels, time, height, width) that a layer reads, if it has them."""
    layer = node.layer
    holder = FILE_TYPES[layer.type]
    own = getattr(layer, holder) if holder else None
    height, width = getattr(own, "new_height", 0), getattr(own, "new_width", 0)
    if crop := layer.transform_param.crop_size or getattr(own, "crop_size", 0):
        height = width = crop
    film = layer.video_data_param if layer.type == "VideoData" else None
    # Caffe for temporal segments has a layer of the same name that puts the pictures into the channels.
    if not (height and width) or (film is not None and (film.num_segments or not film.new_length)):
        raise UserError(
            f"{node.place}: reads files whose size is not in the prototxt; give it as `input_shape`, such as 3x224x224"
        )
    return (1 if _is_grey(layer, own) else 3, *([film.new_length] if film else []), height, width)


def _is_grey(layer: Any, own: Any) -> bool:
    coloured = not hasattr(own, "is_color") or not own.HasField("is_color") or own.is_color
    return layer.transform_param.force_gray or not coloured


def check_free(shapes: Sequence[NodeShapes], part: Network, given: Sequence[Shape] | None) -> None:
    """Check that sizes that were asked to be free are.

    Raises:
        UserError: the network needs one of them.
    """
    if not any(size is None for shape in given or () for size in shape):
        return
    for node, node_shapes in zip(part.nodes, shapes, strict=True):
        if not node.bottoms and any(len(top) == 4 and None not in top[2:] for top in node_shapes.tops):
            raise UserError(
                f"{node.place}: the network needs its height and width, {written(node_shapes.tops[0])}; give them as "
                "`input_shape`"
            )
