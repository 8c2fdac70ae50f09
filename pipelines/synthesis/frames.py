"""The frames of a synthesis: the first ones, how they are carried on to the next scale, where a tile is cut out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from images.resizing import resize
from pipelines.synthesis.geometry import Scale, resized
from pipelines.synthesis.inputs import SynthesisInputs
from pipelines.synthesis.plan import SynthesisPlan

# Radius of the symmetric seed's blur as a share of the longer side: the old script's 50 pixels of 512.
SYMMETRIC_BLUR = 0.1
# Lines by which axes that wrap are continued while they are enlarged: more than the filter sees.
WRAPPED = 8
# Noise that makes equal frames differ, and breaks the symmetric seed's symmetry.
SLIGHT_NOISE = 2 / 255
# Pixels from an edge over which a scale's noise grows to its strength.
FADING = 16


def first_frames(plan: SynthesisPlan, inputs: SynthesisInputs) -> np.ndarray:
    """Return the frames to start from, on the first scale's canvas: float32 (count, height, width, 3) in [0, 1].

    The picture to start from, resized; or noise with the mean and covariance of the sources' colours: white, or
    symmetric and smooth. Frames between two textures start from the same, so that shapes stay where they are.
    """
    scale, count = plan.scales[0], plan.count
    generator = np.random.default_rng(plan.random_seed)
    shape = (count, *scale.canvas)
    if inputs.init is None:
        is_symmetric = plan.seed == "symmetric"
        wraps = plan.geometry.wraps
        noise = _symmetric_noise(shape, wraps, generator) if is_symmetric else generator.standard_normal((*shape, 3))
        if inputs.is_morph:
            noise = np.repeat(noise[:1], count, axis=0)
        frames, is_alike = _colored(noise, inputs.sources), is_symmetric or (inputs.is_morph and count > 1)
    else:
        margins = [(margin, margin) for margin in scale.margins]
        picture = np.pad(resize(inputs.init, *scale.size), [*margins, (0, 0)], mode="symmetric")
        frames, is_alike = np.repeat(picture[np.newaxis], count, axis=0), count > 1
    if is_alike:
        frames = frames + SLIGHT_NOISE * generator.standard_normal((*shape, 3))
    return np.clip(frames, 0, 1).astype(np.float32)


def carried_over(frames: np.ndarray, old: Scale, new: Scale, wraps: tuple[bool, bool]) -> np.ndarray:
    """Return frames (count, height, width, 3) on the canvas of one scale, enlarged for that of another.

    Axes that wrap are continued at their other side while they are enlarged.
    """
    wrapped = [WRAPPED if wrap else 0 for wrap in wraps]
    padded = np.pad(frames, [(0, 0), *((width, width) for width in wrapped), (0, 0)], mode="wrap")
    factors = [after / before for after, before in zip(new.size, old.size, strict=True)]
    size = [round(side * factor) for side, factor in zip(padded.shape[1:3], factors, strict=True)]
    starts = [(side - wanted) // 2 for side, wanted in zip(size, new.canvas, strict=True)]
    rows, columns = (slice(start, start + wanted) for start, wanted in zip(starts, new.canvas, strict=True))
    return np.stack([resize(frame, *size)[rows, columns] for frame in padded])


def with_detail(
    frames: np.ndarray,
    sources: Sequence[np.ndarray],
    scale: Scale,
    padding: tuple[str, str],
    generator: np.random.Generator,
) -> np.ndarray:
    """Return enlarged frames (count, height, width, 3) with noise in place of the detail that they cannot have yet.

    From a smooth picture the descent makes rings around the blobs that enlarged pixels are; noise with the covariance
    of the sources' finest detail lets it grow the texture's own shapes.

    Args:
        frames: as `carried_over` returns them.
        sources: at their full size.
        scale: whose canvas the frames have.
        padding: (vertical, horizontal) of the descriptor.
        generator: from which the noise is drawn.
    """
    small = [resize(source, *resized(source.shape[:2], scale.factor)) for source in sources]
    # The same for all frames, which differ already; without what halving would leave of it, which they have.
    noise = _finest_detail(generator.random(frames.shape[1:]))
    noise = noise / noise.std(axis=(0, 1)) @ _root([_finest_detail(source) for source in small])
    for axis in (0, 1):
        if padding[axis] == "valid" and not scale.margins[axis]:
            noise = noise * _fading(noise.shape[axis]).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    return np.clip(frames + noise, 0, 1).astype(np.float32)


def without_margins(frames: np.ndarray, scale: Scale) -> np.ndarray:
    """Return the picture part of frames (count, height, width, 3) on a scale's canvas."""
    top, left = scale.margins
    return frames[:, top : top + scale.size[0], left : left + scale.size[1]]


def cut_tile(frames: np.ndarray, wraps: tuple[bool, bool], step: int) -> np.ndarray:
    """Return frames that repeat, rolled so that their edges are lines like all others.

    A texture that repeats can be cut anywhere. Neighbouring lines differ here more and there less, as the texture has
    it; the cut goes where they differ as much as they do on average, so that the edge is not seen.

    Args:
        frames: (count, height, width, 3).
        wraps: whether they repeat (vertically, horizontally).
        step: pixels between the places at which a cut leaves the loss as it is.
    """
    for axis, wrap in zip((1, 2), wraps, strict=True):
        if wrap:
            frames = np.roll(frames, -_best_cut(frames, axis, step), axis=axis)
    return frames


def _best_cut(frames: np.ndarray, axis: int, step: int) -> int:
    """Return the line that shall become the first."""
    others = tuple(i for i in range(4) if i != axis)
    # Of each line from the one before it.
    differences = np.abs(frames - np.roll(frames, 1, axis=axis)).mean(axis=others)
    cuts = np.arange(0, frames.shape[axis], step)
    return int(cuts[np.abs(differences[cuts] - differences.mean()).argmin()])


def _fading(size: int) -> np.ndarray:
    """Return weights (size,) that fall towards both ends, where without padding few positions would mend the noise."""
    places = np.arange(size) + 0.5
    return np.minimum(1, np.minimum(places, size - places) / FADING)


def _finest_detail(picture: np.ndarray) -> np.ndarray:
    """Return what a picture loses when it is halved."""
    size = picture.shape[:2]
    return picture - resize(resize(picture, *resized(size, 0.5)), *size)


def _colored(noise: np.ndarray, sources: Sequence[np.ndarray]) -> np.ndarray:
    """Return noise of variance 1 with the mean and covariance of the sources' pixels."""
    mean = np.concatenate([source.reshape(-1, 3) for source in sources]).mean(axis=0, dtype=np.float64)
    return mean + noise @ _root(sources)


def _root(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Return the root (3, 3) of the covariance of pictures' pixels: it gives their colours to white noise."""
    pixels = np.concatenate([picture.reshape(-1, 3) for picture in pictures]).astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(pixels, rowvar=False))
    return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T


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
