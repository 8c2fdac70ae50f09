"""What is asked of the pictures themselves beside the descriptor's statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from keras import ops

from losses.loss import Loss
from losses.octaves import OctaveLosses
from losses.pictures.histograms import Histograms, histograms
from losses.pictures.power_spectrum import PowerSpectrum, joined_spectrum, window_of
from losses.pyramid import PyramidPadding, gaussian_pyramid
from pipelines.synthesis.geometry import Scale
from pipelines.synthesis.objective import EDGES, picture_padding

# Of the spectrum.
OCTAVES = 3


@dataclass(frozen=True)
class PictureTermsPlan:
    """Weights of the terms of the pictures themselves; 0: there is none.

    Attributes:
        spectrum: of the power spectrum.
        histograms: of the histograms of colours and detail.
    """

    spectrum: float
    histograms: float

    def losses(
        self, sources: Sequence[np.ndarray], scale: Scale, wraps: tuple[bool, bool]
    ) -> dict[str, tuple[float, Loss]]:
        """Return the terms by name, each with its weight.

        All are those of the whole canvas, margins and all: windows hardly see what lies at an edge, and histograms of
        the picture alone leave stains there.

        Args:
            sources: float32 (height, width, 3), resized for the scale; not continued by mirroring, since the folds
                would have high frequencies of their own.
            scale: of the frames.
            wraps: whether they repeat (vertically, horizontally).
        """
        found: dict[str, tuple[float, Loss]] = {}
        padding = picture_padding(wraps)
        if self.spectrum:
            found["spectrum"] = self.spectrum, _spectra(sources, scale.canvas, wraps, padding)
        if self.histograms:
            found["histograms"] = self.histograms, Histograms(histograms(sources), padding)
        return found


def _spectra(
    sources: Sequence[np.ndarray], size: tuple[int, int], wraps: tuple[bool, bool], padding: PyramidPadding
) -> Loss:
    """Return the spectra of the octaves: low frequencies are told apart where a window holds some of their waves."""
    pyramids = [gaussian_pyramid(ops.convert_to_tensor(source[np.newaxis]), OCTAVES, EDGES) for source in sources]
    losses = []
    for octave, levels in enumerate(zip(*pyramids, strict=True)):
        height, width = (-(-side // 2**octave) for side in size)
        pictures = [ops.convert_to_numpy(level)[0] for level in levels]
        window = window_of([(height, width), *(picture.shape[:2] for picture in pictures)])
        losses.append(PowerSpectrum(joined_spectrum(pictures, window), wraps))
    return OctaveLosses(losses, padding)
