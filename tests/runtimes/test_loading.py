"""Loading exported models."""

import os
import signal

import numpy as np
import pytest
import tensorflow as tf
from support.onnx_files import write_onnx

from runtimes import loading
from runtimes.graph import GraphError
from runtimes.terminal import signals_as_interrupts


def test_an_interrupt_that_a_library_has_made_an_error_of_is_one_again(monkeypatch, tmp_path, usual_signals):
    def load(path):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt as interrupt:
            raise ImportError("numpy.core.multiarray failed to import") from interrupt
        raise AssertionError("there was no signal")

    monkeypatch.setitem(loading.LOADERS, ".onnx", {"onnxruntime": load})
    with signals_as_interrupts(), pytest.raises(KeyboardInterrupt):
        loading.load_graph(tmp_path / "a.onnx")


def test_a_package_that_is_not_there_is_named(monkeypatch, tmp_path):
    def load(path):
        raise ImportError

    monkeypatch.setitem(loading.LOADERS, ".onnx", {"onnxruntime": load})
    with pytest.raises(GraphError, match=r"a\.onnx: needs the Python package onnxruntime: pip install onnxruntime"):
        loading.load_graph(tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.onnx", b"PK\x03\x04", "a zip archive, such as a .keras file"),
        ("a.onnx", b"\x20\0\0\0TFL3", "a .tflite file"),
        ("a.tflite", b"\x08\x08\x12\x04test", "a protobuf message, such as an .onnx file"),
        ("a.tflite", b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (
            "a.onnx",
            b"version https://git-lfs.github.com/spec/v1\n",
            "a pointer of Git LFS, which stands for a file that .*",
        ),
        ("a.tflite", b"<!DOCTYPE html>", "a web page"),
    ],
)
def test_a_file_of_another_kind_than_its_name_tells_is_named(name, content, kind, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GraphError, match=f"{name}: cannot be loaded: it is {kind}$"):
        loading.load_graph(tmp_path / name)


def test_a_file_that_is_cut_off_or_goes_on_with_zeros_is_damaged(tmp_path):
    whole = write_onnx(tmp_path / "a.onnx", [("Neg", ["x"], ["y"])], {"x": ("n", 3, "h", "w")}).read_bytes()
    for content in (whole[:-1], whole + bytes(7), whole + b"\x08\xff"):
        (tmp_path / "a.onnx").write_bytes(content)
        with pytest.raises(GraphError, match=r"a\.onnx: cannot be loaded: damaged$"):
            loading.load_graph(tmp_path / "a.onnx")


class Negative(tf.Module):
    """1 - x for pictures of any size."""

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)])
    def __call__(self, x):
        return 1 - x


def test_a_saved_model_of_several_other_signatures_is_refused_by_their_names(tmp_path):
    network = Negative()
    signatures = dict.fromkeys(("draw", "paint"), network.__call__.get_concrete_function())
    for given, told in ((signatures, "draw, paint"), (None, "none at all")):
        tf.saved_model.save(tf.Module(), str(tmp_path / "net"), signatures=given)
        with pytest.raises(GraphError, match=rf"net: cannot be loaded: it has no signature '\w+' \({told}\)"):
            loading.load_graph(tmp_path / "net")


def test_a_tflite_file_without_the_usual_signature_takes_pictures_of_all_sizes(tmp_path):
    network = Negative()
    tf.saved_model.save(network, str(tmp_path / "net"), signatures={"paint": network.__call__.get_concrete_function()})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "net"), signature_keys=["paint"])
    (tmp_path / "net.tflite").write_bytes(converter.convert())
    graph = loading.load_graph(tmp_path / "net.tflite")
    for size in ((5, 8), (9, 3), (5, 8)):
        picture = np.random.default_rng(0).random((1, *size, 3), np.float32)
        np.testing.assert_allclose(graph(picture)[0], 1 - picture, atol=1e-6)
