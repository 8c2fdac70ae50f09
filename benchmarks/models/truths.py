"""What networks without recorded outputs are compared with: OpenCV's reader of Caffe files, and PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.models.networks import Network
from errors import one_line
from runtimes.quiet import without_stderr

if TYPE_CHECKING:
    import keras

    from convert.caffe.conversion import Conversion
    from convert.caffe.network import Node

# Forks' names for layers that OpenCV knows by another.
SAME_LAYERS = {"ConvolutionDepthwise": "Convolution", "DepthwiseConvolution": "Convolution"}


def compare_with_opencv(network: Network) -> tuple[str, tuple[float, float] | None]:
    """Return what a Caffe network was compared with, in words, and the largest difference, absolute and relative.

    OpenCV gets the layers that are converted, in the present format, and the caffemodel as it is.
    """
    import cv2

    from convert.caffe.conversion import convert_caffe
    from pipelines.importing.shapes import parse_shape

    assert network.prototxt is not None
    shapes = network.options.get("input_shape")
    conversion = convert_caffe(
        network.prototxt, network.source, input_shape=None if shapes is None else [parse_shape(text) for text in shapes]
    )
    name = f"OpenCV {cv2.__version__}"
    try:
        with without_stderr():
            opencv = cv2.dnn.readNetFromCaffe(*map(_bytes, (plain_prototxt(conversion), plain_caffemodel(conversion))))
            given = _random_inputs(conversion)
            for blob, array in given.items():
                opencv.setInput(array, blob)
            expected = opencv.forward(list(conversion.part.outputs))
    except cv2.error as error:
        return f"nothing: {name} refuses it ({one_line(error).rpartition('error: ')[2][:120]})", None
    return name, _largest(_outputs(conversion, given), expected)


def _bytes(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


def plain_prototxt(conversion: Conversion) -> bytes:
    """Return the converted part of a network as a prototxt of the present format."""
    from google.protobuf import text_format

    from convert.caffe.file.schema import message_class

    net = message_class("NetParameter")(name="network")
    for blob, shape in _input_shapes(conversion).items():
        net.layer.add(name=blob, type="Input", top=[blob]).input_param.shape.add(dim=shape)
    for node in conversion.part.nodes:
        if node.bottoms:
            layer = net.layer.add()
            layer.CopyFrom(node.layer)
            layer.type = SAME_LAYERS.get(layer.type, layer.type)
            _set_group(layer, node, conversion)
    return text_format.MessageToString(net).encode()


def _set_group(layer: Any, node: Node, conversion: Conversion) -> None:
    """Write out the number of groups that a fork's layer has without saying so."""
    if node.layer.type in SAME_LAYERS and node.layer.convolution_param.group == 1:
        weights = conversion.parameters.values[node.number][0]
        layer.convolution_param.group = weights.shape[0] // weights.shape[1]


def plain_caffemodel(conversion: Conversion) -> bytes:
    """Return the numbers of the converted part as a caffemodel of the present format."""
    from support.caffe_writer import packed_caffemodel

    values = conversion.parameters.values
    return packed_caffemodel(
        {node.layer.name: values[node.number] for node in conversion.part.nodes if values.get(node.number)}
    )


def _input_shapes(conversion: Conversion) -> dict[str, tuple[int, ...]]:
    """Return the sizes of the blobs that the part reads from outside, as the prototxt has them."""
    read = {value for node in conversion.part.nodes for value in node.bottoms}
    found = {}
    for node in conversion.part.nodes:
        shapes = node.layer.input_param.shape
        for index, (name, value) in enumerate(zip(node.layer.top, node.tops, strict=True)):
            if not node.bottoms and value in read:
                found[name] = tuple(shapes[min(index, len(shapes) - 1)].dim)
    return found


def _random_inputs(conversion: Conversion) -> dict[str, np.ndarray]:
    """Return random pictures by blob, in Caffe's order."""
    random = np.random.default_rng(7)
    return {name: random.random(shape, np.float32) for name, shape in _input_shapes(conversion).items()}


def _outputs(conversion: Conversion, given: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return what the Keras model makes, in Caffe's order of axes and of blobs."""
    import keras

    from convert.axes import array_from_source_order, array_to_source_order

    model = conversion.model
    blobs = {name: blob for blob, name in conversion.builder.input_names.items()}
    arrays = [array_from_source_order(given[blobs[tensor.name]]) for tensor in model.inputs]
    made = model(arrays if len(arrays) > 1 else arrays[0])
    outputs = [made[name] for name in conversion.part.outputs] if isinstance(made, dict) else [made]
    return [array_to_source_order(keras.ops.convert_to_numpy(output)) for output in outputs]


def _largest(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the largest difference, absolute and relative to the largest number; rows of no detection are left out."""
    differences = []
    for mine, other in zip(found, expected, strict=True):
        if mine.size != other.size and other.shape[-1] == mine.shape[-1]:
            other, mine = (rows.reshape(-1, rows.shape[-1]) for rows in (other, mine))
            other, mine = other[other[:, 2] > 0], mine[mine[:, 2] > 0]
        if mine.size != other.size:
            return float("inf"), float("inf")
        largest = float(np.abs(other).max(initial=0.0)) or 1.0
        maximum = float(np.abs(mine.reshape(other.shape) - other).max(initial=0.0))
        differences.append((maximum, maximum / largest))
    return max(differences, key=lambda pair: pair[1])


def compare_with_torch(source: Path, model: keras.Model) -> tuple[float, float] | None:
    """Return how far a generator of fast_neural_style is from PyTorch with the same file; None where torch cannot."""
    import torch
    from support.pytorch_networks import TransformerNet, pictures, stylized

    state = torch.load(source, map_location="cpu", weights_only=True)
    width = state["conv1.conv2d.weight"].shape[0]
    blocks = sum(name.endswith(".conv1.conv2d.weight") for name in state)
    # Files of PyTorch before 0.4 hold running statistics that its example deletes: they have no count of batches.
    statistics = "in1.num_batches_tracked" in state
    network = TransformerNet(width, blocks, statistics, state["deconv3.conv2d.weight"].shape[-1])
    network.load_state_dict(state, strict=False)
    given = pictures(96, 128)
    expected = stylized(network.eval(), given)
    found = np.asarray(model(given))
    maximum = float(np.abs(found - expected).max())
    return maximum, maximum / float(np.abs(expected).max())
