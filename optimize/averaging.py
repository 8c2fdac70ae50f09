"""An average over iterates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras import ops


@dataclass(frozen=True, eq=False)
class RunningAverage:
    """An exponential moving average with bias correction, as Adam's moments have it (Kingma & Ba 2015).

    Attributes:
        total: the weighted sum of the values.
        missing: what the weights lack to add up to 1.
    """

    total: Any
    missing: float = 1.0

    def updated(self, value: Any, decay: float) -> RunningAverage:
        """Return the average with one more value."""
        return RunningAverage(decay * self.total + (1.0 - decay) * value, self.missing * decay)

    def value(self) -> Any:
        """Return the average; there must have been a value."""
        return self.total / (1.0 - self.missing)

    @classmethod
    def of(cls, value: Any, decay: float) -> RunningAverage:
        """Return the average of a first value."""
        return cls(ops.zeros_like(value)).updated(value, decay)
