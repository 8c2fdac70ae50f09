"""Gradients held against central differences, in float64."""

import numpy as np
from keras import ops

from optimize.value_and_grad import compile_value_and_grad


def gradient_error(loss, point, *, count=6, step=1e-5):
    """Return the largest error of random directional derivatives relative to the largest derivative.

    For TensorFlow: under the other backends Keras computes means and result types in float32.
    """
    evaluate = compile_value_and_grad(loss)
    point = point.astype("float64")
    gradient = ops.convert_to_numpy(evaluate(point).gradient)
    assert gradient.dtype == "float64"
    rng = np.random.default_rng(0)
    analytic, numeric = [], []
    for _ in range(count):
        direction = rng.standard_normal(point.shape)
        values = [float(evaluate(point + sign * step * direction).loss) for sign in (1, -1)]
        numeric.append((values[0] - values[1]) / (2 * step))
        analytic.append(np.sum(gradient * direction))
    return np.abs(np.subtract(analytic, numeric)).max() / np.abs(numeric).max()
