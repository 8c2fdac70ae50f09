"""Networks as torch-rnn and char-rnn save them, with random weights, and what PyTorch makes of their input."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F

from convert.torch7.file.values import TorchObject
from support.torch7_writer import module, sequential, sizes, table, tensor

VOCABULARY, FEATURES, UNITS = 7, 5, 4
GATES = {"nn.VanillaRNN": 1, "nn.LSTM": 4, "nn.GRU": 3}


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return 0.5 * np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def recurrent_layer(kind: str, inputs: int = FEATURES, seed: int = 0) -> TorchObject:
    """Return a layer of torch-rnn with the fields that it has after a run."""
    gates = GATES[kind]
    return module(
        kind,
        input_dim=inputs,
        hidden_dim=UNITS,
        weight=tensor(numbers(inputs + UNITS, gates * UNITS, seed=seed)),
        bias=tensor(numbers(gates * UNITS, seed=seed + 1)),
        h0=tensor(numbers(3, UNITS)),
        c0=tensor(numbers(3, UNITS)),
        cell=tensor(numbers(3, 2, UNITS)),
        gates=tensor(numbers(3, 2, gates * UNITS)),
        buffer1=tensor(numbers(3, UNITS)),
        remember_states=True,
    )


def projected_lstm(inputs: int, units: int, outputs: int) -> TorchObject:
    """Return rnn's nn.SeqLSTMP with the fields that it has after a run."""
    return module(
        "nn.SeqLSTMP",
        inputsize=inputs,
        hiddensize=units,
        outputsize=outputs,
        weight=tensor(numbers(inputs + outputs, 4 * units)),
        bias=tensor(numbers(4 * units, seed=1)),
        weightO=tensor(numbers(units, outputs, seed=2)),
        next_h=tensor(numbers(2, outputs)),
        _hidden=tensor(numbers(6, 2, units)),
    )


def run_layer(layer: TorchObject, x: torch.Tensor) -> torch.Tensor:
    """Return what a layer makes of (batch, time, features), by the lines of torch-rnn's updateOutput."""
    weight, bias = (torch.tensor(layer.get(name).array) for name in ("weight", "bias"))
    fed, size = weight[x.shape[2] :], UNITS
    h = c = torch.zeros(len(x), UNITS)
    outputs = []
    for step in x.unbind(1):
        a = step @ weight[: x.shape[2]] + bias
        if layer.type_name == "nn.GRU":
            u, r = (a[:, : 2 * size] + h @ fed[:, : 2 * size]).sigmoid().split(size, 1)
            h = (1 - u) * h + u * (a[:, 2 * size :] + (r * h) @ fed[:, 2 * size :]).tanh()
        elif layer.type_name == "nn.LSTM":
            i, f, o, g = (a + h @ fed).split(size, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        else:
            h = (a + h @ fed).tanh()
        outputs.append(h)
    return torch.stack(outputs, 1)


# Types of cudnn.torch: the mode in the file, PyTorch's class of the same layer, and the number of directions.
CUDNN_LAYERS = {
    "cudnn.RNN": ("CUDNN_RNN_RELU", partial(torch.nn.RNN, nonlinearity="relu"), 1),
    "cudnn.RNNReLU": ("CUDNN_RNN_RELU", partial(torch.nn.RNN, nonlinearity="relu"), 1),
    "cudnn.RNNTanh": ("CUDNN_RNN_TANH", torch.nn.RNN, 1),
    "cudnn.LSTM": ("CUDNN_LSTM", torch.nn.LSTM, 1),
    "cudnn.GRU": ("CUDNN_GRU", torch.nn.GRU, 1),
    "cudnn.BLSTM": ("CUDNN_LSTM", torch.nn.LSTM, 2),
    "cudnn.BGRU": ("CUDNN_GRU", torch.nn.GRU, 2),
}


def cudnn_network(kind: str, layers: int = 2) -> torch.nn.RNNBase:
    """Return PyTorch's layers of `kind` with random weights, over (time, batch, features)."""
    torch.manual_seed(3)
    _, make, directions = CUDNN_LAYERS[kind]
    return make(FEATURES, UNITS, layers, bidirectional=directions == 2)


def cudnn_layer(kind: str, layers: int = 2, **fields: object) -> TorchObject:
    """Return cudnn_network(kind) as cudnn.torch saves it: in cuDNN's row all matrices stand before all biases."""
    mode, _, directions = CUDNN_LAYERS[kind]
    parts = list(cudnn_network(kind, layers).named_parameters())
    row = [value for name, value in parts if "weight" in name] + [value for name, value in parts if "bias" in name]
    return module(
        kind,
        mode=mode,
        inputMode="CUDNN_LINEAR_INPUT",
        inputSize=FEATURES,
        hiddenSize=UNITS,
        seqLength=1,
        miniBatch=1,
        numLayers=layers,
        numDirections=directions,
        bidirectional="CUDNN_BIDIRECTIONAL" if directions == 2 else "CUDNN_UNIDIRECTIONAL",
        dropout=0.5,
        weight=tensor(torch.cat([value.detach().ravel() for value in row]).numpy()),
        hx=tensor(numbers(2, 3, UNITS)),
        **fields,
    )


def _view(*values: int, rank: int) -> TorchObject:
    return module("nn.View", size=sizes(*values), numElements=1, numInputDims=rank)


WORDS = numbers(VOCABULARY, FEATURES, seed=3)
LAYERS = recurrent_layer("nn.LSTM", seed=4), recurrent_layer("nn.LSTM", UNITS, seed=6)
NORMALIZATION = module(
    "nn.BatchNormalization", running_mean=tensor(numbers(UNITS, seed=8)), running_var=tensor(np.ones(UNITS)), eps=1e-5
)
SCORES = module("nn.Linear", weight=tensor(numbers(VOCABULARY, UNITS, seed=9)), bias=tensor(numbers(VOCABULARY)))


def language_model() -> TorchObject:
    """Return torch-rnn's network; its views have the sizes of its last run: a batch of one, 40 steps."""
    inside = _view(40, -1, rank=3), _view(1, 40, -1, rank=2)
    last = _view(40, -1, rank=3), _view(1, 40, -1, rank=2)
    chain = (
        module("nn.LookupTable", weight=tensor(WORDS)),
        LAYERS[0],
        inside[0],
        NORMALIZATION,
        inside[1],
        module("nn.Dropout", p=0.5, v2=True),
        LAYERS[1],
        last[0],
        SCORES,
        last[1],
    )
    return module(
        "nn.LanguageModel",
        net=sequential(*chain),
        rnns=table(*LAYERS),
        view1=last[0],
        view2=last[1],
        bn_view_in=table(inside[0]),
        bn_view_out=table(inside[1]),
        idx_to_token=table("a", "b"),
        rnn_size=UNITS,
    )


def run_language_model(tokens: np.ndarray) -> torch.Tensor:
    """Return the scores of language_model() for tokens (batch, time), counted from 1."""
    x = F.embedding(torch.tensor(tokens) - 1, torch.tensor(WORDS))
    mean = torch.tensor(NORMALIZATION.get("running_mean").array)
    x = (run_layer(LAYERS[0], x) - mean) / (1 + 1e-5) ** 0.5
    return F.linear(run_layer(LAYERS[1], x), *(torch.tensor(SCORES.get(name).array) for name in ("weight", "bias")))
