"""Histogram matching: giving a picture the values of another one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# More pixels of the references than this are thinned out evenly: their quantiles hardly change.
MAX_SAMPLES = 1 << 22


def match_histogram(pixels: np.ndarray, references: Sequence[np.ndarray]) -> np.ndarray:
    """Return `pixels` with the histogram of `references`, channel by channel.

    The values of a channel are sorted, and each takes the reference's value at the same rank; equal values stay
    equal. This is exact histogram specification, the last step of Gatys, Ecker & Bethge 2015's texture program (which
    interpolates in a histogram of 100 bins instead).

    Args:
        pixels: floats (..., channels).
        references: one or more arrays (..., channels) whose values are taken together.

    Returns:
        float32, of the shape of `pixels`.
    """
    reference = sorted_values(references)
    matched = [_match(pixels[..., i], reference[:, i]) for i in range(pixels.shape[-1])]
    return np.stack(matched, axis=-1).astype(np.float32)


def sorted_values(references: Sequence[np.ndarray]) -> np.ndarray:
    """Return the values of arrays (..., channels) taken together, each channel sorted: (values, channels)."""
    values = np.concatenate([np.reshape(reference, (-1, reference.shape[-1])) for reference in references])
    return np.sort(values[:: -(-len(values) // MAX_SAMPLES)], axis=0)


def _match(channel: np.ndarray, reference: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(channel, return_inverse=True, return_counts=True)
    # The middle rank of each value, as a share of all.
    ranks = (np.cumsum(counts) - counts / 2) / channel.size
    positions = (np.arange(reference.size) + 0.5) / reference.size
    return np.interp(ranks, positions, reference)[inverse].reshape(channel.shape)
