"""How long instance normalisation takes on TensorFlow, against Keras' GroupNormalization and the plain formula.

`python -m benchmarks.instance_normalization` runs the three in turn: forward, in a graph traced for
unknown batch, height and width as inside a generator; and forward with the gradient for input and weights, in a graph
that knows height and width as in training.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import keras
import tensorflow as tf

import layers
from benchmarks.measure import alternate, print_table

# A generator's second layer for a picture of 512 x 512, its residual blocks, and a batch in training.
SHAPES = ((1, 256, 256, 64), (1, 128, 128, 128), (4, 64, 64, 128))
POLICIES = {"float32": tf.float32, "mixed_bfloat16": tf.bfloat16}


def forward(layer: keras.Layer, inputs: tf.Tensor) -> tf.Tensor:
    """Return the layer's output."""
    return layer(inputs)


def with_gradient(layer: keras.Layer, inputs: tf.Tensor) -> list[tf.Tensor]:
    """Return the gradients of some function of the output for input and weights."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        result = tf.reduce_sum(tf.cast(layer(inputs), tf.float32) * tf.cast(inputs, tf.float32))
    return tape.gradient(result, [inputs, *(v.value for v in layer.trainable_variables)])


def graph(work: Callable, layer: keras.Layer, inputs: tf.Tensor) -> Callable[[], object]:
    """Return `work` on `inputs` as a graph."""
    sizes = (None, None) if work is forward else inputs.shape[1:3]
    signature = tf.TensorSpec((None, *sizes, inputs.shape[3]), inputs.dtype)
    traced = tf.function(lambda x: work(layer, x)).get_concrete_function(signature)
    return lambda: traced(inputs)


def jobs_for(work: Callable, policy: str, inputs: tf.Tensor) -> dict[str, Callable[[], object]]:
    """Return the three jobs by name."""
    ours = layers.InstanceNormalization(dtype=policy)
    theirs = keras.layers.GroupNormalization(groups=-1, epsilon=ours.epsilon, dtype=policy)
    for layer in (ours, theirs):
        layer.build((None, None, None, inputs.shape[3]))
    with layers.plain_formulas():
        plain = graph(work, ours, inputs)
    return {"ours": graph(work, ours, inputs), "keras": graph(work, theirs, inputs), "plain": plain}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    arguments = parser.parse_args()
    rows = []
    for shape in SHAPES:
        for policy, dtype in POLICIES.items():
            inputs = tf.cast(tf.random.stateless_normal(shape, seed=(1, 2)), dtype)
            for work in (forward, with_gradient):
                taken = alternate(jobs_for(work, policy, inputs), arguments.runs)
                milliseconds = [f"{1000 * taken[name]:.2f}" for name in ("ours", "keras", "plain")]
                ratio = f"{taken['ours'] / taken['keras']:.2f}"
                name = "x".join(map(str, shape))
                rows.append((name, dtype.name, work.__name__, *milliseconds, ratio))
    columns = ("shape", "type", "work", "this layer (ms)", "GroupNormalization (ms)", "plain formula (ms)", "ratio")
    print_table("instance normalisation on the CPU", columns, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
