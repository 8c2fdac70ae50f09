"""Making `.tflite` files smaller and quicker than the converter does."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np

from compat import tflite_flatbuffers, tflite_schema

schema: Any = tflite_schema()
# Of the format, at the start of a file.
IDENTIFIER = b"TFL3"
# The version of LiteRT's operator that takes a scale for each channel.
DEQUANTIZE_BY_CHANNEL = 5
# The converter leaves smaller weights alone as well: they save nothing.
MIN_WEIGHTS = 1024


def shrink(content: bytes, *, int8_weights: bool) -> bytes:
    """Return a `.tflite` file without what no runtime reads: names of inner tensors and remarks, 30 KB.

    Its operators are in an order that needs less memory at a time, see _order_by_need, and equal values are stored
    once.

    Args:
        content: the file.
        int8_weights: also store the weights of float32 convolutions in 8 bits, by output channel; a runtime makes
            float32 of them once, when it loads the file. The converter would do so for none of a file's convolutions,
            or would have all their inputs rounded to 8 bits while they run. That costs narrow convolutions next to
            the picture 3 to 5 dB where the picture is nearly flat.
    """
    flat = tflite_flatbuffers().read_model_from_bytearray(bytearray(content))
    for graph in flat.subgraphs:
        _forget_descriptions(graph)
        if int8_weights:
            _store_kernels_in_8_bits(flat, graph)
        _order_by_need(graph)
    flat.metadata = flat.description = None
    return _packed(flat, len(content))


def with_metadata(content: bytes, name: str, data: bytes) -> bytes:
    """Return a `.tflite` file with `data` in its metadata under `name`."""
    flat = tflite_flatbuffers().read_model_from_bytearray(bytearray(content))
    entry, buffer = schema.MetadataT(), schema.BufferT()
    entry.name, entry.buffer = name, len(flat.buffers)
    buffer.data = np.frombuffer(data, np.uint8)
    flat.buffers.append(buffer)
    flat.metadata = [*(flat.metadata or []), entry]
    return _packed(flat, len(content))


def _packed(flat: Any, size: int) -> bytes:
    builder = _SharingBuilder(size)
    builder.Finish(flat.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def _forget_descriptions(graph: Any) -> None:
    for index, tensor in enumerate(graph.tensors):
        if index not in {*graph.inputs, *graph.outputs}:
            tensor.name = None
        if tensor.quantization is not None and tensor.quantization.scale is None:
            tensor.quantization = None


def _order_by_need(graph: Any) -> None:
    """Put each operator right before the first that needs it; of one's inputs the last is made first.

    The converter has an instance normalisation's centred picture made before the variance, which then waits beside the
    squares for its use. Runtimes keep the order: with less in the caches they are a few percent quicker.
    """
    makers = {number: operator for operator in graph.operators for number in operator.outputs}
    ordered, done = [], set()
    waiting = [makers[number] for number in graph.outputs if number in makers]
    while waiting:
        operator = waiting[-1]
        needed = [makers[number] for number in operator.inputs if number in makers]
        unmade = [maker for maker in needed if id(maker) not in done]
        if unmade:
            waiting.append(unmade[-1])
            continue
        waiting.pop()
        if id(operator) not in done:
            done.add(id(operator))
            ordered.append(operator)
    if len(ordered) == len(graph.operators):  # others act by themselves, on states of the model
        graph.operators = ordered


class _SharingBuilder(flatbuffers.Builder):
    """Stores equal values once, as the format allows: weights, shapes, the zero points of 8 bit kernels."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._stored: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:
        """Return where the values are."""
        key = (x.dtype.str, x.tobytes())
        if key not in self._stored:
            self._stored[key] = super().CreateNumpyVector(x)
        return self._stored[key]


def _store_kernels_in_8_bits(flat: Any, graph: Any) -> None:
    """Let each convolution with a float32 kernel take it from an operator that makes it of an 8 bit one."""
    dequantize = _add_operator_code(flat, schema.BuiltinOperator.DEQUANTIZE, DEQUANTIZE_BY_CHANNEL)
    operators = []
    for operator in graph.operators:
        if flat.operatorCodes[operator.opcodeIndex].builtinCode == schema.BuiltinOperator.CONV_2D:
            number = operator.inputs[1]
            kernel = graph.tensors[number]
            if kernel.type == schema.TensorType.FLOAT32 and np.prod(kernel.shape) >= MIN_WEIGHTS:
                operator.inputs[1] = _add_tensor_like(graph, kernel)
                _quantize_kernel(kernel, flat.buffers[kernel.buffer])
                operators.append(_operator(dequantize, number, operator.inputs[1]))
        operators.append(operator)
    graph.operators = operators


def _add_operator_code(flat: Any, builtin: int, version: int) -> int:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = version
    flat.operatorCodes.append(code)
    return len(flat.operatorCodes) - 1


def _add_tensor_like(graph: Any, tensor: Any) -> int:
    """Add a tensor of the same shape and type whose values an operator computes, and return its number."""
    added = schema.TensorT()
    added.shape, added.type, added.hasRank = tensor.shape, tensor.type, True
    graph.tensors.append(added)
    return len(graph.tensors) - 1


def _operator(code: int, source: int, target: int) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex = code
    operator.inputs, operator.outputs = np.array([source], np.int32), np.array([target], np.int32)
    return operator


def _quantize_kernel(kernel: Any, buffer: Any) -> None:
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
