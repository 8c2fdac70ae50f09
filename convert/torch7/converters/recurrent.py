"""Recurrent modules of Torch7's rnn and torch-rnn: whole sequences as Keras layers, tables of steps as plain steps.

A step module that keeps its state between steps gets it from the context; it begins with zeros.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from convert.torch7.context import Context
from convert.torch7.file.values import LuaTable, TorchObject, TorchStorage
from convert.torch7.module import Module
from convert.torch7.registry import converts, converts_values
from convert.torch7.symbolic_values import Cell, Slices, Value
from layers import FoldAxes, ProjectedLSTMCell, ResettingCell, UnfoldAxes

MAX_FEATURES = 2**20
MAX_STEPS = 1024
MAX_STATES = 100
MAX_NUMBERS = 2**24

# What nn.SeqLSTM and nn.SeqGRU leave in a file beside the weights; g, v, norm and scale make these in training.
SEQUENCE_STATES = ("h0", "c0", "next_h", "cell", "gates", "hidden", "buffer1", "buffer3", "g", "v", "norm", "scale")


@converts("nn.SeqLSTM", "nn.SeqLSTM_WN")
def sequence_lstm(module: Module, cell: Cell, context: Context) -> Cell:
    """LSTM over (time, batch, features), or (batch, time, features) with batchfirst; gates in the order i, f, o, g.

    The newest class is that of nn.SeqLSTMP too. Normalised weights (WN) are in the file as evaluation uses them.
    """
    if module.get("weightO") is not None:
        return projected_lstm(module, cell, context)
    module.ignore(*SEQUENCE_STATES)
    units = module.integer("outputsize", low=1, high=MAX_FEATURES)
    weights = _sequence_weights(module, (0, 1, 3, 2), units, "inputsize")
    make = _maker(module, keras.layers.LSTM(units, return_sequences=True))
    batch_first = module.flag("batchfirst")
    return over_sequence(module, cell, lambda x: context.apply(module, x, make, weights), batch_first)


@converts("nn.SeqLSTMP")
def projected_lstm(module: Module, cell: Cell, context: Context) -> Cell:
    """As nn.SeqLSTM, with a matrix that makes the output of cells of another size."""
    module.ignore(*SEQUENCE_STATES)
    units, outputs = (module.integer(name, low=1, high=MAX_FEATURES) for name in ("hiddensize", "outputsize"))
    weights = _sequence_weights(module, (0, 1, 3, 2), units, "inputsize", outputs)
    projection = module.required_array("weightO")
    make = _maker(module, keras.layers.RNN(ProjectedLSTMCell(units, outputs), return_sequences=True))
    batch_first = module.flag("batchfirst")
    return over_sequence(module, cell, lambda x: context.apply(module, x, make, [*weights, projection]), batch_first)


@converts("nn.SeqGRU", "nn.SeqGRU_WN")
def sequence_gru(module: Module, cell: Cell, context: Context) -> Cell:
    """GRU over (time, batch, features), or (batch, time, features) with batchfirst; gates in the order r, u, c."""
    module.ignore(*SEQUENCE_STATES)
    size = "Size" if module.get("outputSize") is not None else "size"  # the package torch/rnn writes it small
    units = module.integer(f"output{size}", low=1, high=MAX_FEATURES)
    weights = _sequence_weights(module, (1, 0, 2), units, f"input{size}")
    make = _maker(module, keras.layers.GRU(units, return_sequences=True, reset_after=False))
    batch_first = module.flag("batchfirst")
    return over_sequence(module, cell, lambda x: context.apply(module, x, make, weights), batch_first)


def _maker(module: Module, layer: keras.layers.RNN) -> Callable[[], keras.layers.RNN]:
    """Return what gives the layer, or with maskzero one that forgets its state at inputs of zeros."""
    if module.flag("maskzero"):
        return lambda: keras.layers.RNN(ResettingCell(layer.cell), return_sequences=True)
    return lambda: layer


def _sequence_weights(
    module: Module, order: tuple[int, ...], units: int, size_name: str, outputs: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return kernel, recurrent kernel and bias with the gates in Keras' order; there are `units` outputs or others."""
    features = module.integer(size_name, low=1, high=MAX_FEATURES)
    weight, bias = module.required_array("weight"), module.required_array("bias").ravel()
    if weight.shape != (features + (outputs or units), len(order) * units) or bias.size != len(order) * units:
        raise module.fail(f"weight of shape {weight.shape}, bias {bias.shape} for {features} inputs, {units} units")
    columns = np.concatenate([np.arange(gate * units, (gate + 1) * units) for gate in order])
    weight = np.ascontiguousarray(weight[:, columns])
    return weight[:features], weight[features:], bias[columns]


def over_sequence(module: Module, cell: Cell, layer: Any, batch_first: bool) -> Cell:
    """Apply a Keras layer of (batch, time, features) to a sequence.

    Where Torch7 runs the network without a batch dimension, each sample is a batch of sequences: all sequences are one
    batch for the layer.
    """
    if cell.rank != 3:
        order = "batch x time" if batch_first else "time x batch"
        raise module.fail(f"takes {order} x features, but its input has the sizes {cell.sizes}")
    made = _apply_to_rows(layer, cell.source() if batch_first else _with_rows_first(cell))
    return cell.from_source(made) if batch_first else cell.from_source(_with_rows_first(cell.from_source(made)))


def _with_rows_first(cell: Cell) -> KerasTensor:
    """Return a sequence in Torch7's order with time and batch exchanged."""
    return ops.swapaxes(cell.source(), -3, -2)


def _apply_to_rows(layer: Any, x: KerasTensor) -> KerasTensor:
    return layer(x) if len(x.shape) == 3 else UnfoldAxes(2)([layer(FoldAxes(2)(x)), x])


# torch-rnn's layers: where in the file's order Keras' gates stand, and the layer.
_TORCH_RNN: dict[str, tuple[tuple[int, ...], Callable[..., keras.layers.RNN]]] = {
    "nn.VanillaRNN": ((0,), keras.layers.SimpleRNN),
    "nn.LSTM": ((0, 1, 3, 2), keras.layers.LSTM),
    "nn.GRU": ((0, 1, 2), partial(keras.layers.GRU, reset_after=False)),
}


@converts("nn.VanillaRNN")
def torch_rnn_sequence(module: Module, cell: Cell, context: Context) -> Cell:
    """torch-rnn's layers over (batch, time, features): nn.VanillaRNN, nn.LSTM (gates i, f, o, g), nn.GRU (u, r, c).

    With `remember_states`, Torch7 goes on from where the last sequence ended; a call here begins with zeros.
    """
    module.ignore("h0", "c0", "cell", "gates", "buffer1", "buffer2", "buffer3")
    order, layer = _TORCH_RNN[module.type_name]
    units = module.integer("hidden_dim", low=1, high=MAX_FEATURES)
    weights: Sequence[np.ndarray] = _sequence_weights(module, order, units, "input_dim")
    if module.type_name == "nn.GRU":  # its update gate says how much is new, Keras' how much stays
        weights = [np.concatenate([-w[..., :units], w[..., units:]], axis=-1) for w in weights]
    make = _maker(module, layer(units, return_sequences=True))
    return over_sequence(module, cell, lambda x: context.apply(module, x, make, weights), True)


@converts_values("nn.LanguageModel")
def language_model(module: Module, value: Value, context: Context) -> Value:
    """torch-rnn's network of tokens (batch, time); its views, of other sizes in each run, fold these two and unfold."""
    tokens = module.single(value)
    if tokens.frame.hidden or tokens.rank != 2:
        raise module.fail(f"takes batch x time, its input has the sizes {tokens.sizes}")
    if module.get("net") is None:
        raise module.fail("is another class than torch-rnn's of this name; a part of it can be selected with `entry`")
    folds, unfolds = (_views(module, *names) for names in (("view1", "bn_view_in"), ("view2", "bn_view_out")))
    for child in module.child(module.get("net"), "net").children():
        if child.source in folds:
            cell = module.single(value)
            value = cell.from_source(FoldAxes(2)(cell.source()))
        elif child.source in unfolds:
            cell = module.single(value)
            value = cell.from_source(UnfoldAxes(2)([cell.source(), tokens.source()]))
        else:
            value = context.convert(child, value)
    return value


def _views(module: Module, *names: str) -> list[Any]:
    """Return the modules that stand in fields, or in tables in them."""
    fields = [module.get(name) for name in names]
    return [item for field in fields for item in (field.sequence() if isinstance(field, LuaTable) else [field])]


@converts("nn.SeqReverseSequence")
def reverse_sequence(module: Module, cell: Cell) -> Cell:
    """The steps of a sequence, the last one first."""
    dimension = module.integer("dim", 1, low=1)
    return cell.from_source(ops.flip(cell.source(), axis=cell.source_axis(dimension)))


@converts_values("nn.Sequencer")
def sequencer(module: Module, value: Value, context: Context) -> Value:
    """A module applied to each step of a sequence: a table, or the slices along the first dimension of a tensor."""
    child = _inner(module)
    if not isinstance(value, Cell):
        return _steps(child, module.table(value), context)
    length = value.sizes[0]
    if length is None:
        raise module.fail("takes a tensor of steps; give the number of steps as `input_shape`")
    slices = Slices(value, 1)
    results = module.cells(_steps(child, [slices.item(i) for i in range(length)], context))
    axis = value.frame.hidden
    return value.from_source(ops.stack([cell.source() for cell in results], axis=axis))


def _inner(module: Module) -> Module:
    inner = module.get("module")
    if isinstance(inner, TorchObject):
        return module.child(inner, "module")
    return module.children()[0]


def _steps(child: Module, steps: list[Value], context: Context) -> list[Value]:
    """Run a module over the steps; what it remembers begins and ends with them."""
    before = context.begin_sequence()
    try:
        return [context.convert(child, step) for step in steps]
    finally:
        context.end_sequence(before)


@converts_values("nn.ReverseSequence")
def reverse_steps(module: Module, value: Value) -> Value:
    """The steps of a sequence, the last one first: of a table, or along the first dimension of a tensor."""
    if not isinstance(value, Cell):
        return module.table(value)[::-1]
    return value.from_source(ops.flip(value.source(), axis=value.source_axis(1)))


@converts_values("nn.Recursor", "nn.BiSequencer", "nn.SeqBRNN", "nn.SeqBLSTM", "nn.SeqBGRU", "nn.ReverseUnreverse")
def recursor(module: Module, value: Value, context: Context) -> Value:
    """The module inside, which remembers by itself; those of two directions are made of modules of one."""
    return context.convert(_inner(module), value)


@converts_values("nn.BiSequencerLM")
def language_sequencer(module: Module, value: Value, context: Context) -> Value:
    """Each step gets what is made of the steps before it, and of those after it; zeros where there are none."""
    forward, backward, merge = module.children()
    steps = module.table(value)
    if len(steps) < 2:
        raise module.fail(f"takes a table of at least 2 steps, but its input has {len(steps)}")
    before = module.cells(context.convert(forward, steps[:-1]))
    after = module.cells(context.convert(backward, steps[1:]))
    first, last = (cell.like(ops.zeros_like(cell.tensor)) for cell in (before[0], after[-1]))
    return context.convert(merge, [[first, *before], [*after, last]])


@converts_values("nn.FastLSTM", "nn.LSTM")
def lstm(module: Module, value: Value, context: Context) -> Value:
    """One step: the module inside makes output and cell of input, last output and last cell.

    torch-rnn's class of the same name takes whole sequences.
    """
    cell = module.single(value)
    if module.get("hidden_dim") is not None:
        return torch_rnn_sequence(module, cell, context)
    _ignore_states(module)
    units = module.integer("outputSize", low=1, high=MAX_FEATURES)
    return take_step(module, value, (units, units), context)


@converts_values("nn.GRU", "nn.MuFuRu")
def gru(module: Module, value: Value, context: Context) -> Value:
    """One step: the module inside makes the output of input and last output; torch-rnn's takes whole sequences."""
    cell = module.single(value)
    if module.get("hidden_dim") is not None:
        return torch_rnn_sequence(module, cell, context)
    _ignore_states(module)
    return take_step(module, value, (module.integer("outputSize", low=1, high=MAX_FEATURES),), context)


def take_step(module: Module, value: Value, features: Sequence[int], context: Context) -> Value:
    """Return the output of the module inside, which takes the input and what it made last: an output, or two values.

    Args:
        module: a cell of one step.
        value: the input.
        features: sizes of the output and, of an LSTM, of its cell; both are zeros before the first step.
        context: of the network.
    """
    cell = module.single(value)
    last = context.recall(module, [context.zeros(cell, size) for size in features])
    found = context.convert(step_module(module), [value, *last])
    made = [found] if len(features) == 1 else module.pair(found)
    context.remember(module, made)
    return made[0]


@converts_values("nn.Recurrent")
def recurrent(module: Module, value: Value, context: Context) -> Value:
    """One step of input and last output; the first one has a module of its own."""
    _ignore_states(module)
    last = context.recall(module, [])
    if last:
        made = context.convert(module.child(module.get("recurrentModule"), "recurrentModule"), [value, last[0]])
    else:
        made = context.convert(module.child(module.get("initialModule"), "initialModule"), value)
    context.remember(module, [made])
    return made


def _ignore_states(module: Module) -> None:
    module.ignore("zeroTensor", "typeTensor", "cell", "userPrevOutput", "userPrevCell")


def step_module(module: Module) -> Module:
    """Return what a module that remembers applies in each step; the package torch/rnn keeps it as its only child."""
    if module.get("recurrentModule") is not None:
        return module.child(module.get("recurrentModule"), "recurrentModule")
    return module.children()[0]


@converts_values("nn.Repeater")
def repeater(module: Module, value: Value, context: Context) -> Value:
    """The module inside applied to the same input again and again: a table of steps."""
    count = "rho" if module.get("rho") is not None else "seqlen"
    return _steps(_inner(module), [value] * module.integer(count, low=1, high=MAX_STEPS), context)


@converts_values("nn.Recurrence", "nn.LinearRNN", "nn.LookupRNN")
def recurrence(module: Module, value: Value, context: Context) -> Value:
    """One step: the module inside makes the output of input and last output, of which the first is zeros."""
    _ignore_states(module)
    cell = value if isinstance(value, Cell) else module.leaves(value)[0]
    (output,) = context.recall(module, [_zero_state(module, cell, module.get("outputSize"), iter(range(MAX_STATES)))])
    made = context.convert(step_module(module), [value, output])
    context.remember(module, [made])
    return made


def _zero_state(module: Module, cell: Cell, sizes: Any, left: Iterator[int]) -> Value:
    """Return zeros of the given sizes for each sample of the input `cell`, or a table of them for a table of sizes.

    `left` bounds how many: tables can hold one table many times over.
    """
    if next(left, None) is None:
        raise module.fail(f"field outputSize has more than {MAX_STATES} sizes")
    if isinstance(sizes, LuaTable) and any(isinstance(inner, LuaTable | TorchStorage) for inner in sizes.values()):
        return [_zero_state(module, cell, inner, left) for inner in sizes.sequence()]
    numbers = sizes.array.tolist() if isinstance(sizes, TorchStorage) else []
    numbers = sizes.sequence() if isinstance(sizes, LuaTable) else numbers
    if not numbers or not all(isinstance(n, int) and n >= 1 for n in numbers) or math.prod(numbers) > MAX_NUMBERS:
        raise module.fail(f"field outputSize holds {numbers}, expected sizes of at most {MAX_NUMBERS} numbers")
    zeros = ops.zeros_like(cell.source())
    for _ in range(module.integer("nInputDim", low=0, high=cell.rank)):
        zeros = zeros[..., 0]
    for size in numbers:
        zeros = ops.repeat(ops.expand_dims(zeros, -1), size, axis=-1)
    return cell.from_source(zeros)


@converts_values("nn.MaskZero", "nn.TrimZero")
def mask_zero(module: Module, value: Value, context: Context) -> Value:
    """Samples of zeros in the input give samples of zeros in the output."""
    first = value if isinstance(value, Cell) else module.leaves(value)[0]
    rank = module.integer("nInputDim", 1, low=1, high=first.rank)
    kept = ops.any(ops.not_equal(first.source(), 0), axis=list(range(-rank, 0)))
    return _masked(module, context.convert(_inner(module), value), kept)


def _masked(module: Module, value: Value, kept: KerasTensor) -> Value:
    if not isinstance(value, Cell):
        return [_masked(module, item, kept) for item in module.table(value)]
    source = value.source()
    while len(kept.shape) < len(source.shape):
        kept = ops.expand_dims(kept, -1)
    return value.from_source(ops.where(kept, source, 0.0))
