"""Converters of the recurrent layers of BVLC Caffe (Donahue et al. 2014, 1411.4389) and of a fork."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import keras
import numpy as np
from keras import KerasTensor, ops

from convert.axes import to_source_order
from convert.caffe.registry import Step, converts
from convert.caffe.shape_rules.recurrent import exposed_states
from layers import ContinuedCell


def _sequence(cell: type[keras.Layer], units: int, name: str) -> keras.layers.RNN:
    return keras.layers.RNN(ContinuedCell(cell(units)), return_sequences=True, return_state=True, name=name)


_LSTM = partial(_sequence, keras.layers.LSTMCell)
_RNN = partial(_sequence, keras.layers.SimpleRNNCell)


@converts("LSTM")
def lstm(step: Step, *bottoms: KerasTensor) -> Sequence[KerasTensor]:
    """Gates in the order i, f, o, g, where Keras has i, f, g, o; output and cell begin with zeros unless given."""
    kernel, bias, recurrent = _joined(step.weights)
    results, *states = _run(step, _LSTM, bottoms, _in_keras_order(kernel, recurrent, bias))
    return [ops.transpose(results, (1, 0, 2)), *states]


@converts("Lstm")
def lstm_from_zeros(step: Step, x: KerasTensor) -> KerasTensor:
    """Compute what LSTM computes of sequences that all begin at the first step: the layer of junhyukoh's Caffe."""
    going_on = ops.ones_like(x[..., 0])
    results, *_ = _run(step, _LSTM, (x, going_on), _in_keras_order(*step.weights))
    return ops.transpose(results, (1, 0, 2))


def _in_keras_order(kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> list[np.ndarray]:
    """Return the weights of an LSTM with its gates as in Keras."""
    units = recurrent.shape[1]
    rows = np.concatenate([np.arange(gate * units, (gate + 1) * units) for gate in (0, 1, 3, 2)])
    return [kernel[rows].T, recurrent[rows].T, bias[rows]]


@converts("RNN")
def rnn(step: Step, *bottoms: KerasTensor) -> Sequence[KerasTensor]:
    """A hidden state, tanh of inputs and last state, and tanh of products with it as the result."""
    *own, factors, offsets = step.weights
    kernel, bias, recurrent = _joined(own)
    hidden, *states = _run(step, _RNN, bottoms, [kernel.T, recurrent.T, bias])
    units = step.layer.recurrent_param.num_output
    results = step.apply(keras.layers.Dense, hidden, [factors.T, offsets], units=units, activation="tanh")
    return [ops.transpose(results, (1, 0, 2)), *states]


def _joined(weights: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the factors of all inputs side by side, the offsets, and the factors of the last output."""
    kernel, bias, *static, recurrent = weights
    return np.concatenate([kernel, *static], axis=1), bias, recurrent


def _run(
    step: Step, make: partial[keras.layers.RNN], bottoms: Sequence[KerasTensor], weights: Sequence[np.ndarray]
) -> list[KerasTensor]:
    """Return the outputs, (sequences, time, units), and where the layer exposes them the last states."""
    count = exposed_states(step.layer)
    inputs, given = bottoms[: len(bottoms) - count], bottoms[len(bottoms) - count :]
    parts = [_features(step, inputs[0], 2)]
    for static in inputs[2:]:
        parts.append(ops.zeros_like(parts[0][..., :1]) + ops.expand_dims(_features(step, static, 1), 0))
    features = ops.concatenate([*parts, ops.expand_dims(inputs[1], -1)], axis=-1)
    features = ops.transpose(features, (1, 0, 2))
    states = [ops.squeeze(state, 0) for state in given]
    outputs, *last = step.apply(make, (features, states) if states else features, weights, units=step.shapes.tops[0][2])
    return [outputs, *(ops.expand_dims(state, 0) for state in last[:count])]


def _features(step: Step, x: KerasTensor, leading: int) -> KerasTensor:
    """Return a blob with one axis in the place of all after the `leading` ones."""
    source = to_source_order(x)
    if len(source.shape) == leading + 1:
        return source
    flat = keras.layers.TimeDistributed(keras.layers.Flatten()) if leading == 2 else keras.layers.Flatten()
    return flat(source)
