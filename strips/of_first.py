"""Layers with several inputs that take rows of the first, and of the others their sizes alone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from strips.graph import Call, Tensor
from strips.rows import RowRule, Rows, maps_of


@dataclass(frozen=True)
class OfFirst(RowRule):
    """What a rule says of the first input; the others are there for their sizes alone.

    Attributes:
        rule: of calls with one map.
    """

    rule: RowRule

    def wanted(self, call: Call, rows: range) -> list[Rows]:
        """Return the rows of the first input."""
        return [*self.rule.wanted(_first_alone(call), rows), *(() for _ in maps_of(call)[1:])]

    def compute(self, call: Call, values: Mapping[Tensor, Any], rows: range, wanted: Sequence[Rows]) -> tuple[Any, ...]:
        """Return the rows."""
        return self.rule.compute(_first_alone(call), values, rows, wanted[:1])

    def place(self, call: Call, rows: range, wanted: Sequence[Rows]) -> Hashable:
        """Return what the rule looks at."""
        return self.rule.place(_first_alone(call), rows, wanted[:1])


def _first_alone(call: Call) -> Call:
    return replace(call, args=call.inputs[:1], kwargs={})
