"""Cutting a network into stages at the operations that need the whole picture."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from strips.graph import Call, Graph, Tensor
from strips.reductions import Reduction, find_reduction
from strips.rows import RowRule, maps_of
from strips.rules import find_rule
from strips.trial import computes_rows_apart


class CannotCutError(Exception):
    """The network cannot be computed in strips; the message names the layer that stands in the way."""


@dataclass(frozen=True)
class Stage:
    """What is computed in one pass over the picture.

    Attributes:
        target: the map whose rows are computed.
        reductions: the calls whose numbers are summed up of it; none in the last stage, whose target is the result.
    """

    target: Tensor
    reductions: tuple[Call, ...] = ()


@dataclass(frozen=True)
class Cut:
    """A network in stages.

    Attributes:
        graph: the network.
        rules: of the calls from maps to maps.
        reductions: of the calls that need numbers of all rows.
        whole: the calls that take no map, in their order.
        stages: in an order in which each needs results of earlier ones alone.
    """

    graph: Graph
    rules: Mapping[Call, RowRule]
    reductions: Mapping[Call, Reduction]
    whole: Sequence[Call]
    stages: Sequence[Stage]

    def walk(self, target: Tensor, stored: Collection[Tensor]) -> tuple[list[Call], list[Tensor]]:
        """Return the calls that compute `target`, in their order, and the maps that they start from.

        Args:
            target: what is needed.
            stored: maps that are there already.
        """
        needed = {target}
        calls = []
        for call in reversed(self.graph.calls):
            made = [tensor for tensor in call.outputs if tensor in needed and tensor not in stored]
            if made and made[0].is_map:
                calls.append(call)
                needed.update(self.sources(call))
        leaves = [tensor for tensor in needed if tensor.is_map and (tensor in stored or tensor is self.graph.input)]
        return calls[::-1], leaves

    def sources(self, call: Call) -> list[Tensor]:
        """Return the maps whose values `call` needs; some only lend it their size."""
        if call in self.reductions:
            return maps_of(call)
        wanted = self.rules[call].wanted(call, range(1))
        return [tensor for tensor, rows in zip(maps_of(call), wanted, strict=True) if rows]


def cut(graph: Graph) -> Cut:
    """Return the stages of a network.

    Raises:
        CannotCutError: a layer mixes rows in a way that is not known here.
    """
    rules: dict[Call, RowRule] = {}
    reductions: dict[Call, Reduction] = {}
    whole = []
    for call in graph.calls:
        if not maps_of(call):
            whole.append(call)
        elif rule := _rule_of(call):
            rules[call] = rule
        elif (reduction := find_reduction(call)) and _gives_numbers(call, reduction):
            reductions[call] = reduction
        elif all(tensor.is_map for tensor in call.outputs) and computes_rows_apart(call):
            rules[call] = RowRule()
        else:
            raise CannotCutError(f"layer {call} cannot be computed in strips")
    if not (graph.input.is_map and graph.output.is_map):
        raise CannotCutError("its result is not a picture")
    return Cut(graph, rules, reductions, whole, _stages(graph, reductions))


def _rule_of(call: Call) -> RowRule | None:
    return find_rule(call) if all(tensor.is_map for tensor in call.outputs) else None


def _gives_numbers(call: Call, reduction: Reduction) -> bool:
    """Say whether what a reduction returns is held whole; of a picture of one row it looks like a map."""
    return reduction.apply is not None or not any(tensor.is_map for tensor in call.outputs)


def _stages(graph: Graph, reductions: Mapping[Call, Reduction]) -> list[Stage]:
    groups: dict[Tensor, list[Call]] = {}
    for call in reductions:
        groups.setdefault(maps_of(call)[0], []).append(call)
    return [*(Stage(target, tuple(calls)) for target, calls in groups.items()), Stage(graph.output)]
