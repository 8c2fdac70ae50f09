"""TensorFlow's SavedModel folders, in TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtimes.graph import Graph, GraphError, TensorInfo
from runtimes.processor import ask_for_quick_kernels
from runtimes.quiet import without_stderr
from runtimes.styles import saved_model_styles
from runtimes.weights import check_weights, saved_model_weights

if TYPE_CHECKING:
    import numpy as np

SIGNATURE = "serving_default"


def load_saved_model(path: Path) -> Graph:
    """Load the signature "serving_default" of a SavedModel folder, or its only one, whose weights are sound numbers.

    Inputs and outputs are in alphabetical order.

    Raises:
        GraphError: it has none or several others, or a weight is no sound number.
    """
    ask_for_quick_kernels()
    with without_stderr():  # TensorFlow's notes when it starts, and when it first looks for a GPU
        import tensorflow as tf

        tf.config.list_physical_devices()
    loaded = tf.saved_model.load(str(path))
    names = [SIGNATURE] if SIGNATURE in loaded.signatures else list(loaded.signatures)
    if len(names) != 1:
        raise GraphError(f"it has no signature {SIGNATURE!r} ({', '.join(names) or 'none at all'})")
    signature = loaded.signatures[names[0]]
    check_weights(saved_model_weights(signature))

    def run(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        # Through `loaded`: the signature alone would not keep the variables alive.
        results = loaded.signatures[names[0]](**{name: tf.constant(array) for name, array in arrays.items()})
        return {name: result.numpy() for name, result in results.items()}

    return Graph(
        tuple(_info(name, spec) for name, spec in sorted(signature.structured_input_signature[1].items())),
        tuple(_info(name, spec) for name, spec in sorted(signature.structured_outputs.items())),
        run,
        saved_model_styles(path),
    )


def _info(name: str, spec: Any) -> TensorInfo:
    return TensorInfo(name, None if spec.shape.rank is None else tuple(spec.shape), spec.dtype.name)
