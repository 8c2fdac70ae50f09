"""Shapes around the recurrent layers of BVLC Caffe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convert.caffe.network import LayerError
from convert.caffe.shapes import Shape, Shapes, agree, count, shape_rule, written

# Of each type: numbers of gates and of states.
GATES = {"LSTM": 4, "RNN": 1}
STATES = {"LSTM": 2, "RNN": 1}
MAX_UNITS = 2**16


@shape_rule("LSTM", "RNN", bottoms=range(2, 6), tops=range(1, 4))
def recurrent(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Replace the features of time x sequences x features; the states are 1 x sequences x units.

    Bottoms are the steps, `cont` (time x sequences), features that are the same at all steps (sequences x features),
    which may be missing, and with expose_hidden the first states; tops the results, and the last states.
    """
    units, states = layer.recurrent_param.num_output, exposed_states(layer)
    if not 1 <= units <= MAX_UNITS:
        raise LayerError(f"num_output {units} must be from 1 to {MAX_UNITS}")
    if len(bottoms) - states not in (2, 3) or len(layer.top) != 1 + states:
        needed = f"{2 + states} or {3 + states} and {1 + states}"
        raise LayerError(f"has {len(bottoms)} bottoms and {len(layer.top)} tops; {needed} are needed")
    steps, going_on = bottoms[:2]
    if len(steps) < 3 or not agree(going_on, steps[:2]):
        raise LayerError(
            f"{written(steps)} and {written(going_on)} are not time x sequences x features and time x sequences"
        )
    sequences = steps[1]
    state: Shape = (1, sequences, units)
    if any(not agree(given, state) for given in bottoms[len(bottoms) - states :]):
        raise LayerError(f"the first states must be {written(state)}")
    static = bottoms[2 : len(bottoms) - states]
    if any(len(shape) < 2 or not agree(shape[:1], (sequences,)) for shape in static):
        raise LayerError(f"the third bottom, {written(static[0])}, must be sequences x features")
    return Shapes([(steps[0], sequences, units), *[state] * states], _parameters(layer, steps, static, units))


@shape_rule("Lstm")
def lstm_from_zeros(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Replace the features of time x sequences x features; weights are those of inputs, of last outputs, offsets."""
    units, steps = layer.lstm_param.num_output, bottoms[0]
    if not 1 <= units <= MAX_UNITS:
        raise LayerError(f"num_output {units} must be from 1 to {MAX_UNITS}")
    if len(steps) != 3:
        raise LayerError(f"needs a blob of time x sequences x features, not {written(steps)}")
    rows = GATES["LSTM"] * units
    return Shapes([(*steps[:2], units)], [(rows, count(steps[2:])), (rows, units), (rows,)])


def exposed_states(layer: Any) -> int:
    """Return how many states are bottoms and tops of a layer."""
    return STATES[layer.type] if layer.recurrent_param.expose_hidden else 0


def _parameters(layer: Any, steps: Shape, static: Sequence[Shape], units: int) -> list[Shape]:
    """Return the shapes in Caffe's order: of the steps with offsets, the static features, the states, RNN's results."""
    rows = GATES[layer.type] * units
    inputs: list[Shape] = [(rows, count(steps[2:])), (rows,), *((rows, count(shape[1:])) for shape in static)]
    results: list[Shape] = [(units, units), (units,)] if layer.type == "RNN" else []
    return [*inputs, (rows, units), *results]
