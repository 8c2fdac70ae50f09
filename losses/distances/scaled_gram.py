"""Gram matrices by a squared difference of bounded gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from describe.moments import Moments

# Keeps the quotient finite where nothing differs.
EPSILON = 1e-8


class ScaledGramDistance:
    """The squared difference of Gram matrices over the absolute difference: sum d^2 / (sum |d| + 1e-8).

    The Gram style loss of Crowson's style-transfer-pytorch, whose gradient by the Gram matrix has an L1 norm of about
    1 however far the target is; Gatys et al. 2015 take the sum of squares. Gram matrices are divided by positions.

    Args:
        target: moments of the style, as `feature_moments` gives them.
    """

    def __init__(self, target: Moments) -> None:
        self._target = np.asarray(target.second, np.float32)

    def __call__(self, moments: Moments) -> Any:
        """Return the distance, a scalar."""
        difference = moments.second - ops.convert_to_tensor(self._target)
        return ops.sum(ops.square(difference)) / (ops.sum(ops.abs(difference)) + EPSILON)

    def __str__(self) -> str:
        return "Gram matrix {} x {}, squared over absolute difference".format(*self._target.shape)
