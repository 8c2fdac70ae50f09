"""Private interfaces of libraries, each in this one place; tests/test_compat.py names the versions that have them."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

# Keras follows a network from its end to its beginning by recursion, a few frames a layer.
RECURSION_LIMIT = 100_000


def flatten_layers(model: keras.Model) -> list[keras.Layer]:
    """Return all layers of a Keras model, those within layers and models too, without the model itself."""
    return model._flatten_layers(include_self=False)


def leave_gradients(optimizer: keras.Optimizer) -> None:
    """Let an optimizer take the gradients of its only device as they are.

    On TensorFlow it would add them up over one device by a function with a gradient of its own, and TensorFlow keeps
    the graph of each such function, here that of a whole training, for as long as the process lasts.
    """
    optimizer._all_reduce_sum_gradients = list


def tflite_schema() -> ModuleType:
    """Return TensorFlow's classes for what a `.tflite` file holds, made from the format's own schema."""
    from tensorflow.lite.python import schema_py_generated

    return schema_py_generated


def tflite_flatbuffers() -> ModuleType:
    """Return TensorFlow's reader of `.tflite` files into the classes of `tflite_schema`."""
    from tensorflow.lite.tools import flatbuffer_utils

    return flatbuffer_utils


def mend_tf2onnx() -> None:
    """Mend four of tf2onnx's optimisations (1.17) that change what a graph computes, and one that fails.

    - It shares a constant between inputs that hold the same numbers, and changes the axes of a slice in place where it
      believes that one node alone has them: other slices then begin elsewhere. Here each has axes of its own.
    - It makes one of two reshapes in a row, also where the second copies sizes of what the first returns.
    - Where sizes of a reshape are copied from other axes it gives it an axis of 1 more, and takes that out behind it:
      never where the reshape is what the graph returns. Whether it is depends on the order of sets.
    - It adds the bias of a transposed convolution of free size before the rows that ONNX's does not have, which are
      zeros: they lack it then.
    - It finds all leaky rectifiers before it replaces the first: of two in a row the second then lacks its input.
    """
    from tf2onnx import tfonnx
    from tf2onnx.optimizer import back_to_back_optimizer
    from tf2onnx.optimizer.reshape_optimizer import ReshapeOptimizer
    from tf2onnx.optimizer.transpose_optimizer import TransposeOptimizer

    handlers, key = back_to_back_optimizer._func_map, ("Reshape",)
    if not hasattr(handlers[key], "__wrapped__"):
        handlers[key] = _without_copied_sizes(handlers[key])
        TransposeOptimizer._slice_handler = _with_own_axes(TransposeOptimizer._slice_handler)
        ReshapeOptimizer._optimize_reshape = _before_outputs(ReshapeOptimizer._optimize_reshape)
        tfonnx.rewrite_leakyrelu = _leaky_rectifiers
        tfonnx.rewrite_biasadd_with_conv2d = _bias_at_the_end(tfonnx.rewrite_biasadd_with_conv2d)


def _leaky_rectifiers(graph: Any, nodes: Sequence[Any]) -> Sequence[Any]:
    """Replace max(x, slope x) by ONNX's operator, one after the other, and return the graph's nodes."""
    for node in [node for node in nodes if node.type == "Maximum"]:
        for position, product in enumerate(node.inputs):
            x = node.input[1 - position]
            if product.type != "Mul" or x not in product.input:
                continue
            factor = product.inputs[1 - list(product.input).index(x)]
            slope = factor.get_tensor_value() if factor.is_const() else None
            if isinstance(slope, float) and slope < 1:
                known = {"shapes": node.output_shapes, "dtypes": node.output_dtypes}
                rectifier = graph.make_node("LeakyRelu", [x], attr={"alpha": slope}, **known)
                graph.replace_all_inputs(node.output[0], rectifier.output[0])
                graph.safe_remove_nodes([node, product])
                break
    return graph.get_nodes()


def _bias_at_the_end(merge: Callable[..., Sequence[Any]]) -> Callable[..., Sequence[Any]]:
    def is_last(node: Any) -> bool:
        before = node.inputs[0] if node.type == "BiasAdd" else None
        return before is not None and before.type == "Conv2DBackpropInput" and not before.inputs[0].is_const()

    @wraps(merge)
    def merge_others(graph: Any, nodes: Sequence[Any]) -> Sequence[Any]:
        merge(graph, [node for node in nodes if not is_last(node)])
        return graph.get_nodes()

    return merge_others


def _without_copied_sizes(merge: Callable[..., list]) -> Callable[..., list]:
    @wraps(merge)
    def merge_or_not(graph: Any, node: Any, consumers: Sequence[Any]) -> list:
        sizes = consumers[0].inputs[1] if consumers[0].type == "Reshape" else None
        if sizes is not None and not (sizes.is_const() and 0 not in sizes.get_tensor_value(as_list=True)):
            return []
        return merge(graph, node, consumers)

    return merge_or_not


def _before_outputs(change: Callable[..., bool]) -> Callable[..., bool]:
    """Let a graph's output be that of a node of its own where `change` changes the reshape that would make it."""

    def remake(graph: Any, node: Any, outputs: Sequence[str] | None) -> Any:
        known = {"shapes": node.output_shapes, "dtypes": node.output_dtypes}
        graph.remove_node(node.name)
        return graph.make_node(node.type, node.input, name=node.name, outputs=outputs, **known)

    @wraps(change)
    def change_inner(optimizer: Any, node: Any, graph: Any) -> bool:
        output = node.output[0]
        if output not in graph.outputs or node.inputs[1].is_const():
            return change(optimizer, node, graph)
        inner = remake(graph, node, None)
        last = graph.make_node("Identity", inner.output, outputs=[output])
        graph.copy_shape(inner.output[0], output)
        graph.copy_dtype(inner.output[0], output)
        if change(optimizer, inner, graph):
            return True
        graph.remove_node(last.name)
        remake(graph, inner, [output])
        return False

    return change_inner


def _with_own_axes(permute: Callable[..., bool]) -> Callable[..., bool]:
    @wraps(permute)
    def permute_own(optimizer: Any, transpose: Any, node: Any) -> bool:
        graph = optimizer._g
        if len(node.input) > 3 and node.inputs[3].is_const():
            shared = node.input[3]
            own = graph.make_const(f"{shared}_of_{node.name}", node.inputs[3].get_tensor_value(as_list=False))
            graph.replace_input(node, shared, own.output[0], 3)
            if shared in node.input:  # the graph has forgotten that it is read here
                graph._register_input_name(shared, node)
        return permute(optimizer, transpose, node)

    return permute_own


@contextmanager
def plain_positions() -> Iterator[None]:
    """Let Keras find the largest and smallest numbers on TensorFlow with its operation for that alone.

    Keras takes -0 for smaller than 0, by reading single bits, for which other runtimes have no operator; here the
    first of both counts, as with NumPy.
    """
    import tensorflow as tf
    from keras.src.backend.tensorflow import numpy

    def of(find: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
        def position(x: Any, axis: int | None = None, keepdims: bool = False) -> tf.Tensor:
            x = tf.convert_to_tensor(x)
            if axis is None:
                found = find(tf.reshape(x, [-1]), axis=0, output_type="int32")
                return tf.reshape(found, [1] * x.shape.rank) if keepdims else found
            found = find(x, axis=axis, output_type="int32")
            return tf.expand_dims(found, axis) if keepdims else found

        return position

    before = numpy.argmax, numpy.argmin
    numpy.argmax, numpy.argmin = of(tf.argmax), of(tf.argmin)
    try:
        yield
    finally:
        numpy.argmax, numpy.argmin = before


@contextmanager
def deferred_variables() -> Iterator[list[keras.Variable]]:
    """Give the Keras variables that are created inside no values before the end, and none at all after an error.

    Yields the list of these variables, which grows: their shapes can be checked before memory is taken for them.
    """
    import keras
    from keras.src.backend.common import global_state

    variables: list[keras.Variable] = []
    global_state.set_global_attribute("uninitialized_variables", variables)
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield variables
    except BaseException:
        global_state.set_global_attribute("uninitialized_variables", [])
        raise
    with keras.StatelessScope():  # its end gives all of them their values
        pass


def zip_directory_size(file: IO[bytes]) -> int:
    """Return the bytes that the list of members of a zip archive takes, 0 where the file is none."""
    end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    return end[zipfile._ECD_SIZE] if end else 0  # type: ignore[attr-defined]


class WeightsFile(io.BytesIO):
    """The bytes of a `.weights.h5` file in memory, which Keras loads and saves as one on disk."""

    def __str__(self) -> str:
        return "model.weights.h5"


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Let Keras follow networks of thousands of layers in a row; Python's own calls take no room on the C stack."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def run_through(
    model: keras.Model, inputs: Sequence[Any], call_of: Callable[[keras.Operation], Callable[..., Any]]
) -> Any:
    """Follow the graph of `model`, and of the models in it, from `inputs`; `call_of(layer)` stands for each layer.

    Args:
        model: Functional or Sequential.
        inputs: one for each of the model's inputs, of any kind that `call_of` understands.
        call_of: returns what is called with a layer's inputs in its place, and returns its outputs.

    Returns:
        The outputs, as `model` has them.
    """

    def step(operation: keras.Operation) -> Callable[..., Any]:
        inner = getattr(operation, "_functional", operation)
        if hasattr(inner, "_run_through_graph"):
            return lambda inputs, **_: inner._run_through_graph(inputs, operation_fn=step)
        return call_of(operation)

    return getattr(model, "_functional", model)._run_through_graph(inputs, operation_fn=step)


def operations_above(outputs: Sequence[keras.KerasTensor], until: tuple[type, ...] = ()) -> list[keras.Operation]:
    """Return the operations that lead to `outputs`, but not those above one of the types `until`."""
    operations: dict[int, keras.Operation] = {}
    waiting = list(outputs)
    while waiting:
        operation = waiting.pop()._keras_history.operation
        if operation is not None and id(operation) not in operations:
            operations[id(operation)] = operation
            if not isinstance(operation, until):
                waiting += [tensor for node in operation._inbound_nodes for tensor in node.input_tensors]
    return list(operations.values())


def operation_of(tensor: keras.KerasTensor) -> tuple[keras.Operation, list[keras.KerasTensor]]:
    """Return the operation that makes a tensor, and what it makes it of; an input is made of nothing."""
    operation, place, _ = tensor._keras_history
    return operation, operation._inbound_nodes[place].input_tensors


def name_apart(outputs: Sequence[keras.KerasTensor]) -> None:
    """Rename the operations above `outputs` whose name another has, so that keras.Model takes them.

    Operations that Keras names itself (x + y is "add") know nothing of layers that somebody called so.
    """
    from keras import Layer

    taken: set[str] = set()
    # Layers keep the names that they were given.
    for operation in sorted(operations_above(outputs), key=lambda one: not isinstance(one, Layer)):
        name, number = operation.name, 1
        while operation.name in taken:
            operation.name, number = f"{name}_op{number}", number + 1
        taken.add(operation.name)


def name_new_apart(outputs: Sequence[keras.KerasTensor], inputs: Sequence[object], taken: dict[str, int]) -> None:
    """Rename the operations between `inputs` and `outputs` whose name another one has in `taken`, and add them there.

    Args:
        outputs: of the operations.
        inputs: of the operations; what is above them is left alone, other things than tensors count for nothing.
        taken: names of operations -> their `id`.
    """
    above = {id(tensor) for tensor in inputs}
    waiting = [tensor for tensor in outputs if id(tensor) not in above]
    while waiting:
        operation, tensors = operation_of(waiting.pop())
        name, number = operation.name, 1
        while taken.setdefault(operation.name, id(operation)) != id(operation):
            operation.name, number = f"{name}_op{number}", number + 1
        waiting += [tensor for tensor in tensors if id(tensor) not in above]


def lbfgsb_step() -> Any:
    """Return SciPy's `setulb`, one step of L-BFGS-B by reverse communication.

    `setulb(m, x, lower, upper, bound_kinds, f, g, factr, pgtol, wa, iwa, task, lsave, isave, dsave, maxls, ln_task)`
    changes its arrays in place. `scipy.optimize` offers whole minimisations alone, whose memory of curvatures cannot be
    saved.
    """
    from scipy.optimize import _lbfgsb

    return _lbfgsb.setulb


def lbfgsb_messages() -> tuple[dict[int, str], dict[int, str]]:
    """Return SciPy's words for the two numbers of `task`: what to do, and why."""
    from scipy.optimize import _lbfgsb_py

    return _lbfgsb_py.status_messages, _lbfgsb_py.task_messages


def input_tensors_behind(model: keras.Model, layer: keras.Layer) -> list[keras.KerasTensor]:
    """Return the inputs whose values reach `layer` in the graphs that Keras has recorded of it.

    Those of `model`, and those of models in it through which they come.
    """
    outside: dict[int, list[keras.KerasTensor]] = {}
    for inner in flatten_layers(model):
        for position, tensor in enumerate(getattr(inner, "inputs", None) or ()):
            given = [node.input_tensors[position] for node in inner._inbound_nodes]
            outside[id(tensor)] = outside.get(id(tensor), []) + given
    waiting = [tensor for node in layer._inbound_nodes for tensor in node.input_tensors]
    found: dict[int, keras.KerasTensor] = {}
    seen: set[int] = set()
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        _, before = operation_of(tensor)
        if not before:
            found[id(tensor)] = tensor
        waiting += before or outside.get(id(tensor), [])
    return list(found.values())
