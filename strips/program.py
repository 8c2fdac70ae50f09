"""The steps that compute one strip of a stage: which rows of each map, in which order."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras import ops

from strips.cut import Cut
from strips.graph import ITEM_BYTES, Call, Tensor
from strips.rows import RowRule, Rows, maps_of, take_rows

_SAME_ROWS = RowRule()


@dataclass(frozen=True)
class Step:
    """One call for some rows of its outputs.

    Attributes:
        call: what is called.
        rows: how many rows its outputs have.
        wanted: the rows of each of its maps that it needs.
    """

    call: Call
    rows: range
    wanted: tuple[Rows, ...]


class Program:
    """The computation of some rows of some maps from those that are stored.

    Args:
        cut: the network.
        targets: which rows of which maps.
        stored: maps that are there already, the picture among them.

    Attributes:
        targets: as given.
        steps: in their order.
        leaves: the rows of stored maps that are needed.
    """

    def __init__(self, cut: Cut, targets: Mapping[Tensor, range], stored: Collection[Tensor]) -> None:
        self.cut = cut
        self.targets = dict(targets)
        wanted: dict[Tensor, list[range]] = {tensor: [rows] for tensor, rows in targets.items()}
        self.steps: list[Step] = []
        for call in reversed(cut.graph.calls):
            rows = [one for tensor in call.outputs if tensor not in stored for one in wanted.get(tensor, ())]
            for piece in merged(rows) if call in cut.rules or call in cut.reductions else ():
                step = Step(call, piece, tuple(self._rule(call).wanted(call, piece)))
                self.steps.append(step)
                for tensor, needed in zip(maps_of(call), step.wanted, strict=True):
                    wanted.setdefault(tensor, []).extend(needed)
        self.steps.reverse()
        self.leaves = {tensor: merged(wanted[tensor]) for tensor in stored if tensor in wanted}
        self._last_use = self._last_uses()

    def _rule(self, call: Call) -> RowRule:
        return self.cut.rules.get(call, _SAME_ROWS)

    def _last_uses(self) -> dict[Tensor, int]:
        uses = {
            tensor: number
            for number, step in enumerate(self.steps)
            for tensor, rows in zip(maps_of(step.call), step.wanted, strict=True)
            if rows
        }
        return {tensor: number for tensor, number in uses.items() if tensor not in self.targets}

    def key(self) -> Hashable:
        """Return what strips have in common whose computation is the same but for the numbers that flow through it."""
        firsts: dict[Tensor, int] = {tensor: pieces[0].start for tensor, pieces in self.leaves.items() if pieces}
        for step in self.steps:
            for tensor in step.call.outputs:
                firsts[tensor] = min(firsts.get(tensor, step.rows.start), step.rows.start)

        def spans(tensor: Tensor, pieces: Rows) -> Hashable:
            return tuple((piece.start - firsts[tensor], len(piece)) for piece in pieces)

        steps = []
        for step in self.steps:
            wanted = [spans(tensor, rows) for tensor, rows in zip(maps_of(step.call), step.wanted, strict=True)]
            place = self._rule(step.call).place(step.call, step.rows, step.wanted)
            steps.append((step.call, spans(step.call.outputs[0], (step.rows,)), *wanted, place))
        leaves = [(tensor, spans(tensor, pieces)) for tensor, pieces in self.leaves.items()]
        targets = [(tensor, spans(tensor, (rows,))) for tensor, rows in self.targets.items()]
        return (*steps, *leaves, *targets)

    def compute(
        self, leaves: Sequence[Any], held: Mapping[Tensor, Any], numbers: Mapping[Call, Any]
    ) -> dict[Tensor, Any]:
        """Return the rows of the targets.

        Args:
            leaves: the rows of stored maps that `leaves` tells, in its order.
            held: the tensors that are no maps.
            numbers: of the reductions that have been summed up.
        """
        given = iter(leaves)
        values: dict[Tensor, list[tuple[range, Any]]] = {
            tensor: [(rows, next(given)) for rows in pieces] for tensor, pieces in self.leaves.items()
        }
        for number, step in enumerate(self.steps):
            for tensor, value in zip(step.call.outputs, self._compute(step, values, held, numbers), strict=True):
                values.setdefault(tensor, []).append((step.rows, value))
            for tensor in maps_of(step.call):
                if self._last_use.get(tensor) == number:
                    values.pop(tensor, None)
        return {tensor: _take(values[tensor], (rows,)) for tensor, rows in self.targets.items()}

    def _compute(
        self,
        step: Step,
        values: Mapping[Tensor, list[tuple[range, Any]]],
        held: Mapping[Tensor, Any],
        numbers: Mapping[Call, Any],
    ) -> tuple[Any, ...]:
        maps = zip(maps_of(step.call), step.wanted, strict=True)
        pieces = {tensor: _take(values[tensor], rows) for tensor, rows in maps if rows}
        if step.call in self.cut.reductions:
            apply = self.cut.reductions[step.call].apply
            assert apply is not None  # its output is a map
            return (apply(pieces[maps_of(step.call)[0]], *numbers[step.call]),)
        return self._rule(step.call).compute(step.call, {**held, **pieces}, step.rows, step.wanted)

    def passed_bytes(self) -> int:
        """Return what the leaves and the targets take: of the next strip and the last one, while one is computed."""
        return sum(self._leaf_sizes().values()) + sum(len(rows) * one.row_bytes for one, rows in self.targets.items())

    def _leaf_sizes(self) -> dict[Tensor, int]:
        return {tensor: sum(map(len, pieces)) * tensor.row_bytes for tensor, pieces in self.leaves.items()}

    def peak_bytes(self) -> int:
        """Return what the maps of the steps take at most at a time."""
        sizes = self._leaf_sizes()
        peak = now = sum(sizes.values())
        for number, step in enumerate(self.steps):
            for tensor in step.call.outputs:
                sizes[tensor] = sizes.get(tensor, 0) + len(step.rows) * tensor.row_bytes
                now += len(step.rows) * tensor.row_bytes
            peak = max(peak, now + len(step.rows) * _bytes_beside(step.call.outputs[0]))
            for tensor in maps_of(step.call):
                if self._last_use.get(tensor) == number:
                    now -= sizes.pop(tensor, 0)
        return peak


def _bytes_beside(made: Tensor) -> int:
    """Return what else a row of a map takes while it is computed: a formula of several operations has their results.

    Those in half precision, with the sums over its strip, are computed from a float32 copy to a float32 result.
    """
    return made.row_bytes * (1 if ITEM_BYTES.get(made.dtype, 4) >= 4 else 4)


def merged(rows: Iterable[range]) -> Rows:
    """Return ranges that cover the same rows without overlapping or touching, in their order."""
    pieces: list[range] = []
    for piece in sorted(rows, key=lambda one: one.start):
        if pieces and piece.start <= pieces[-1].stop:
            pieces[-1] = range(pieces[-1].start, max(piece.stop, pieces[-1].stop))
        else:
            pieces.append(piece)
    return tuple(pieces)


def _take(pieces: Sequence[tuple[range, Any]], wanted: Rows) -> Any:
    taken = [_take_one(pieces, rows) for rows in wanted]
    return taken[0] if len(taken) == 1 else ops.concatenate(taken, axis=1)


def _take_one(pieces: Sequence[tuple[range, Any]], rows: range) -> Any:
    held, value = next(piece for piece in pieces if piece[0].start <= rows.start and rows.stop <= piece[0].stop)
    return take_rows(value, rows.start - held.start, len(rows))
