"""Making `.tflite` files smaller than the converter does."""

from __future__ import annotations

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

# The version of LiteRT's operator that takes float32 pictures and weights in 8 bits by channel.
HYBRID_CONVOLUTION = 5
# The converter leaves smaller weights alone as well: they save nothing.
LEAST_WEIGHTS = 1024


def shrink(content: bytes, *, int8_weights: bool) -> bytes:
    """Return a `.tflite` file without the names of the tensors inside: no runtime reads them, and they take 25 KB.

    Args:
        content: the file.
        int8_weights: also store the weights of float32 convolutions in 8 bits, by output channel. The runtime then
            takes the ranges of their inputs while it runs. The converter does this for all convolutions of a file or
            for none.
    """
    flat = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    for graph in flat.subgraphs:
        for index, tensor in enumerate(graph.tensors):
            if index not in {*graph.inputs, *graph.outputs}:
                tensor.name = None
        if int8_weights:
            _quantize_float_convolutions(flat, graph)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(flat))


def _quantize_float_convolutions(flat: schema.ModelT, graph: schema.SubGraphT) -> None:
    for operator in graph.operators:
        code = flat.operatorCodes[operator.opcodeIndex]
        if code.builtinCode != schema.BuiltinOperator.CONV_2D:
            continue
        kernel = graph.tensors[operator.inputs[1]]
        if kernel.type == schema.TensorType.FLOAT32 and np.prod(kernel.shape) >= LEAST_WEIGHTS:
            _quantize_kernel(kernel, flat.buffers[kernel.buffer])
            code.version = max(code.version, HYBRID_CONVOLUTION)


def _quantize_kernel(kernel: schema.TensorT, buffer: schema.BufferT) -> None:
    """Round a kernel (output channel, height, width, input channel) to -127..127 times a scale by output channel."""
    values = np.frombuffer(bytes(buffer.data), np.float32).reshape(kernel.shape)
    scale = np.abs(values).max(axis=(1, 2, 3)) / 127
    scale[scale == 0] = 1
    rounded = np.round(values / scale[:, None, None, None]).astype(np.int8)
    buffer.data = np.frombuffer(rounded.tobytes(), np.uint8)
    kernel.type = schema.TensorType.INT8
    kernel.quantization = schema.QuantizationParametersT()
    kernel.quantization.scale = scale
    kernel.quantization.zeroPoint = np.zeros(len(scale), np.int64)
    kernel.quantization.quantizedDimension = 0
