"""Planning the strips of a picture under a memory bound: which maps are kept, and where."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod

from strips.cut import Cut, Stage
from strips.graph import ITEM_BYTES, Call, Graph, Tensor
from strips.program import Program
from strips.rows import maps_of

# Rows of the picture in a strip, at most and at least. More than the most are not faster.
MAX_ROWS, MIN_ROWS = 256, 16
# The share of the memory that the strips may take; kept maps have the rest.
STRIP_SHARE = 0.75
# What a strip takes beyond its maps: copies at the borders of the backend, and the backend's own buffers.
OVERHEAD = 1.3
# The same of a network over a whole picture, for the largest input and output of a layer.
WHOLE_OVERHEAD = 2.4
# Rough speeds by which the plan weighs computing a map again against keeping it: multiplications and additions a
# second; bytes a second of passes over maps, of kept maps in memory, and in files.
FLOPS, PASS_SPEED, MEMORY_SPEED, FILE_SPEED = 2.5e11, 4e9, 3e9, 5e8


class TooLittleMemoryError(Exception):
    """Not even the lowest strips fit.

    Attributes:
        needed: bytes that would do.
    """

    def __init__(self, needed: int) -> None:
        super().__init__(f"strips of {MIN_ROWS} rows take {needed / 1e9:.2f} GB")
        self.needed = needed


@dataclass(frozen=True)
class Plan:
    """What is kept, and how high the strips are.

    Attributes:
        rows: how many rows of the picture a strip has.
        stored: kept maps, and whether each is in a file; the others are computed again where they are needed.
        memory: bytes that the strips and the maps in memory take at most.
        file_bytes: of the maps in files, at most at a time.
        seconds: a rough estimate of the work, by which plans are compared.
    """

    rows: int
    stored: Mapping[Tensor, bool]
    memory: int
    file_bytes: int
    seconds: float


def make_plan(cut: Cut, memory: int) -> Plan:
    """Choose the height of strips and the maps to keep.

    The maps that may be kept are those that are summed up and those that join others. Each is kept unless computing it
    again, wherever it is needed, is quicker than writing and reading it.

    Args:
        cut: the network for one size of pictures.
        memory: bytes for strips and kept maps.

    Raises:
        TooLittleMemoryError: not even the lowest strips fit.
    """
    stored = _candidates(cut)
    rows = _strip_rows(cut, stored, int(memory * STRIP_SHARE), memory)
    strip_bytes = _strip_bytes(cut, stored, rows)
    best = _evaluate(cut, stored, memory - strip_bytes)
    for tensor in sorted(stored, key=_bytes, reverse=True):
        other = _evaluate(cut, best.stored.keys() - {tensor}, memory - strip_bytes)
        if other.seconds < best.seconds:
            best = other
    strip_bytes = _strip_bytes(cut, best.stored.keys(), rows)
    return Plan(rows, best.stored, best.memory + strip_bytes, best.file_bytes, best.seconds)


def _candidates(cut: Cut) -> set[Tensor]:
    joins = [call.outputs[0] for call in cut.rules if len(maps_of(call)) > 1 and len(cut.sources(call)) > 1]
    targets = [stage.target for stage in cut.stages]
    return {*targets, *joins} - {cut.graph.input, cut.graph.output}


def _bytes(tensor: Tensor) -> int:
    return tensor.height * tensor.row_bytes


def _strip_rows(cut: Cut, stored: Collection[Tensor], share: int, memory: int) -> int:
    """Return the most rows of the picture whose strips take no more than a `share` of the memory."""
    most = min(MAX_ROWS, -(-cut.graph.input.height // MIN_ROWS) * MIN_ROWS)
    heights = range(most, 0, -MIN_ROWS)
    place = bisect_left(heights, True, hi=len(heights) - 1, key=lambda rows: _strip_bytes(cut, stored, rows) <= share)
    if (needed := _strip_bytes(cut, stored, heights[place])) > memory:
        raise TooLittleMemoryError(needed)
    return heights[place]


def _strip_bytes(cut: Cut, stored: Collection[Tensor], rows: int) -> int:
    """Return what a strip takes in the stage where it takes most."""
    most, there = 0, {cut.graph.input}
    for stage in cut.stages:
        made = made_in(cut, stage, stored, there)
        height = cut.graph.input.height
        count = -(-height // rows)
        targets = {tensor: strip_of(tensor, height, rows, min(1, count - 1)) for tensor in (stage.target, *made)}
        program = Program(cut, {tensor: span for tensor, span in targets.items() if span}, there)
        most = max(most, program.peak_bytes() + program.passed_bytes())
        there |= set(made)
    return int(most * OVERHEAD)


def made_in(cut: Cut, stage: Stage, stored: Collection[Tensor], there: Collection[Tensor]) -> list[Tensor]:
    """Return the maps to keep that a stage computes on its way, those `there` already left out."""
    calls, _ = cut.walk(stage.target, there)
    return [tensor for call in calls for tensor in call.outputs if tensor in stored]


def strip_of(tensor: Tensor, height: int, rows: int, number: int) -> range:
    """Return the rows of a map in strip `number`.

    Args:
        tensor: the map.
        height: rows of the whole picture.
        rows: how many rows of the picture a strip has.
        number: of the strip, from 0; the last one takes what is left.
    """
    step = max(1, round(rows * tensor.height / height))
    last = -(-height // rows) - 1
    start = min(number * step, tensor.height)
    return range(start, tensor.height if number == last else min(start + step, tensor.height))


def _evaluate(cut: Cut, stored: Collection[Tensor], room: int) -> Plan:
    """Return the plan that keeps `stored`, in memory as far as there is room."""
    seconds = 0.0
    lives: dict[Tensor, list[int]] = {}
    traffic: dict[Tensor, int] = {}
    for number, stage in enumerate(cut.stages):
        calls, leaves = cut.walk(stage.target, lives)
        seconds += sum(map(_seconds, calls))
        for tensor in (*leaves, *(made for call in calls for made in call.outputs if made in stored)):
            if tensor is not cut.graph.input:
                lives.setdefault(tensor, [number, number])[1] = number
                traffic[tensor] = traffic.get(tensor, 0) + _bytes(tensor)
    in_file, memory, file_bytes = _placed(lives, len(cut.stages), room)
    seconds += sum(size / (FILE_SPEED if in_file[tensor] else MEMORY_SPEED) for tensor, size in traffic.items())
    return Plan(0, in_file, memory, file_bytes, seconds)


def _placed(lives: Mapping[Tensor, list[int]], stages: int, room: int) -> tuple[dict[Tensor, bool], int, int]:
    """Return which maps go to files, and the most that those in memory and in files take at a time."""
    levels = {False: [0] * stages, True: [0] * stages}
    in_file = {}
    for tensor, (first, last) in lives.items():
        span = slice(first, last + 1)
        in_file[tensor] = max(levels[False][span]) + _bytes(tensor) > room
        level = levels[in_file[tensor]]
        level[span] = [size + _bytes(tensor) for size in level[span]]
    return in_file, max(levels[False]), max(levels[True])


def _seconds(call: Call) -> float:
    moved = sum(prod(tensor.shape) * ITEM_BYTES.get(tensor.dtype, 4) for tensor in (*call.inputs, *call.outputs))
    return operations(call) / FLOPS + moved / PASS_SPEED


def operations(call: Call) -> float:
    """Return the multiplications and additions of a call, of layers with a kernel alone."""
    kernel = getattr(call.operation, "kernel", None)
    if kernel is None:
        return 0.0
    pixels = min(prod(tensor.shape[1:-1]) for tensor in (*call.inputs[:1], *call.outputs))
    return 2.0 * prod(kernel.shape) * pixels


def whole_bytes(graph: Graph) -> int:
    """Return roughly what a network takes that runs over the whole picture.

    A layer's input and output, and as much again: normalisation by a formula has two maps beside them, in single
    precision also where the network computes in half precision.
    """
    sizes = [
        sum(prod(tensor.shape) * max(4, ITEM_BYTES.get(tensor.dtype, 4)) for tensor in _maps(call))
        for call in graph.calls
    ]
    return int(WHOLE_OVERHEAD * max(sizes, default=0))


def _maps(call: Call) -> list[Tensor]:
    return [*maps_of(call), *(tensor for tensor in call.outputs if tensor.is_map)]
