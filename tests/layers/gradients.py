"""The gradient of a layer on whichever backend runs, and finite differences to hold against it."""

import keras
import numpy as np
from keras import ops


def layer_gradients(layer, inputs, cotangent):
    """Return the gradients of sum(first output * cotangent): for the float inputs, then for the weights."""
    is_float = [x.dtype == np.float32 for x in inputs]
    weights = [ops.convert_to_numpy(v) for v in layer.trainable_variables]
    split = sum(is_float)

    def objective(values):
        remaining = iter(values[:split])
        arguments = [next(remaining) if f else x for f, x in zip(is_float, inputs, strict=True)]
        state = [v.value for v in layer.non_trainable_variables]
        outputs, _ = layer.stateless_call(values[split:], state, arguments if len(arguments) > 1 else arguments[0])
        first = outputs[0] if isinstance(outputs, (tuple, list)) else outputs
        return ops.sum(ops.multiply(first, cotangent))

    floats = [x for f, x in zip(is_float, inputs, strict=True) if f]
    return _gradients(objective, [ops.convert_to_tensor(x) for x in floats + weights])


def _gradients(objective, values):
    """Return the gradients as NumPy arrays; a value without influence has one of zeros."""
    return [ops.convert_to_numpy(g) for g in globals()[f"_{keras.backend.backend()}_gradients"](objective, values)]


def _tensorflow_gradients(objective, values):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(values)
        result = objective(values)
    return tape.gradient(result, values, unconnected_gradients="zero")


def _jax_gradients(objective, values):
    import jax

    return jax.jit(jax.grad(objective))(values)


def _torch_gradients(objective, values):
    import torch

    values = [value.requires_grad_(True) for value in values]
    return torch.autograd.grad(objective(values), values, allow_unused=True, materialize_grads=True)


def random_directions(arrays, count=6):
    """Yield (position, direction): for each of the arrays `count` directions of ones and minus ones."""
    generator = np.random.default_rng(3)
    for position, array in enumerate(arrays):
        for _ in range(count):
            yield position, generator.choice([-1.0, 1.0], size=array.shape)


def finite_difference(function, arrays, position, direction, step=1e-5):
    """Return the central difference of a scalar `function(arrays)` along `direction` of one of the arrays."""
    values = []
    for sign in (1, -1):
        moved = list(arrays)
        moved[position] = arrays[position] + sign * step * direction
        values.append(function(moved))
    return (values[0] - values[1]) / (2 * step)
