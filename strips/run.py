"""A picture through a network, strip by strip and stage by stage."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from strips.cut import Cut, Stage
from strips.graph import Call, Tensor
from strips.maps import StoredMap
from strips.plan import Plan, made_in, strip_of
from strips.program import Program

# From rows of the picture to float32 (rows, width, channels), and the other way.
Source = Callable[[range], np.ndarray]
Sink = Callable[[range, np.ndarray], object]
# Told after each strip: the share of the work that is done.
Observer = Callable[[float], object]
# Strips of as many kinds (at the top, in the middle, at the bottom) have graphs of their own at a time.
MAX_GRAPHS = 4


def run_strips(
    cut: Cut,
    plan: Plan,
    source: Source,
    sink: Sink,
    *,
    folder: str | os.PathLike | None = None,
    observe: Observer = lambda share: None,
) -> None:
    """Compute the network's answer to a picture.

    Args:
        cut: the network for pictures of this size.
        plan: what is kept, and how high the strips are.
        source: returns rows of the picture; called for the same rows several times.
        sink: takes the rows of the result in their order.
        folder: for the files of maps; None: the system's for temporary files.
        observe: told the share of the work that is done.
    """
    _Run(cut, plan, source, sink, folder, observe)()


class _Run:
    def __init__(
        self,
        cut: Cut,
        plan: Plan,
        source: Source,
        sink: Sink,
        folder: str | os.PathLike | None,
        observe: Observer,
    ) -> None:
        self.cut, self.plan, self.source, self.sink, self.folder = cut, plan, source, sink, folder
        self.observe = observe
        self.maps: dict[Tensor, StoredMap] = {}
        self.held: dict[Tensor, Any] = {}
        self.numbers: dict[Call, tuple[Any, ...]] = {}
        self.height = cut.graph.input.height
        self.count = -(-self.height // plan.rows)

    def __call__(self) -> None:
        self._hold_whole()
        lasts = self._last_stages()
        for number, stage in enumerate(self.cut.stages):
            self._run_stage(stage, number)
            self._hold_whole()
            for tensor in [tensor for tensor in self.maps if lasts[tensor] <= number]:
                del self.maps[tensor]

    def _last_stages(self) -> dict[Tensor, int]:
        """Return for each kept map the stage after which it is not needed."""
        lasts: dict[Tensor, int] = {}
        for number, stage in enumerate(self.cut.stages):
            made = made_in(self.cut, stage, self.plan.stored, lasts)
            _, leaves = self.cut.walk(stage.target, lasts)
            lasts.update(dict.fromkeys((*leaves, *made), number))
        return lasts

    def _run_stage(self, stage: Stage, number: int) -> None:
        there = {self.cut.graph.input, *self.maps}
        made = made_in(self.cut, stage, self.plan.stored, there)
        self.maps |= {tensor: self._new_map(tensor) for tensor in made}
        totals: list[Any] = [None] * len(stage.reductions)
        run = _Runner(self.cut, stage, {self.cut.graph.output, *made}, self.held, self.numbers)
        for strip in range(self.count):
            spans = {tensor: strip_of(tensor, self.height, self.plan.rows, strip) for tensor in (stage.target, *made)}
            program = Program(self.cut, {tensor: rows for tensor, rows in spans.items() if rows}, there)
            kept, partials = run(program, [self._read(*leaf) for leaf in program.leaves.items()])
            self._keep({tensor: spans[tensor] for tensor in run.kept_of(program)}, kept)
            self._sum_up(stage, spans[stage.target], partials, totals)
            self.observe((number + (strip + 1) / self.count) / len(self.cut.stages))
        self._finish(stage, totals)

    def _new_map(self, tensor: Tensor) -> StoredMap:
        return StoredMap(tensor, (self.folder or os.curdir) if self.plan.stored[tensor] else None)

    def _read(self, tensor: Tensor, pieces: Sequence[range]) -> list[np.ndarray]:
        if tensor is self.cut.graph.input:
            return [self.source(rows)[None] for rows in pieces]
        return self.maps[tensor].read(pieces)

    def _keep(self, spans: Mapping[Tensor, range], kept: Sequence[Any]) -> None:
        for (tensor, rows), value in zip(spans.items(), kept, strict=True):
            if tensor is self.cut.graph.output:
                self.sink(rows, ops.convert_to_numpy(value)[0].astype(np.float32))
            else:
                self.maps[tensor].write(rows, ops.convert_to_numpy(value))

    def _sum_up(self, stage: Stage, rows: range, partials: Sequence[Any], totals: list[Any]) -> None:
        for place, (call, found) in enumerate(zip(stage.reductions, partials, strict=False)):
            arrays = [ops.convert_to_numpy(value).astype(np.float64) for value in found]
            summed = self.cut.reductions[call].sum_up(*arrays, len(rows) * stage.target.shape[2])
            totals[place] = summed if totals[place] is None else totals[place] + summed

    def _finish(self, stage: Stage, totals: Sequence[Any]) -> None:
        for call, total in zip(stage.reductions, totals, strict=True):
            reduction = self.cut.reductions[call]
            found = tuple(ops.convert_to_tensor(values.astype(np.float32)) for values in reduction.finish(total))
            if reduction.apply is None:
                self.held[call.outputs[0]] = ops.cast(found[0], call.outputs[0].dtype)
            else:
                self.numbers[call] = found

    def _hold_whole(self) -> None:
        """Compute what takes no map and has all its inputs."""
        for call in self.cut.whole:
            if call.outputs[0] not in self.held and all(tensor in self.held for tensor in call.inputs):
                self.held.update(zip(call.outputs, call(self.held), strict=True))


class _Runner:
    """Runs the programs of one stage; on TensorFlow as graphs, which strips of the same geometry share."""

    def __init__(
        self,
        cut: Cut,
        stage: Stage,
        kept: Collection[Tensor],
        held: Mapping[Tensor, Any],
        numbers: Mapping[Call, tuple[Any, ...]],
    ) -> None:
        self._stage, self._kept, self._held, self._numbers = stage, kept, dict(held), dict(numbers)
        self._partials = [cut.reductions[call].partial for call in stage.reductions]
        self._graphs: dict[Hashable, Callable[..., Any]] = {}

    def kept_of(self, program: Program) -> list[Tensor]:
        """Return the maps whose rows a program's run returns."""
        return [tensor for tensor in program.targets if tensor in self._kept]

    def __call__(self, program: Program, leaves: Sequence[Sequence[np.ndarray]]) -> tuple[list[Any], list[Any]]:
        """Return the rows of the maps to keep, and what each reduction sums up of the strip."""
        tensors = [[ops.convert_to_tensor(array) for array in pieces] for pieces in leaves]
        if keras.backend.backend() != "tensorflow":
            return self._run(program, tensors)
        geometry = program.geometry
        if geometry not in self._graphs:
            while len(self._graphs) >= MAX_GRAPHS:
                del self._graphs[next(iter(self._graphs))]
            self._graphs[geometry] = self._traced(program)
        return self._graphs[geometry](tensors)

    def _traced(self, program: Program) -> Callable[..., Any]:
        import tensorflow as tf

        return tf.function(lambda leaves: self._run(program, leaves), autograph=False)

    def _run(self, program: Program, leaves: Sequence[Sequence[Any]]) -> tuple[list[Any], list[Any]]:
        results = dict(zip(program.targets, program.run(leaves, self._held, self._numbers), strict=True))
        target = results.get(self._stage.target)
        partials = [] if target is None else [partial(target) for partial in self._partials]
        return [results[tensor] for tensor in self.kept_of(program)], partials
