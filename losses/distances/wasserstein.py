"""The Wasserstein-2 distance of Gaussians: style as mean and covariance of features."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from describe.moments import Moments
from losses.distances.matrix_roots import identity, square_root, trace_of_root

# Added to the diagonal of covariances, which have fewer dimensions than channels in small pictures.
EPSILON = 1e-4
# A covariance is the difference of the second moment and the means' products, which in float32 has an error of up to
# about this times |mean|^2. Where features hardly vary (a picture of one colour) that is all there is of it, and it
# has negative eigenvalues, from which the iterations run away.
ROUNDING = 1e-5


class WassersteinDistance:
    """The squared Wasserstein-2 distance to a Gaussian, over channels.

    W2^2 = |m - m*|^2 + tr(C + C* - 2 (C*^1/2 C C*^1/2)^1/2), divided by the number of channels; EPSILON is added to the
    diagonals of both covariances. Matrix roots are those of 12 Newton-Schulz iterations. This is the style loss of
    Crowson's style-transfer-pytorch, with its numbers; `losses.distances.matrix_roots` tells what is computed another
    way.

    Args:
        target: moments of the style, as `feature_moments` gives them.
    """

    def __init__(self, target: Moments) -> None:
        moments = Moments(*(ops.convert_to_tensor(value, dtype="float32") for value in target))
        covariance = _widened(moments)
        root, is_root = square_root(covariance)
        if not bool(ops.convert_to_numpy(is_root)):
            lowest = np.linalg.eigvalsh(ops.convert_to_numpy(covariance))[0]
            covariance = covariance + max(0.0, EPSILON - float(lowest)) * identity(covariance)
            root, _ = square_root(covariance)
        root = _symmetric(root)
        self._mean = np.asarray(target.mean, np.float32)
        self._trace = float(ops.convert_to_numpy(ops.trace(covariance)))
        self._root, self._square = (ops.convert_to_numpy(value) for value in (root, ops.matmul(root, root)))

    def __call__(self, moments: Moments) -> Any:
        """Return the distance, a scalar."""
        channels = len(self._mean)
        target_root = ops.convert_to_tensor(self._root)
        covariance = _widened(moments)
        product = _symmetric(ops.matmul(ops.matmul(target_root, covariance), target_root))
        trace, slope, is_root = trace_of_root(ops.stop_gradient(product))
        # The covariance is then widened by its rounding error, in every term.
        added = ops.stop_gradient(ops.where(is_root, 0.0, _rounding(moments)))
        product = product + added * ops.convert_to_tensor(self._square)
        constant = ops.stop_gradient(product)
        trace, slope = ops.cond(is_root, lambda: (trace, slope), lambda: trace_of_root(constant)[:2])
        traces = ops.trace(covariance) + channels * added + self._trace
        means = ops.mean(ops.square(moments.mean - ops.convert_to_tensor(self._mean)))
        # The iterations are not differentiated through: the trace is a constant, to which its gradient's product with
        # (A - A) is added.
        return means + (traces - 2.0 * (trace + ops.sum(slope * (product - constant)))) / channels

    def __str__(self) -> str:
        return f"Wasserstein-2 distance of Gaussians in {len(self._mean)} dimensions"


def _rounding(moments: Moments) -> Any:
    """Return how far the covariance's eigenvalues may be off in float32."""
    return ROUNDING * ops.sum(ops.square(moments.mean))


def _widened(moments: Moments) -> Any:
    """Return the covariance with EPSILON on its diagonal; so is its gradient symmetric to the last digit."""
    covariance = _symmetric(moments.covariance())
    return covariance + EPSILON * identity(covariance)


def _symmetric(matrix: Any) -> Any:
    return 0.5 * (matrix + ops.transpose(matrix))
