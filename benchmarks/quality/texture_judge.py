"""Every measure of one synthesised texture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.quality.borders import border_ratios
from benchmarks.quality.judge import AlexNet, moment_distance
from benchmarks.quality.patches import copied_share, patch_distance
from benchmarks.quality.portilla import portilla_simoncelli_distance
from benchmarks.quality.spectra import detail_ratio, median_laplacians, spectrum_distance
from pipelines.materials.tiles import repetition, seam


@dataclass(frozen=True)
class Measures:
    """What a texture is measured by; 0 is best where nothing else is said.

    Attributes:
        portilla_simoncelli: relative distance of their statistics.
        cross_scale: the same of those that tie scales together.
        patches: sliced Wasserstein distance of colour patches at three scales.
        alexnet: distance of means and covariances of AlexNet's features.
        copied: share of neighbouring patches that are neighbours in the source.
        border_patches: patch distance of the border over that of the middle; 1 is best.
        border_alexnet: AlexNet's distance of the border over that of the middle; 1 is best.
        spectrum: root mean square of the radial power spectrum's difference, in decades.
        high: excess of power above 0.35 cycles a pixel, in decades.
        detail_luma: median absolute Laplacian over the source's, of luma; 1 is best, or within one level.
        detail_blue: likewise, of the blue difference.
        detail_red: likewise, of the red difference.
        seam: of the tiled picture; 1 is best. NaN for pictures that are no tiles.
        repetition: highest peak of the autocorrelation; the source's is best.
        source_repetition: that of the source.
    """

    portilla_simoncelli: float
    cross_scale: float
    patches: float
    alexnet: float
    copied: float
    border_patches: float
    border_alexnet: float
    spectrum: float
    high: float
    detail_luma: float
    detail_blue: float
    detail_red: float
    seam: float
    repetition: float
    source_repetition: float

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:.4g}" for name, value in vars(self).items())


class TextureJudge:
    """Measures pictures beside their sources.

    Args:
        alexnet: lpips_alexnet.npz.
    """

    def __init__(self, alexnet: Path) -> None:
        self._path = alexnet

    @cached_property
    def alexnet(self) -> AlexNet:
        """The judge of features."""
        return AlexNet(self._path)

    def measure(self, picture: np.ndarray, source: np.ndarray, *, is_tile: bool = False) -> Measures:
        """Return the measures of a picture (height, width, 3) in [0, 1], at least 192 pixels a side.

        Args:
            picture: what was synthesised.
            source: its texture, at least 128 pixels a side.
            is_tile: whether the picture is to be repeated.
        """
        features = self.alexnet.features
        statistics = portilla_simoncelli_distance(picture, source)
        spectrum = spectrum_distance(picture, source)
        border_patches, border_alexnet = border_ratios(picture, source, features)
        found, wanted = map(median_laplacians, (picture, source))
        luma, blue, red = map(detail_ratio, found, wanted)
        return Measures(
            portilla_simoncelli=statistics.whole,
            cross_scale=statistics.cross_scale,
            patches=patch_distance(picture, source),
            alexnet=moment_distance(features(picture), features(source)),
            copied=copied_share(picture, source),
            border_patches=border_patches,
            border_alexnet=border_alexnet,
            spectrum=spectrum.rms,
            high=spectrum.high,
            detail_luma=luma,
            detail_blue=blue,
            detail_red=red,
            seam=seam(picture) if is_tile else float("nan"),
            repetition=repetition(picture, wraps=is_tile),
            source_repetition=repetition(source, wraps=False),
        )
