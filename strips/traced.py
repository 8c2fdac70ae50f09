"""Strips compiled as graphs: one for all strips of a stage that differ only in numbers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from layers import native
from strips.cut import Cut, Stage
from strips.graph import Call, Tensor
from strips.program import Program

# What a strip gives: the rows of its targets in their order, and for each reduction of the stage what is summed up.
Results = tuple[Sequence[Any], Sequence[tuple[Any, Any]]]


class TracedStage:
    """The strips of a stage.

    A computation that comes a second time becomes a graph, where the backend has some: operations are joined and done
    in place, with fewer passes over memory. The first and the last strip are not worth the tracing.

    Args:
        cut: the network.
        stage: what is computed.
        stored: the maps that are kept, or go out; only these come back.
    """

    def __init__(self, cut: Cut, stage: Stage, stored: Sequence[Tensor]) -> None:
        self._reductions = cut.reductions
        self._stage = stage
        self._stored = stored
        self._graphs: dict[Hashable, Callable[..., Results] | None] = {}

    def __call__(
        self,
        program: Program,
        leaves: Sequence[Any],
        held: Mapping[Tensor, Any],
        numbers: Mapping[Call, Sequence[Any]],
    ) -> Results:
        """Return the rows of those targets of a program that are stored, and what is summed up of its strip.

        The other arguments are those of `Program.compute`.
        """
        calls = [step.call for step in program.steps]
        tensors = list(dict.fromkeys(tensor for call in calls for tensor in call.inputs if not tensor.is_map))
        sums = {call: len(numbers[call]) for call in calls if call in self._reductions}
        values = [*leaves, *(held[tensor] for tensor in tensors), *(one for call in sums for one in numbers[call])]
        key = program.key()
        if key not in self._graphs:
            self._graphs[key] = None
            return self._runner(program, len(leaves), tensors, sums)(*values)
        graph = self._graphs[key] or native.traced_once(self._runner(program, len(leaves), tensors, sums))
        self._graphs[key] = graph
        return graph(*values)

    def _runner(
        self, program: Program, leaves: int, tensors: Sequence[Tensor], sums: Mapping[Call, int]
    ) -> Callable[..., Results]:
        """Return the computation as a function of tensors: the leaves, those that are no maps, and the numbers."""
        stored = [tensor for tensor in self._stored if tensor in program.targets]

        def run(*values: Any) -> Results:
            given = iter(values)
            rows = [next(given) for _ in range(leaves)]
            held = {tensor: next(given) for tensor in tensors}
            numbers = {call: [next(given) for _ in range(count)] for call, count in sums.items()}
            made = program.compute(rows, held, numbers)
            return [made[tensor] for tensor in stored], self._partials(made)

        return run

    def _partials(self, made: Mapping[Tensor, Any]) -> list[tuple[Any, Any]]:
        target = self._stage.target
        return [self._reductions[call].partial(made[target]) for call in self._stage.reductions if target in made]
