"""The initial picture of a style transfer."""

from __future__ import annotations

import numpy as np
from scipy import stats

from images.resizing import resize
from pipelines.transfer.inputs import TransferInputs
from pipelines.transfer.plan import TransferPlan


def first_picture(plan: TransferPlan, inputs: TransferInputs, size: tuple[int, int]) -> np.ndarray:
    """Return the first picture, float32 (1, height, width, 3) in [0, 1].

    "content" and files are resized; "gray" is middle grey with noise of a level, "uniform" noise in [0, 1], "normal"
    noise of mean 0.5 and deviation 0.25, "style_stats" noise with the styles' mean and variance by channel, both cut
    off beyond [0, 1].
    """
    random = np.random.default_rng(plan.random_seed)
    shape = (1, *size, 3)
    if inputs.init is not None:
        picture = resize(inputs.init, *size)[np.newaxis]
    elif plan.init == "content":
        picture = resize(inputs.content, *size)[np.newaxis]
    elif plan.init == "gray":
        picture = 0.5 + random.random(shape) / 255
    elif plan.init == "uniform":
        picture = random.random(shape)
    elif plan.init == "normal":
        picture = _cut_normal(random, shape, np.full(3, 0.5), np.full(3, 0.25))
    else:
        pairs = list(zip(plan.objective.shares, inputs.styles, strict=True))
        means = sum(share * style.mean(axis=(0, 1)) for share, style in pairs)
        variances = sum(share * _variances(style) for share, style in pairs)
        picture = _cut_normal(random, shape, means, np.sqrt(variances))
    return np.clip(picture, 0, 1).astype(np.float32)


def _variances(picture: np.ndarray) -> np.ndarray:
    """Return the unbiased variance of each channel of (height, width, 3); of a single pixel, which has none, 0."""
    pixels = picture.reshape(-1, 3)
    return pixels.var(axis=0, ddof=1) if len(pixels) > 1 else np.zeros(3)


def _cut_normal(
    random: np.random.Generator, shape: tuple[int, ...], means: np.ndarray, deviations: np.ndarray
) -> np.ndarray:
    """Return normally distributed noise by channel, as it is within [0, 1]."""
    deviations = np.maximum(deviations, 1e-6)
    low, high = -means / deviations, (1 - means) / deviations
    return stats.truncnorm.rvs(low, high, means, deviations, size=shape, random_state=random)
