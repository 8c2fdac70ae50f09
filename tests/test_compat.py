"""Private interfaces of libraries: those of the versions named here, and what each is taken for."""

import gc
import io
import weakref
import zipfile

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import scipy
import tensorflow as tf
from support.small_models import inverting_model

from compat import (
    deferred_variables,
    flatten_layers,
    lbfgsb_messages,
    lbfgsb_step,
    leave_gradients,
    mend_tf2onnx,
    operations_above,
    run_through,
    tflite_flatbuffers,
    tflite_schema,
    zip_directory_size,
)


def test_versions_known_to_have_them():
    """A new version of a library that fails below needs another way to the same thing in compat.py."""
    assert (3, 12) <= tuple(int(part) for part in keras.__version__.split(".")[:2]) < (4, 0)
    assert (2, 20) <= tuple(int(part) for part in tf.__version__.split(".")[:2]) < (3, 0)
    assert (1, 15) <= tuple(int(part) for part in scipy.__version__.split(".")[:2]) < (2, 0)


def test_layers_of_models_within_models():
    inner = inverting_model()
    outer = keras.Sequential([keras.Input((None, None, 3)), inner, keras.layers.ReLU()])
    kinds = [type(layer).__name__ for layer in flatten_layers(outer)]
    assert kinds.count("Conv2D") == 1
    assert kinds.count("ReLU") == 1
    assert outer not in flatten_layers(outer)


def test_operations_above_a_tensor():
    x = keras.Input((4, 4, 3))
    y = keras.layers.ReLU()(keras.layers.Conv2D(2, 1)(x))
    assert {type(one).__name__ for one in operations_above([y])} == {"InputLayer", "Conv2D", "ReLU"}
    assert {type(one).__name__ for one in operations_above([y], (keras.layers.Conv2D,))} == {"Conv2D", "ReLU"}


def test_graphs_of_optimizers_do_not_stay():
    """Every training in a process took 60 MB that never came back."""

    def graph_of_a_step(optimizer):
        variable = keras.Variable([1.0, 2.0])
        optimizer.build([variable])
        step = tf.function(lambda x: optimizer.apply([x], [variable]))
        step(tf.constant([2.0, 4.0]))
        np.testing.assert_array_equal(variable.numpy(), [0.0, 0.0])
        return weakref.ref(step.get_concrete_function(tf.constant([2.0, 4.0])).graph)

    optimizer, usual = (keras.optimizers.SGD(0.5) for _ in range(2))
    leave_gradients(optimizer)
    graphs = [graph_of_a_step(each) for each in (optimizer, usual)]
    gc.collect()
    assert graphs[0]() is None
    assert graphs[1]() is not None  # else leave_gradients is needed no more


def test_litert_files():
    model = inverting_model()
    graph = tf.function(model, input_signature=[tf.TensorSpec((1, 4, 4, 3))]).get_concrete_function()
    content = tf.lite.TFLiteConverter.from_concrete_functions([graph], model).convert()
    flat = tflite_flatbuffers().read_model_from_bytearray(bytearray(content))
    assert isinstance(flat, tflite_schema().ModelT)
    codes = [code.builtinCode for code in flat.operatorCodes]
    assert tflite_schema().BuiltinOperator.CONV_2D in codes


def test_size_of_the_list_of_members_of_a_zip_archive():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(5):
            archive.writestr(f"{number:04}", b"x")
    assert zip_directory_size(file) == 5 * (46 + 4)
    assert zip_directory_size(io.BytesIO(b"no archive")) == 0


def test_deferred_variables_have_shapes_and_take_no_memory_after_an_error():
    def refuse_four_million_gigabytes():
        with deferred_variables() as variables:
            keras.layers.Dense(10**9).build((None, 10**6))
            raise InterruptedError(variables[0].shape)

    with pytest.raises(InterruptedError, match=r"\(1000000, 1000000000\)"):
        refuse_four_million_gigabytes()
    with deferred_variables() as variables:
        layer = keras.layers.Dense(2)
        layer.build((None, 3))
    assert variables == layer.weights
    assert keras.ops.convert_to_numpy(layer(keras.ops.ones((1, 3)))).shape == (1, 2)


def test_a_graph_is_followed_into_the_models_in_it():
    inner = inverting_model()
    outer = keras.Sequential([keras.Input((None, None, 3)), inner, keras.layers.ReLU()])
    names = []

    def call_of(operation):
        names.append(type(operation).__name__)
        return operation.compute_output_spec

    run_through(outer, [keras.KerasTensor((1, 8, 8, 3))], call_of)
    assert [name for name in names if name != "InputLayer"] == ["Conv2D", "ReLU"]


def test_scipys_lbfgsb_takes_arrays_and_changes_them_in_place():
    size, maxcor = 3, 2
    task, point = np.zeros(2, np.int32), np.full(size, 0.5)
    limits = np.zeros(size), np.ones(size), np.full(size, 2, np.int32)
    wa = np.zeros((2 * maxcor + 5) * size + (11 * maxcor + 8) * maxcor)
    counts = np.zeros(44, np.int32)
    lbfgsb_step()(
        maxcor, point, *limits, 0.0, np.zeros(size), 0.0, 0.0, wa, np.zeros(3 * size, np.int32), task,
        np.zeros(4, np.int32), counts, np.zeros(29), 20, np.zeros(2, np.int32),
    )  # fmt: skip
    assert task[0] == 3, "loss and gradient are wanted first"
    tasks, reasons = lbfgsb_messages()
    assert f"{tasks[5]}: {reasons[504]}" == "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT"


def onnx_results(model, x):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def check_optimized(nodes, constants, shape, expected):
    """Check that tf2onnx's optimiser leaves what a graph of one input computes."""
    from tf2onnx.graph import GraphUtil

    mend_tf2onnx()
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    result = expected(x)
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sizes)
        for name, sizes in (("x", shape), ("y", result.shape))
    ]
    held = [onnx.numpy_helper.from_array(np.array(value, np.int64), name) for name, value in constants.items()]
    graph = onnx.helper.make_graph(nodes, "graph", values[:1], values[1:], held)
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    np.testing.assert_array_equal(onnx_results(made, x), result)
    np.testing.assert_array_equal(onnx_results(GraphUtil.optimize_model_proto(made), x), result)


def test_leaky_rectifiers_in_a_row_become_operators():
    """A slope above 1, and a maximum of other tensors, are none."""
    import tf2onnx

    mend_tf2onnx()

    @tf.function(input_signature=[tf.TensorSpec((None, 4), name="x")])
    def rectify(x):
        for slope in (0.3, 0.5, 2.0):
            x = tf.maximum(x, slope * x)
        return tf.identity(tf.maximum(x, 0.5 * tf.square(x)), name="y")

    made, _ = tf2onnx.convert.from_function(rectify, rectify.input_signature, opset=18)
    assert [node.op_type for node in made.graph.node].count("LeakyRelu") == 2
    x = expected = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)
    for factor in (0.3, 0.5, 2.0):
        expected = np.maximum(expected, factor * expected)
    expected = np.maximum(expected, 0.5 * expected**2)
    np.testing.assert_allclose(onnx_results(made, x), expected, rtol=1e-6)


def test_slices_keep_their_beginnings_where_their_axes_are_permuted():
    nodes = [
        onnx.helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]),
        onnx.helper.make_node("Slice", ["t", "same", "ends", "same"], ["s"]),
        onnx.helper.make_node("Transpose", ["s"], ["y"], perm=[0, 3, 1, 2]),
    ]
    check_optimized(nodes, {"same": [0, 1], "ends": [9, 9]}, (1, 2, 5, 4), lambda x: x[:, :, 1:])


def test_reshapes_that_a_graph_returns_get_no_further_axis():
    """A picture of one channel with its axes in another order, in a graph without a node behind it."""
    from tf2onnx.graph import GraphUtil
    from tf2onnx.optimizer.identity_optimizer import IdentityOptimizer
    from tf2onnx.optimizer.reshape_optimizer import ReshapeOptimizer

    mend_tf2onnx()
    nodes = [
        onnx.helper.make_node("Shape", ["x"], ["shape"]),
        onnx.helper.make_node("Gather", ["shape", "order"], ["sizes"]),
        onnx.helper.make_node("Reshape", ["x", "sizes"], ["y"]),
    ]
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sizes)
        for name, sizes in (("x", ("n", 1, "h", "w")), ("y", ("n", "h", "w", 1)))
    ]
    order = onnx.numpy_helper.from_array(np.array([0, 2, 3, 1]), "order")
    made = onnx.helper.make_graph(nodes, "graph", values[:1], values[1:], [order])
    graph = GraphUtil.create_graph_from_onnx_model(
        onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    )
    for optimizer in (IdentityOptimizer, ReshapeOptimizer):
        graph = optimizer().optimize(graph, iteration=0)
    x = np.arange(40, dtype=np.float32).reshape(2, 1, 4, 5)
    np.testing.assert_array_equal(onnx_results(graph.make_model("graph"), x), x.transpose(0, 2, 3, 1))


def test_reshapes_that_copy_sizes_are_kept():
    nodes = [
        onnx.helper.make_node("Reshape", ["x", "first"], ["r"]),
        onnx.helper.make_node("Reshape", ["r", "second"], ["y"]),
    ]
    check_optimized(nodes, {"first": [3, 4], "second": [0, 2, 2]}, (6, 2), lambda x: x.reshape(3, 2, 2))
    check_optimized(nodes, {"first": [3, 4], "second": [2, 6]}, (6, 2), lambda x: x.reshape(2, 6))
