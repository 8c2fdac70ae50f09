"""Joining the Gram matrices of several sources into one target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from scipy import linalg
from threadpoolctl import threadpool_limits

JoinMode = Literal["average", "max", "log_euclidean", "affine_invariant", "riemann"]

# Added to the diagonal before logarithms are taken, and taken off after, in terms of the mean eigenvalue: Gram
# matrices are singular where there are fewer positions than channels or a channel is never active, and in float32
# eigenvalues below about 1e-6 of the largest are noise.
REGULARIZATION = 1e-3
TOLERANCE = 1e-9
MAX_ITERATIONS = 100
# Shortest and longest.
STEPS = (0.1, 1.0)


def join_gram_matrices(matrices: Sequence[np.ndarray], mode: JoinMode = "average") -> np.ndarray:
    """Return one target for several sources' Gram matrices.

    Args:
        matrices: one or more, (channels, channels), symmetric and positive semi-definite.
        mode: `average`; `max`, the largest of each entry (as Snelgrove's texture script has it; the result need
            not be a Gram matrix); `log_euclidean`, the exponential of the mean logarithm (Arsigny et al. 2007);
            `affine_invariant` and `riemann`, two names of the mean with the least sum of squared affine-invariant
            distances (Pennec et al. 2006; Moakher 2005), for two matrices the middle of the geodesic. The last
            three are taken of matrices with REGULARIZATION times the mean eigenvalue on the diagonal, which is
            taken off again.

    Returns:
        float64 (channels, channels). Equal matrices give that matrix, in every mode.
    """
    stack = np.asarray(matrices, dtype=np.float64)
    if mode == "average":
        return stack.mean(axis=0)
    if mode == "max":
        return stack.max(axis=0)
    channels = stack.shape[-1]
    shift = REGULARIZATION * np.trace(stack, axis1=1, axis2=2).mean() / channels * np.eye(channels)
    means = {"log_euclidean": log_euclidean_mean, "affine_invariant": riemannian_mean, "riemann": riemannian_mean}
    # Matrices of this size gain nothing from BLAS's threads, which spin while they wait for one another: on a busy
    # machine they took a hundred times as long.
    with threadpool_limits(limits=1, user_api="blas"):
        return means[mode](stack + shift) - shift


def gram_geodesic(first: np.ndarray, second: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Return Gram matrices on the shortest way from one to another, by the Wasserstein-2 distance.

    That is where features are that are normally distributed about zero and go straight from one distribution to the
    other by optimal transport (McCann 1997; Takatsu 2011): R R^T with R = (1 - share) first^(1/2) +
    share second^(1/2) U, U the rotation that brings the two roots as near as can be. Vacher, Davila, Kohn &
    Coen-Cagli 2020, "Texture Interpolation for Probing Visual Perception", interpolate the features of textures so. A
    mean of the matrices themselves asks for patches of both textures instead: a picture that has both has it.

    Args:
        first: (channels, channels), symmetric and positive semi-definite.
        second: likewise.
        shares: of the second, in [0, 1]; 0 gives the first, 1 the second.

    Returns:
        float64 (shares, channels, channels).
    """
    with threadpool_limits(limits=1, user_api="blas"):  # see above
        roots = [_spectral(np.asarray(matrix, np.float64), _root) for matrix in (first, second)]
        left, _, right = linalg.svd(roots[1] @ roots[0])
        turned = roots[1] @ (left @ right)
        ways = [(1 - share) * roots[0] + share * turned for share in shares]
        return np.stack([way @ way.T for way in ways])


def _root(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(values, 0))


def log_euclidean_mean(matrices: np.ndarray) -> np.ndarray:
    """Return exp(mean of log(A_i)) of positive definite matrices (count, n, n)."""
    return _spectral(np.mean([_spectral(matrix, np.log) for matrix in matrices], axis=0), np.exp)


def riemannian_mean(matrices: np.ndarray) -> np.ndarray:
    """Return the affine-invariant mean of positive definite matrices (count, n, n), also called Karcher's.

    Fixed-point iteration M <- M^(1/2) exp(step * T) M^(1/2), T = mean of log(M^(-1/2) A_i M^(-1/2)), from the
    log-Euclidean mean, until T has a norm of at most TOLERANCE * sqrt(n). Steps of 1 swing around the mean of matrices
    that lie far apart; so each follows from how the last one changed T (Barzilai & Borwein 1988; Iannazzo &
    Porcelli 2018 for this mean).
    """
    mean = log_euclidean_mean(matrices)
    step, last = 1.0, None
    for _ in range(MAX_ITERATIONS):
        root, inverse = _spectral(mean, np.sqrt), _spectral(mean, lambda values: 1 / np.sqrt(values))
        tangent = np.mean([_spectral(inverse @ matrix @ inverse, np.log) for matrix in matrices], axis=0)
        if np.linalg.norm(tangent) <= TOLERANCE * np.sqrt(len(mean)):
            break
        if last is not None:
            kept = np.sum(tangent * last) / np.sum(last * last)
            step = float(np.clip(step / max(1 - kept, 1e-3), *STEPS))
        last = tangent
        mean = root @ _spectral(step * tangent, np.exp) @ root
    return (mean + mean.T) / 2


def _spectral(matrix: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the symmetric matrix with `function` of its eigenvalues."""
    values, vectors = linalg.eigh((matrix + matrix.T) / 2)
    result = (vectors * function(values)) @ vectors.T
    return (result + result.T) / 2
