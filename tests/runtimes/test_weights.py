"""Exported models with weights that are no sound numbers: rectifiers would hide them."""

import numpy as np
import onnx
import pytest
import tensorflow as tf
from conftest import ROOT
from onnx import TensorProto, helper, numpy_helper

import stylize_tensorflow_graph
from runtimes.graph import GraphError
from runtimes.loading import load_graph

SHAPE = (1, 1, 3, 3)
BROKEN = {"NaN": np.nan, "infinite values": np.inf, "1e+12, beyond 1e+10": -1e12}


def kernel(value=0.5, dtype=np.float32):
    """A 1 x 1 convolution's kernel with a value in it (height, width, inputs, outputs)."""
    values = np.linspace(-1, 1, 9).reshape(SHAPE).astype(dtype)
    values[0, 0, 1, 1] = value
    return values


def write_onnx(path, value, *, place="initializer", dtype=np.float32):
    """Write relu(conv(x)) with the kernel where ONNX may have one."""
    values = kernel(value, dtype).transpose(3, 2, 0, 1).copy()
    tensor = numpy_helper.from_array(values, "kernel")
    if place == "float_data":
        tensor = helper.make_tensor("kernel", TensorProto.FLOAT, values.shape, values.flatten().tolist())
    nodes = [helper.make_node("Conv", ["x", "kernel"], ["y"]), helper.make_node("Relu", ["y"], ["z"])]
    constant = helper.make_node("Constant", [], ["kernel"], value=tensor)
    if place == "node":
        nodes.insert(0, constant)
    if place == "subgraph":
        (shape,) = [helper.make_tensor_value_info("kernel", TensorProto.FLOAT, values.shape)]
        branch = helper.make_graph([constant], "branch", [], [shape])
        nodes.insert(0, helper.make_node("If", ["yes"], ["kernel"], then_branch=branch, else_branch=branch))
        nodes.insert(0, helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True))))
    if dtype != np.float32:
        nodes.insert(0, helper.make_node("Cast", ["half"], ["kernel"], to=TensorProto.FLOAT))
        tensor.name = "half"
    pictures = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 3, 8, 8)) for name in "xz"]
    initial = [tensor] if place in ("initializer", "float_data", "beside") else []
    graph = helper.make_graph(nodes, "graph", pictures[:1], pictures[1:], initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, path, save_as_external_data=place == "beside", location=f"{path.name}.data", size_threshold=0)


class Network(tf.Module):
    """relu(conv(x)), with a variable or a constant as kernel."""

    def __init__(self, value, *, is_variable):
        super().__init__()
        self.kernel = tf.Variable(kernel(value), name="kernel") if is_variable else tf.constant(kernel(value))

    @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 3), tf.float32)])
    def __call__(self, x):
        return {"y": tf.nn.relu(tf.nn.conv2d(x, self.kernel, 1, "SAME"))}


def write_saved_model(path, value, *, is_variable=True):
    network = Network(value, is_variable=is_variable)
    tf.saved_model.save(network, str(path), signatures=network.__call__)


def write_tflite(path, value):
    network = Network(0.5, is_variable=True)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([network.__call__.get_concrete_function()], network)
    content = converter.convert()
    stored = kernel().transpose(3, 0, 1, 2).tobytes()  # output channels first
    assert content.count(stored) == 1
    path.write_bytes(content.replace(stored, kernel(value).transpose(3, 0, 1, 2).tobytes()))


@pytest.mark.parametrize("place", ["initializer", "float_data", "node", "subgraph", "beside"])
@pytest.mark.parametrize("told", BROKEN)
def test_onnx(tmp_path, told, place):
    path = tmp_path / "net.onnx"
    write_onnx(path, 0.5, place=place)
    load_graph(path)
    write_onnx(path, BROKEN[told], place=place)
    with pytest.raises(GraphError) as caught:
        load_graph(path)
    assert str(caught.value).startswith(f"{path}: cannot be loaded: weight kernel ")
    assert str(caught.value).endswith(told)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_onnx_with_its_weights_in_a_file_beside_it(tmp_path, capfd, runtime):
    picture = np.random.default_rng(0).random((1, 3, 8, 8), np.float32)
    write_onnx(tmp_path / "whole.onnx", 0.5)
    write_onnx(tmp_path / "net.onnx", 0.5, place="beside")
    assert (tmp_path / "net.onnx.data").stat().st_size == kernel().nbytes
    (expected,), (found,) = (load_graph(tmp_path / f"{name}.onnx", runtime)(picture) for name in ("whole", "net"))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    (tmp_path / "net.onnx.data").unlink()
    capfd.readouterr()
    with pytest.raises(GraphError, match=r"its weights are in another file, net\.onnx\.data, which is not beside it"):
        load_graph(tmp_path / "net.onnx", runtime)
    assert not capfd.readouterr().err


def test_half_precision_in_onnx(tmp_path):
    write_onnx(tmp_path / "net.onnx", np.nan, dtype=np.float16)
    with pytest.raises(GraphError, match="weight half contains NaN"):
        load_graph(tmp_path / "net.onnx")


@pytest.mark.parametrize("told", BROKEN)
def test_litert(tmp_path, told):
    write_tflite(tmp_path / "net.tflite", BROKEN[told])
    with pytest.raises(GraphError) as caught:
        load_graph(tmp_path / "net.tflite")
    assert str(caught.value).endswith(told)


@pytest.mark.parametrize("told", BROKEN)
@pytest.mark.parametrize("is_variable", [True, False])
def test_saved_model(tmp_path, told, is_variable):
    write_saved_model(tmp_path / "net", BROKEN[told], is_variable=is_variable)
    with pytest.raises(GraphError) as caught:
        load_graph(tmp_path / "net")
    assert str(caught.value).endswith(told)


def test_the_script_names_the_weight(tmp_path, capsys):
    write_onnx(tmp_path / "net.onnx", np.nan)
    picture = str(ROOT / "pics" / "bricks.jpg")
    arguments = ["--input", picture, "--output", str(tmp_path / "a.png"), "--model", str(tmp_path / "net.onnx")]
    assert stylize_tensorflow_graph.main(arguments) == 1
    assert "net.onnx: cannot be loaded: weight kernel contains NaN\n" in capsys.readouterr().err
    assert not (tmp_path / "a.png").exists()
