"""Computing a network's result for a picture, stage by stage and strip by strip."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np
from keras import ops

from layers import native
from strips.cut import Cut, Stage
from strips.graph import Call, Tensor
from strips.maps import MapFiles, StoredMap
from strips.plan import Plan, made_in, strip_of
from strips.program import Program
from strips.traced import TracedStage
from strips.worker import Job, Worker

# From rows of the picture to float32 (rows, width, channels), and the other way.
Source = Callable[[range], np.ndarray]
Sink = Callable[[range, np.ndarray], object]
# Told after each strip: the share of the work that is done.
Observer = Callable[[float], object]


def run_strips(
    cut: Cut,
    plan: Plan,
    source: Source,
    sink: Sink,
    *,
    folder: str | None = None,
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
        folder: str | None,
        observe: Observer,
    ) -> None:
        self.cut, self.plan, self.source, self.sink = cut, plan, source, sink
        self.files = MapFiles(folder or tempfile.gettempdir(), plan.file_bytes)
        self.observe = observe
        self.maps: dict[Tensor, StoredMap] = {}
        self.held: dict[Tensor, Any] = {}
        self.numbers: dict[Call, tuple[Any, ...]] = {}
        self.height = cut.graph.input.height
        self.count = -(-self.height // plan.rows)

    def __call__(self) -> None:
        with closing(self.files), closing(Worker()) as self.worker:
            self._run_stages()

    def _run_stages(self) -> None:
        self._hold_whole()
        lasts = self._last_stages()
        for number, stage in enumerate(self.cut.stages):
            self._run_stage(stage, number)
            self._hold_whole()
            for tensor in [tensor for tensor in self.maps if lasts[tensor] <= number]:
                self.maps.pop(tensor).close()

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
        stored = [*made, *[tensor for tensor in (stage.target,) if tensor is self.cut.graph.output]]
        traced = TracedStage(self.cut, stage, stored)
        # The worker reads the next strip and writes the last one, in their order, while this one is computed.
        read_strip = partial(self._read_strip, targets=(stage.target, *made), there=there)
        read = self.worker.submit(partial(read_strip, 0))
        written: Job[None] = self.worker.submit(lambda: None)
        for strip in range(self.count):
            program, leaves = read.result()
            if strip + 1 < self.count:
                read = self.worker.submit(partial(read_strip, strip + 1))
            values, partials = traced(program, leaves, self.held, self.numbers)
            written.result()
            written = self.worker.submit(partial(self._keep_strip, program, stored, values))
            if partials:
                self._sum_up(stage, len(program.targets[stage.target]) * stage.target.shape[2], partials, totals)
            self.observe((number + (strip + 1) / self.count) / len(self.cut.stages))
        written.result()
        self._finish(stage, totals)

    def _read_strip(
        self, strip: int, targets: Sequence[Tensor], there: Collection[Tensor]
    ) -> tuple[Program, Sequence[Any]]:
        """Return how a strip is computed, and from what."""
        spans = {tensor: strip_of(tensor, self.height, self.plan.rows, strip) for tensor in targets}
        program = Program(self.cut, {tensor: rows for tensor, rows in spans.items() if rows}, there)
        return program, [self._read(tensor, rows) for tensor, pieces in program.leaves.items() for rows in pieces]

    def _keep_strip(self, program: Program, stored: Sequence[Tensor], values: Sequence[Any]) -> None:
        """Keep what is stored of a strip."""
        for tensor, value in zip([one for one in stored if one in program.targets], values, strict=True):
            self._keep(tensor, program.targets[tensor], value)

    def _new_map(self, tensor: Tensor) -> StoredMap:
        return StoredMap(tensor, self.files if self.plan.stored[tensor] else None)

    def _read(self, tensor: Tensor, rows: range) -> Any:
        values = self.source(rows)[None] if tensor is self.cut.graph.input else self.maps[tensor].read(rows)
        return ops.convert_to_tensor(values)

    def _keep(self, tensor: Tensor, rows: range, value: Any) -> None:
        if tensor in self.maps:
            self.maps[tensor].write(rows, native.numbers_of(value))
        else:
            self.sink(rows, native.numbers_of(value)[0].astype(np.float32))

    def _sum_up(self, stage: Stage, pixels: int, partials: Sequence[tuple[Any, Any]], totals: list[Any]) -> None:
        for place, (call, sums) in enumerate(zip(stage.reductions, partials, strict=True)):
            first, second = (native.numbers_of(one).astype(np.float64) for one in sums)
            summed = self.cut.reductions[call].sum_up(first, second, pixels)
            totals[place] = summed if totals[place] is None else totals[place] + summed

    def _finish(self, stage: Stage, totals: Sequence[Any]) -> None:
        for call, total in zip(stage.reductions, totals, strict=True):
            reduction = self.cut.reductions[call]
            found = tuple(ops.convert_to_tensor(values.astype(np.float32)) for values in reduction.finish(total))
            if reduction.apply is None:
                cast = (ops.cast(value, tensor.dtype) for tensor, value in zip(call.outputs, found, strict=True))
                self.held.update(zip(call.outputs, cast, strict=True))
            else:
                self.numbers[call] = found

    def _hold_whole(self) -> None:
        """Compute what takes no map and has all its inputs."""
        for call in self.cut.whole:
            if call.outputs[0] not in self.held and all(tensor in self.held for tensor in call.inputs):
                self.held.update(zip(call.outputs, call(self.held), strict=True))
