"""Private interfaces of TensorFlow that the layers need: those of the versions named here."""

import pytest

from layers.compat import in_xla_context

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
