"""Power spectra at several scales: low frequencies are told apart where a window holds some of their waves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from keras import ops

from losses.octaves import OctaveLosses
from losses.pictures.power_spectrum import PowerSpectrum, joined_spectrum, window_of
from losses.pyramid import PyramidPadding, gaussian_pyramid

OCTAVES = 3


def octave_spectra(
    sources: Sequence[np.ndarray],
    size: tuple[int, int],
    padding: PyramidPadding,
    mixtures: np.ndarray | None = None,
) -> OctaveLosses:
    """Return the loss of the power spectra of luma and colour differences in OCTAVES octaves of a picture.

    Args:
        sources: whose spectra, or the mean of them, is wanted, float32 (height, width, 3) in [0, 1].
        size: (height, width) of the pictures, or of the smallest, in pixels.
        padding: "replicate" or "circular" for each axis; pictures repeat along a circular one.
        mixtures: shares of the sources in each picture, or in all of them, (pictures or 1, sources); None: equal ones.

    Returns:
        A loss of planes (batch, height, width, planes), for `losses.pictures.opponent_colors.OpponentColors`.
    """
    wraps = padding[0] == "circular", padding[1] == "circular"
    losses = []
    for octave, pictures in enumerate(source_pyramids(sources, OCTAVES)):
        height, width = (-(-side // 2**octave) for side in size)
        window = window_of([(height, width), *(picture.shape[:2] for picture in pictures)])
        target = joined_spectrum(pictures, window)
        if mixtures is not None:
            target = np.tensordot(mixtures, [joined_spectrum([picture], window) for picture in pictures], axes=1)
        losses.append(PowerSpectrum(target, wraps))
    return OctaveLosses(losses, padding)


def source_pyramids(sources: Sequence[np.ndarray], octaves: int) -> list[list[np.ndarray]]:
    """Return the pictures of every octave of the sources, (height, width, 3) each, which do not repeat."""
    edges: PyramidPadding = ("replicate", "replicate")
    pyramids = (gaussian_pyramid(ops.convert_to_tensor(source[np.newaxis]), octaves, edges) for source in sources)
    return [[ops.convert_to_numpy(level)[0] for level in levels] for levels in zip(*pyramids, strict=True)]
