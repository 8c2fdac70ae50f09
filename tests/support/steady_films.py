"""Films whose motion is known, and what a network that flickers makes of them."""

from itertools import pairwise

import numpy as np
from scipy import ndimage


def picture(seed=0, size=(120, 160)):
    noise = np.random.default_rng(seed).random((*size, 3))
    smooth = ndimage.gaussian_filter(noise, (3, 3, 0), mode="wrap")
    return ((smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32)


def stylized(content, number):
    """Return what a flickering network makes: the content and strokes that are new in every frame."""
    strokes = ndimage.gaussian_filter(np.random.default_rng(number).normal(size=content.shape), (1, 1, 0))
    return np.clip(content + 0.3 * strokes, 0, 1).astype(np.float32)


def film(count=10):
    wide = picture(size=(120, 260))
    return [wide[:, 2 * i : 2 * i + 160] for i in range(count)]


def flicker(frames):
    """Return the mean difference of neighbours, moved by the two pixels by which the film moves."""
    return np.mean([np.abs(after[:, :-2] - before[:, 2:]).mean() for before, after in pairwise(frames[2:])])
