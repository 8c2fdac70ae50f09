"""Checks of a model against its file: number of weights, finite values, feature maps that fit into memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np

from compat import run_through
from errors import UserError

# No trained weight comes near; rectifiers hide NaN and infinity, so that a picture tells nothing of them.
MAX_WEIGHT = 1e10
# The shape of the state of a random generator.
SEED_STATE = (2,)
# Feature maps are measured for pictures of these sides, the second where the network cannot take the first.
SIDES = (64, 512)
# Values of one feature map: 256 channels at four times the input's sides are as much as any published network has.
MAX_VALUES_PER_PIXEL = 4096
MAX_VALUES = 1 << 24


def check_weight_count(own: Sequence[keras.Variable], made: Sequence[keras.Variable], numbers: int) -> None:
    """Raise UserError where variables hold more than the `numbers` of the file: before memory is taken for them.

    The states of random generators, two numbers each in recurrent layers and dropout, are not always stored.

    Args:
        own: those of the model.
        made: all that were made with it; of the layers in a Bidirectional Keras makes a third and forgets it.
        numbers: how many the file has.
    """
    wanted = _count(own) if _count(made) <= 2 * numbers else _count(made)
    if wanted > numbers:
        largest = max(made, key=lambda variable: math.prod(variable.shape))
        raise UserError(
            f"the configuration needs {wanted} weights, the file has {numbers} "
            f"(the largest, {largest.path}, has shape {tuple(largest.shape)})"
        )


def _count(variables: Iterable[keras.Variable]) -> int:
    return sum(math.prod(variable.shape) for variable in variables if tuple(variable.shape) != SEED_STATE)


def check_weights(variables: Iterable[keras.Variable]) -> None:
    """Raise UserError where a weight is NaN, infinite or beyond MAX_WEIGHT; the message names its layer."""
    for variable in variables:
        check_values(f"weight {variable.path}", keras.ops.convert_to_numpy(variable))


def check_values(name: str, values: np.ndarray) -> None:
    """Raise UserError where one of `values` is NaN, infinite or beyond MAX_WEIGHT.

    Args:
        name: what the message calls them.
        values: of any shape and type; only floating-point numbers are looked at.
    """
    if values.size == 0 or values.dtype.kind in "iub":
        return
    lowest, highest = float(values.min()), float(values.max())
    if math.isnan(lowest) or math.isnan(highest):
        raise UserError(f"{name} contains NaN")
    largest = max(-lowest, highest)
    if largest > MAX_WEIGHT:
        what = "infinite values" if math.isinf(largest) else f"{largest:.3g}, beyond {MAX_WEIGHT:.0e}"
        raise UserError(f"{name} contains {what}")


def check_feature_maps(model: keras.Model) -> None:
    """Raise UserError where a layer of `model` makes so much of a small picture that no memory holds it.

    Networks that take no pictures of 64 or 512 pixels a side, or are not Functional, are not measured.
    """
    for side in SIDES:
        inputs = [_sized(tensor, side) for tensor in model.inputs]
        limit = max(MAX_VALUES, MAX_VALUES_PER_PIXEL * max(math.prod(_positions(tensor)) for tensor in inputs))
        try:
            _measure(model, inputs, limit)
        except UserError:
            raise
        except Exception:  # layers raise anything for inputs that are too small for them
            continue
        return


def _sized(tensor: keras.KerasTensor, side: int) -> keras.KerasTensor:
    batch, *rest = tensor.shape
    return keras.KerasTensor((batch or 1, *(size or side for size in rest)), dtype=tensor.dtype)


def _positions(tensor: keras.KerasTensor) -> Sequence[int]:
    return tensor.shape[:-1]


def _measure(model: keras.Model, inputs: Sequence[keras.KerasTensor], limit: int) -> None:
    def measured(operation: keras.Operation) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            outputs = operation.compute_output_spec(*args, **kwargs)
            for output in keras.tree.flatten(outputs):
                if math.prod(output.shape) > limit:
                    raise UserError(
                        f"layer {operation.name} makes a feature map of {tuple(output.shape)} of a picture of "
                        f"{tuple(inputs[0].shape)}, more than memory holds"
                    )
            return outputs

        return call

    run_through(model, inputs, measured)
