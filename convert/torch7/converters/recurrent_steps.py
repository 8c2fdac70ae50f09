"""Single steps of LSTM and GRU of the package torch/rnn, and attention that looks where the last step tells it to."""

from __future__ import annotations

import math

import numpy as np
from keras import KerasTensor, ops

from convert.torch7.context import Context
from convert.torch7.converters.recurrent import MAX_FEATURES, MAX_NUMBERS, MAX_STEPS, take_step
from convert.torch7.file.values import LuaTable
from convert.torch7.module import Module
from convert.torch7.registry import converts_values
from convert.torch7.symbolic_values import Cell, Value


@converts_values("nn.StepLSTM")
def lstm_step(module: Module, value: Value, context: Context) -> Value:
    """Output and cell of {input, last output, last cell}, each (batch, features); gates in the order i, f, o, g.

    With `weightO` it is multiplied by the products of output gate and tanh(cell), as in nn.SeqLSTMP.
    """
    module.ignore("gates", "hidden", *_OLD_BUFFERS)
    x, output, state = module.cells(value, 3)
    weight, bias = _weights(module, x, output, gates=4)
    given = ops.concatenate([x.source(), output.source()], axis=-1)
    gates = ops.matmul(given, context.parameter(module, given, "weight", weight))
    parts = ops.split(gates + context.parameter(module, given, "bias", bias), 4, axis=-1)
    entry, kept, shown = (ops.sigmoid(part) for part in parts[:3])
    cell = kept * state.source() + entry * ops.tanh(parts[3])
    made = shown * ops.tanh(cell)
    if module.get("weightO") is not None:
        made = ops.matmul(made, context.parameter(module, made, "weightO"))
    return [x.from_source(_masked(module, x, tensor)) for tensor in (made, cell)]


@converts_values("nn.StepGRU")
def gru_step(module: Module, value: Value, context: Context) -> Value:
    """The output of {input, last output}, each (batch, features); gates in the order r, u, c."""
    module.ignore("gates")
    x, last = module.cells(value, 2)
    weight, bias = _weights(module, x, last, gates=3)
    units = module.integer("outputsize", low=1, high=MAX_FEATURES)
    features = len(weight) - units
    source, output = x.source(), last.source()
    fed = context.parameter(module, source, "weight", weight[:features])
    back = context.parameter(module, source, "recurrent_weight", weight[features:])
    given = ops.matmul(source, fed) + context.parameter(module, source, "bias", bias)
    gates = ops.sigmoid(given[..., : 2 * units] + ops.matmul(output, back[:, : 2 * units]))
    reset, update = ops.split(gates, 2, axis=-1)
    candidate = ops.tanh(given[..., 2 * units :] + ops.matmul(reset * output, back[:, 2 * units :]))
    return x.from_source(_masked(module, x, (1 - update) * candidate + update * output))


# Work space of the first version of nn.StepLSTM.
_OLD_BUFFERS = ("input_gate", "forget_gate", "output_gate", "input_transform", "Wx", "Wh")


def _weights(module: Module, x: Cell, output: Cell, gates: int) -> tuple[np.ndarray, np.ndarray]:
    """Return weight (features + outputs, gates x units) and bias, and check that they fit the input."""
    weight, bias = module.required_array("weight"), module.required_array("bias").ravel()
    units = module.integer("outputsize", low=1, high=MAX_FEATURES)
    units = module.integer("hiddensize", units, low=1, high=MAX_FEATURES)
    given = (x.sizes[-1] or 0) + (output.sizes[-1] or 0)
    if weight.shape != (given, gates * units) or bias.size != gates * units:
        raise module.fail(f"weight of shape {weight.shape}, bias {bias.shape} for {given} inputs, {units} units")
    return weight, bias


def _masked(module: Module, x: Cell, made: KerasTensor) -> KerasTensor:
    """Return zeros for samples of zeros, with maskzero."""
    if not module.flag("maskzero") or module.get("zeroMask") is False:
        return made
    return ops.where(ops.any(ops.not_equal(x.source(), 0), axis=-1, keepdims=True), made, 0.0)


@converts_values("nn.RecLSTM")
def recurrent_lstm(module: Module, value: Value, context: Context) -> Value:
    """One step of an nn.StepLSTM inside, which gets what it made in the last one: zeros in the first."""
    module.ignore("prev_h0", "prev_c0", "zeroOutput", "zeroCell", "cell")
    outputs = module.integer("outputsize", low=1, high=MAX_FEATURES)
    units = module.integer("hiddensize", outputs, low=1, high=MAX_FEATURES)
    return take_step(module, value, (outputs, units), context)


@converts_values("nn.RecGRU")
def recurrent_gru(module: Module, value: Value, context: Context) -> Value:
    """One step of an nn.StepGRU inside, which gets its last output: zeros in the first step."""
    module.ignore("zeroOutput", "prev_h0")
    return take_step(module, value, (module.integer("outputsize", low=1, high=MAX_FEATURES),), context)


@converts_values("nn.RecurrentAttention")
def recurrent_attention(module: Module, value: Value, context: Context) -> Value:
    """A table of steps of `rnn`, each of {input, what `action` makes of the last output}: zeros before the first."""
    cell = module.single(value)
    rnn, action = (module.child(module.get(name), name) for name in ("rnn", "action"))
    count = module.integer("nStep", low=1, high=MAX_STEPS)
    before = context.begin_sequence()
    try:
        last: Value = _hidden_zeros(module, cell)
        outputs: list[Value] = []
        for _ in range(count):
            where = context.convert(action, last)
            last = context.convert(rnn, [cell, where])
            outputs.append([last, where] if module.flag("forwardActions") else last)
        return outputs
    finally:
        context.end_sequence(before)


def _hidden_zeros(module: Module, cell: Cell) -> Cell:
    """Return zeros of `hiddenSize` for each sample of the input."""
    sizes = module.get("hiddenSize")
    numbers = sizes.sequence() if isinstance(sizes, LuaTable) else []
    if not numbers or not all(isinstance(n, int) and n >= 1 for n in numbers) or math.prod(numbers) > MAX_NUMBERS:
        raise module.fail(f"field hiddenSize holds {numbers}, expected sizes of at most {MAX_NUMBERS} numbers")
    zeros = ops.zeros_like(cell.source())
    while len(zeros.shape) > 1:
        zeros = zeros[..., 0]
    for size in numbers:
        zeros = ops.repeat(ops.expand_dims(zeros, -1), size, axis=-1)
    return cell.from_source(zeros)
