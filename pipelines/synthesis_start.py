"""The picture with which a synthesis begins, and how a result is carried on to the next scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from images.resizing import resize
from pipelines.synthesis_inputs import SynthesisInputs
from pipelines.synthesis_settings import SynthesisSettings

# Radius of the symmetric seed's blur as a share of the longer side: the old script's 50 pixels of 512.
SYMMETRIC_BLUR = 0.1
# Noise that makes equal frames differ, and breaks the symmetric seed's symmetry.
SLIGHT_NOISE = 2 / 255


def first_frames(
    settings: SynthesisSettings, inputs: SynthesisInputs, size: tuple[int, int], generator: np.random.Generator
) -> np.ndarray:
    """Return the frames to start from, float32 (count, height, width, 3) in [0, 1].

    The picture of --init, resized; or noise with the mean and covariance of the sources' colours: white, or
    symmetric and smooth.
    """
    shape = (settings.count, *size)
    if inputs.init is not None:
        frames = np.repeat(resize(inputs.init, *size)[np.newaxis], settings.count, axis=0)
        if settings.count > 1:
            frames = frames + SLIGHT_NOISE * generator.standard_normal((*shape, 3))
    elif settings.seed == "symmetric":
        smooth = _symmetric_noise(shape, settings.wraps, generator)
        frames = _colored(smooth, inputs.sources) + SLIGHT_NOISE * generator.standard_normal((*shape, 3))
    else:
        frames = _colored(generator.standard_normal((*shape, 3)), inputs.sources)
    return np.clip(frames, 0, 1).astype(np.float32)


def enlarged(frames: np.ndarray, size: tuple[int, int], wraps: tuple[bool, bool]) -> np.ndarray:
    """Return frames (count, height, width, 3) at another size; axes that wrap are continued at their other side."""
    margins = [min(side, 8) if wrap else 0 for side, wrap in zip(frames.shape[1:3], wraps, strict=True)]
    padded = np.pad(frames, [(0, 0), *((margin, margin) for margin in margins), (0, 0)], mode="wrap")
    scaled = [side / old for side, old in zip(size, frames.shape[1:3], strict=True)]
    borders = [round(margin * factor) for margin, factor in zip(margins, scaled, strict=True)]
    grown = [resize(frame, size[0] + 2 * borders[0], size[1] + 2 * borders[1]) for frame in padded]
    return np.stack([frame[borders[0] :, borders[1] :][: size[0], : size[1]] for frame in grown])


def _colored(noise: np.ndarray, sources: Sequence[np.ndarray]) -> np.ndarray:
    """Return noise of variance 1 with the mean and covariance of the sources' pixels."""
    pixels = np.concatenate([source.reshape(-1, 3) for source in sources]).astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(pixels, rowvar=False))
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    return pixels.mean(axis=0) + noise @ root


def _symmetric_noise(
    shape: tuple[int, int, int], wraps: tuple[bool, bool], generator: np.random.Generator
) -> np.ndarray:
    """Return smooth noise of variance 1 that is its own mirror image in both directions."""
    noise = generator.standard_normal((*shape, 3))
    noise = noise + noise[:, ::-1]
    noise = noise + noise[:, :, ::-1]
    radius = SYMMETRIC_BLUR * max(shape[1:])
    for axis, wrap in zip((1, 2), wraps, strict=True):
        noise = ndimage.gaussian_filter1d(noise, radius, axis=axis, mode="wrap" if wrap else "reflect")
    noise = noise - noise.mean(axis=(1, 2), keepdims=True)
    return noise / np.maximum(noise.std(axis=(1, 2), keepdims=True), 1e-12)
