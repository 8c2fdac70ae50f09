"""A line search for the strong Wolfe conditions, the one of Schmidt's minFunc that Torch and PyTorch use.

A step t is good where the loss has fallen enough, phi(t) <= phi(0) + c1 t phi'(0), and the slope has become flat
enough, |phi'(t)| <= c2 |phi'(0)| (Nocedal & Wright 2006, section 3.5). First steps are lengthened until a good one
or an interval that holds one is found; then the interval is narrowed by cubic interpolation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SUFFICIENT_DECREASE = 1e-4
CURVATURE = 0.9
MAX_TRIALS = 25


@dataclass(frozen=True, eq=False)
class Trial:
    """A step along the line: its length, the loss and the loss's slope there, and what else the caller keeps."""

    step: float
    loss: float
    slope: float
    state: Any = None


def strong_wolfe(evaluate: Callable[[float], Trial], start: Trial, step: float, smallest_interval: float) -> Trial:
    """Return a trial that fulfils the strong Wolfe conditions, or the best one of MAX_TRIALS.

    Where none is lower than `start`, `start` itself is returned.

    Args:
        evaluate: from a step to its trial.
        start: the trial of step 0, with a slope below 0.
        step: the first step to try.
        smallest_interval: narrowing ends with an interval of this length.
    """
    search = _Search(evaluate, start)
    found = search.bracket(step)
    return found if isinstance(found, Trial) else search.narrow(*found, smallest_interval)


class _Search:
    """One line search; it counts its trials."""

    def __init__(self, evaluate: Callable[[float], Trial], start: Trial) -> None:
        self.evaluate = evaluate
        self.start = start
        self.lengthened = 0

    def bracket(self, step: float) -> Trial | tuple[Trial, Trial]:
        """Return a good trial, or two trials with a good step between them."""
        before, trial = self.start, self.evaluate(step)
        while self.lengthened < MAX_TRIALS:
            if self._too_high(trial) or (self.lengthened > 1 and trial.loss >= before.loss):
                return before, trial
            if self._flat_enough(trial):
                return trial
            if trial.slope >= 0:
                return before, trial
            least, most = trial.step + 0.01 * (trial.step - before.step), 10 * trial.step
            step = interpolate(before, trial, least, most)
            before, trial = trial, self.evaluate(step)
            self.lengthened += 1
        return min(self.start, trial, key=lambda end: end.loss)

    def narrow(self, first: Trial, second: Trial, smallest_interval: float) -> Trial:
        """Return a good trial between two trials, or the lowest one found."""
        low, high = (first, second) if first.loss <= second.loss else (second, first)
        was_near_end = False
        for _ in range(self.lengthened, MAX_TRIALS):
            if abs(high.step - low.step) < smallest_interval:
                break
            left, right = sorted((low.step, high.step))
            step, was_near_end = _away_from_ends(interpolate(low, high, left, right), left, right, was_near_end)
            trial = self.evaluate(step)
            if self._too_high(trial) or trial.loss >= low.loss:
                low, high = (low, trial) if low.loss <= trial.loss else (trial, low)
            elif self._flat_enough(trial):
                return trial
            else:
                low, high = trial, (low if trial.slope * (high.step - low.step) >= 0 else high)
        return low

    def _too_high(self, trial: Trial) -> bool:
        return trial.loss > self.start.loss + SUFFICIENT_DECREASE * trial.step * self.start.slope

    def _flat_enough(self, trial: Trial) -> bool:
        return abs(trial.slope) <= -CURVATURE * self.start.slope


def interpolate(first: Trial, second: Trial, least: float, most: float) -> float:
    """Return where the cubic through two trials, with their slopes, has its minimum, kept in [least, most].

    Nocedal & Wright 2006, equation 3.59. Without a minimum it is the middle of [least, most].
    """
    left, right = (first, second) if first.step <= second.step else (second, first)
    middle = left.slope + right.slope - 3 * (left.loss - right.loss) / (left.step - right.step)
    square = middle * middle - left.slope * right.slope
    if square < 0:
        return (least + most) / 2
    root = math.sqrt(square)
    denominator = right.slope - left.slope + 2 * root
    if denominator == 0:
        return (least + most) / 2
    minimum = right.step - (right.step - left.step) * (right.slope + root - middle) / denominator
    return min(max(minimum, least), most)


def _away_from_ends(step: float, least: float, most: float, was_near_end: bool) -> tuple[float, bool]:
    """Return a step in [least, most] and whether it is near an end.

    The second time in a row that it is near an end, and where it lies on one, it is moved inwards.
    """
    margin = 0.1 * (most - least)
    if min(most - step, step - least) >= margin:
        return step, False
    if was_near_end or step >= most or step <= least:
        return (most - margin if most - step < step - least else least + margin), False
    return step, True
