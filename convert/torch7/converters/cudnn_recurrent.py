"""Recurrent modules of cudnn.torch: layers of one or two directions whose weights stand in one row of numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

import keras
import numpy as np
from keras import KerasTensor, ops

from convert.torch7.context import Context
from convert.torch7.converters.recurrent import MAX_FEATURES, over_sequence
from convert.torch7.module import Module
from convert.torch7.registry import converts
from convert.torch7.symbolic_values import Cell

MAX_LAYERS = 64

# By cuDNN's names of modes: where in the file's order Keras' gates stand, and the layer. Gates are stored in the order
# i, f, g, o for the LSTM and r, z, n for the GRU, which applies its reset gate after the recurrent product.
_MODES = {
    "CUDNN_RNN_RELU": ((0,), partial(keras.layers.SimpleRNN, activation="relu")),
    "CUDNN_RNN_TANH": ((0,), partial(keras.layers.SimpleRNN, activation="tanh")),
    "CUDNN_LSTM": ((0, 1, 2, 3), keras.layers.LSTM),
    "CUDNN_GRU": ((1, 0, 2), partial(keras.layers.GRU, reset_after=True)),
}


@converts(*(f"cudnn.{name}" for name in ("RNN", "RNNReLU", "RNNTanh", "LSTM", "GRU", "BLSTM", "BGRU")))
def cudnn_sequence(module: Module, cell: Cell, context: Context) -> Cell:
    """Layers over (time, batch, features), or (batch, time, features) with batchFirst; two directions side by side.

    With `rememberStates`, Torch7 goes on from where the last sequence ended; a call here begins with zeros.
    """
    module.ignore("hx", "cx", "hy", "cy", "hiddenInput", "cellInput", "hiddenOutput", "cellOutput")
    if module.get("inputMode") not in (None, "CUDNN_LINEAR_INPUT"):
        raise module.fail("inputMode must be CUDNN_LINEAR_INPUT; others are not supported")
    mode = module.get("mode")
    if not isinstance(mode, str) or mode not in _MODES:
        raise module.fail(f"field mode must be one of {', '.join(_MODES)}")
    order, make = _MODES[mode]
    units = module.integer("hiddenSize", low=1, high=MAX_FEATURES)
    layers = module.integer("numLayers", low=1, high=MAX_LAYERS)
    directions = module.integer("numDirections", 1, low=1, high=2)
    inputs = module.integer("inputSize", low=1, high=MAX_FEATURES)
    columns = np.concatenate([np.arange(gate * units, (gate + 1) * units) for gate in order])
    shapes = [
        (len(order) * units, inputs if layer == 0 else directions * units)
        for layer in range(layers)
        for _ in range(directions)
    ]
    weights = [
        _for_keras(parts, columns, separate_biases=mode == "CUDNN_GRU") for parts in _parts(module, shapes, units)
    ]

    def sequence(x: KerasTensor) -> KerasTensor:
        for layer in range(layers):
            made = []
            for direction in range(directions):
                number = layer * directions + direction
                turned = x if direction == 0 else ops.flip(x, axis=1)
                y = context.apply(
                    module, turned, partial(make, units, return_sequences=True), weights[number], part=f"{number}"
                )
                made.append(y if direction == 0 else ops.flip(y, axis=1))
            x = made[0] if directions == 1 else ops.concatenate(made, axis=-1)
        return x

    return over_sequence(module, cell, sequence, module.flag("batchFirst"))


def _parts(module: Module, shapes: list[tuple[int, int]], units: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield for each layer and direction the kernel, the recurrent kernel and both biases, as they are stored.

    First come both kernels of all, in the order of `shapes` (rows, columns of the first kernel), then the biases.
    """
    row = module.required_array("weight").ravel()
    sizes = [size for rows, columns in shapes for size in (rows * columns, rows * units)]
    sizes += [rows for rows, _ in shapes for _ in range(2)]
    if row.size != sum(sizes):
        raise module.fail(f"weight has {row.size} numbers, {sum(sizes)} are needed")
    pieces = np.split(row, list(itertools.accumulate(sizes))[:-1])
    biases = pieces[2 * len(shapes) :]
    for number, (rows, columns) in enumerate(shapes):
        kernel, fed = pieces[2 * number : 2 * number + 2]
        yield kernel.reshape(rows, columns), fed.reshape(rows, units), *biases[2 * number : 2 * number + 2]


def _for_keras(parts: tuple[np.ndarray, ...], columns: np.ndarray, *, separate_biases: bool) -> list[np.ndarray]:
    kernel, fed, bias, fed_bias = (part[columns] for part in parts)
    return [kernel.T, fed.T, np.stack([bias, fed_bias]) if separate_biases else bias + fed_bias]
