"""Cuts of maps in forms that leave ONNX graphs short, and maps in one order of axes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from tf2onnx.onnx_opset.nn import ConvTranspose

from layers import CropToMatch, PaddedConv2DTranspose
from model.rewiring import rewire

# TensorFlow's type of transposed convolutions, and the padding that no layer but _CutConvolution asks it for.
TRANSPOSED, EXPLICIT = "Conv2DBackpropInput", b"EXPLICIT"
CHANNELS_FIRST, CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


def simplify_cuts(model: keras.Model) -> keras.Model:
    """Return `model`, sharing its other layers, with transposed convolutions that cut their results themselves.

    Elsewhere TensorFlow's convolution is followed by a cut to sizes that are computed. Of both tf2onnx makes sixty
    nodes, and it cannot take out the transpositions before and behind. Cuts to the size of other maps become Python's
    slices, past which it moves transpositions.

    Args:
        model: Functional or Sequential.
    """
    simpler = functools.cache(_simpler)  # a layer may be called several times

    def call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        return simpler(layer)(*args, **kwargs)

    return rewire(model, call)


def _simpler(layer: keras.Layer) -> keras.Layer:
    """Return what stands for a layer, which may be itself."""
    if type(layer) is PaddedConv2DTranspose and min(_cuts(layer)) >= 0:
        return _CutConvolution(layer)
    return _SlicedCrop(name=layer.name) if type(layer) is CropToMatch else layer


def convert_transposed_convolution(graph: Any, node: Any, _name: str, _arguments: list) -> None:
    """Make ONNX's transposed convolution of TensorFlow's, as one of tf2onnx's custom_op_handlers.

    Those with another padding than _CutConvolution's are left to tf2onnx.
    """
    if node.get_attr_value("padding") != EXPLICIT:
        ConvTranspose.version_1(graph, node)
        return
    shape, types, outputs = graph.get_shape(node.output[0]), [graph.get_dtype(node.output[0])], node.output
    kernel = node.inputs[1].get_tensor_value(as_list=False)
    weights = graph.make_const(f"{node.name}_kernel", np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)))
    _, _, top, bottom, left, right, _, _ = node.get_attr_value("explicit_paddings")
    attributes = {
        "kernel_shape": kernel.shape[:2],
        "strides": node.get_attr_value("strides")[1:3],
        "dilations": node.get_attr_value("dilations")[1:3],
        "pads": [top, left, bottom, right],
        "group": shape[3] // kernel.shape[2],
    }
    graph.remove_node(node.name)
    known = {"shapes": [[shape[axis] for axis in CHANNELS_FIRST]], "dtypes": types}
    given = graph.make_node("Transpose", node.input[2:], attr={"perm": CHANNELS_FIRST}, dtypes=types)
    made = graph.make_node("ConvTranspose", [given.output[0], weights.output[0]], attr=attributes, **known)
    graph.make_node(
        "Transpose", made.output, attr={"perm": CHANNELS_LAST}, outputs=outputs, shapes=[shape], dtypes=types
    )


def _cuts(layer: PaddedConv2DTranspose) -> list[int]:
    """Return what is cut off at the top, the bottom, the left and the right; below 0: zeros are added."""
    (top, bottom), (left, right) = layer.padding
    down, across = layer.output_padding
    return [top, bottom - down, left, right - across]


class _CutConvolution(keras.layers.Layer):
    """A PaddedConv2DTranspose as one operator, which TensorFlow can trace, but not run with groups or dilation.

    Args:
        layer: that has the weights.
    """

    def __init__(self, layer: PaddedConv2DTranspose) -> None:
        super().__init__(name=layer.name, dtype=layer.dtype_policy)
        self.layer = layer
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the transposed convolution of `inputs`."""
        layer = self.layer
        outputs = tf.raw_ops.Conv2DBackpropInput(
            input_sizes=[-1 if size is None else size for size in layer.compute_output_shape(inputs.shape)],
            filter=ops.convert_to_tensor(layer.kernel),
            out_backprop=inputs,
            strides=[1, *layer.strides, 1],
            dilations=[1, *layer.dilation_rate, 1],
            padding=EXPLICIT,
            explicit_paddings=[0, 0, *_cuts(layer), 0, 0],
        )
        return layer.activation(outputs if layer.bias is None else outputs + layer.bias)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return that of the layer."""
        return self.layer.compute_output_shape(input_shape)


class _SlicedCrop(keras.layers.Layer):
    """CropToMatch by Python's slices."""

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the top left part of the first of two with the height and width of the second."""
        x, reference = inputs
        height, width = ops.shape(reference)[1:3]
        return x[:, :height, :width]

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the shape of the first with the height and width of the second."""
        x, reference = input_shape
        return (x[0], *reference[1:3], x[3])
