"""Private interfaces of TensorFlow that the layers need; the tests name the versions that have them.

They stand here and not in the program's compat.py, since layers/ may be copied alone.
"""

from __future__ import annotations


def in_xla_context() -> bool:
    """Return whether the graph that is being traced will be compiled by XLA; TensorFlow is imported."""
    from tensorflow.python.framework import ops
    from tensorflow.python.ops import control_flow_util

    return bool(control_flow_util.GraphOrParentsInXlaContext(ops.get_default_graph()))
