"""Private interfaces of TensorFlow that the layers need: those of the versions named here."""

import gc
import weakref

import keras
import pytest

from layers.compat import in_xla_context
from layers.native import call_with_gradient

tf = pytest.importorskip("tensorflow")


def test_versions_known_to_have_them():
    """A new version that fails below needs another way to the same thing in layers/compat.py."""
    assert (2, 20) <= tuple(int(part) for part in tf.__version__.split(".")[:2]) < (3, 0)


@pytest.mark.parametrize("compiled", [False, True])
def test_xla_is_seen_while_a_graph_is_traced(compiled):
    seen = []

    @tf.function(jit_compile=compiled)
    def double(x):
        seen.append(in_xla_context())
        return 2 * x

    double(tf.ones(3))
    assert seen[-1] is compiled


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="keras.ops traces no graph of TensorFlow")
def test_graphs_with_a_gradient_of_their_own_do_not_stay():
    """tf.custom_gradient's registry keeps them, and so every training took memory as long as the process lasted."""

    def cube(x):
        return x**3, lambda slopes: 7.0 * slopes  # no other gradient is this one

    inner = tf.function(lambda x: call_with_gradient(cube, x))

    def slope(function, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x)

    outer = tf.function(lambda x, function=inner: slope(function, x))
    x = tf.constant(2.0)
    graphs = [weakref.ref(function.get_concrete_function(x).graph) for function in (inner, outer)]
    gc.collect()
    assert [float(slope(inner, x)), float(outer(x))] == [7.0, 7.0]
    del inner, outer
    gc.collect()
    assert [graph() for graph in graphs] == [None, None]
