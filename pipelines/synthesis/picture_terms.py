"""What is asked of the pictures themselves beside the descriptor's statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from losses.loss import Loss
from losses.octaves import OctaveLosses
from losses.pictures.autocorrelation import REACH, Autocorrelation, joined_autocorrelation
from losses.pictures.equalizing import equalized
from losses.pictures.histograms import Histograms, histograms
from losses.pictures.matching import match_levels
from losses.pictures.octave_spectra import octave_spectra, source_pyramids
from losses.pictures.opponent_colors import OpponentColors
from losses.pyramid import PyramidPadding
from pipelines.synthesis.geometry import Scale
from pipelines.synthesis.objective import picture_padding

# Of the autocorrelation, where they are large enough.
MAX_OCTAVES = 6
# Measured on a CPU: bytes a pixel that a term takes beside the others at once, and piece by piece (losses.pictures.
# in_pieces).
BYTES_AT_ONCE = {"spectrum": 360, "histograms": 200, "autocorrelation": 165}
BYTES_IN_PIECES = {"spectrum": 60, "histograms": 77, "autocorrelation": 50}
# Pixels a side of an octave that has an autocorrelation.
MIN_SIDE = 3 * REACH


@dataclass(frozen=True)
class PictureTermsPlan:
    """Weights of the terms of the pictures themselves; 0: there is none.

    Attributes:
        spectrum: of the power spectrum.
        histograms: of the histograms of colours and detail.
        autocorrelation: of the autocorrelation.
    """

    spectrum: float
    histograms: float
    autocorrelation: float

    def bytes_needed(self) -> tuple[int, int]:
        """Return about how many bytes a pixel the terms take at once, and one after another in pieces."""
        terms = [name for name in BYTES_AT_ONCE if getattr(self, name)]
        return sum(BYTES_AT_ONCE[name] for name in terms), max((BYTES_IN_PIECES[name] for name in terms), default=0)

    def losses(
        self,
        sources: Sequence[np.ndarray],
        scale: Scale,
        wraps: tuple[bool, bool],
        mixtures: np.ndarray | None = None,
    ) -> dict[str, tuple[float, Loss]]:
        """Return the terms by name, each with its weight.

        Spectrum and histograms are those of the whole canvas, margins and all: windows hardly see what lies at an
        edge, and histograms of the picture alone leave stains there. The autocorrelation is the picture's, which has
        few waves of low frequencies.

        Args:
            sources: float32 (height, width, 3), resized for the scale; not continued by mirroring, since the folds
                would have high frequencies of their own.
            scale: of the frames.
            wraps: whether they repeat (vertically, horizontally).
            mixtures: shares of the sources in each frame, or in all of them, (frames or 1, sources); None: equal ones.
        """
        found: dict[str, tuple[float, Loss]] = {}
        padding = picture_padding(wraps)
        if self.spectrum:
            found["spectrum"] = self.spectrum, octave_spectra(sources, scale.canvas, padding, mixtures)
        if self.histograms:
            found["histograms"] = self.histograms, Histograms(histograms(sources), padding)
        octaves = _octaves([scale.size, *(source.shape[:2] for source in sources)])
        if self.autocorrelation and octaves:
            pyramids = source_pyramids(sources, octaves)
            found["autocorrelation"] = self.autocorrelation, _autocorrelations(pyramids, scale, wraps, padding)
        return {name: (weight, OpponentColors(loss)) for name, (weight, loss) in found.items()}

    def matched(
        self,
        frames: np.ndarray,
        sources: Sequence[np.ndarray],
        wraps: tuple[bool, bool],
        margins: tuple[int, int] = (0, 0),
    ) -> np.ndarray:
        """Return finished frames with the histograms of the sources at every scale, where these are a term.

        Before, they get the sources' power at all frequencies, where that is a term too. (Of mixtures of textures the
        spectrum is a term without histograms: it is a mean over places that differ.)

        Args:
            frames: float32 (count, height, width, 3), with their margins: at an edge there is texture beyond it, and
                not the picture once more.
            sources: float32 (height, width, 3), at their full size.
            wraps: whether the frames repeat (vertically, horizontally).
            margins: (rows, columns) at each side of the frames, whose values do not count.
        """
        if not self.histograms:
            return frames
        if self.spectrum:
            frames = equalized(frames, sources, wraps)
        height, width = (side - 2 * margin for side, margin in zip(frames.shape[1:3], margins, strict=True))
        octaves = _octaves([(height, width), *(source.shape[:2] for source in sources)])
        return match_levels(frames, sources, max(1, octaves), picture_padding(wraps), margins)


def _octaves(sizes: Sequence[tuple[int, int]]) -> int:
    """Return how many octaves of pictures of these (height, width) are large enough for an autocorrelation."""
    least = min(min(size) for size in sizes)
    return sum(least >= MIN_SIDE * 2**octave for octave in range(MAX_OCTAVES))


def _autocorrelations(
    pyramids: Sequence[Sequence[np.ndarray]], scale: Scale, wraps: tuple[bool, bool], padding: PyramidPadding
) -> Loss:
    """Return the autocorrelations of the octaves, each of which has the pictures of all sources."""
    losses = []
    for octave, pictures in enumerate(pyramids):
        margins = scale.margins[0] // 2**octave, scale.margins[1] // 2**octave
        losses.append(Autocorrelation(joined_autocorrelation(pictures, REACH), margins, wraps))
    return OctaveLosses(losses, padding)
