"""Private interfaces of TensorFlow that the layers need; the tests name the versions that have them.

They stand here and not in the program's compat.py, since layers/ may be copied alone.
"""

from __future__ import annotations

import weakref
from typing import Any


def in_xla_context() -> bool:
    """Return whether the graph that is being traced will be compiled by XLA; TensorFlow is imported."""
    from tensorflow.python.framework import ops
    from tensorflow.python.ops import control_flow_util

    return bool(control_flow_util.GraphOrParentsInXlaContext(ops.get_default_graph()))


def release_gradient(output: Any) -> None:
    """Let a function of tf.custom_gradient go with the graph in which it made `output`.

    TensorFlow's registry of gradients keeps all such functions as long as the process lasts, and with each its whole
    graph, some fifty megabytes for a training. Here the graph keeps the function, and the registry refers to it weakly.
    """
    from tensorflow.python.framework import ops

    name = output.op.get_attr("_gradient_op_type").decode()
    entries = ops.gradient_registry._registry
    gradient = entries[name]["type"]
    graph = output.graph
    graph._released_gradients = [*getattr(graph, "_released_gradients", []), gradient]
    reference = weakref.ref(gradient)

    def call(operation: Any, *slopes: Any) -> Any:
        function = reference()
        assert function is not None  # the graph that asks for it keeps it
        return function(operation, *slopes)

    entries[name]["type"] = call
    weakref.finalize(graph, entries.pop, name, None).atexit = False
