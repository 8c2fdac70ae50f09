"""What Gram matrices leave open: the power spectrum, and how strong the finest detail is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage

from benchmarks.quality.lattice import luma

# Width of a ring of frequencies, and where the high ones begin, in cycles a pixel.
RING, HIGH = 1 / 128, 0.35
# Power of rounding to 8 bits: no less can be told from nothing.
ROUNDING = 1 / 12 / 255**2
# Rec. 601, full range, as JPEG files have it: blue minus luma and red minus luma.
CHROMA = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


@dataclass(frozen=True)
class SpectrumDistance:
    """How far a spectrum is from that of the source, in decades of power.

    Attributes:
        rms: root mean square over the rings.
        high: mean excess above HIGH.
    """

    rms: float
    high: float


def radial_spectrum(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle frequencies of rings of RING cycles a pixel, up to 0.5, and the mean power in each.

    Power is that of the luma under a Hann window, a pixel; its sum over all frequencies is about the variance times
    the number of pixels. The ring about 0 is left out.

    Args:
        picture: (height, width, 3) in [0, 1], at least 128 pixels a side.
    """
    gray = luma(picture)
    window = np.outer(*(np.hanning(size + 1)[:-1] for size in gray.shape))
    power = np.abs(np.fft.fft2((gray - gray.mean()) * window)) ** 2 / np.sum(window**2)
    frequencies = np.hypot(np.fft.fftfreq(gray.shape[0])[:, None], np.fft.fftfreq(gray.shape[1]))
    rings = np.floor(frequencies / RING).astype(int).ravel()
    count = round(0.5 / RING)
    means = np.bincount(rings, power.ravel())[:count] / np.bincount(rings)[:count]
    return (np.arange(1, count) + 0.5) * RING, means[1:]


def spectrum_distance(picture: np.ndarray, source: np.ndarray) -> SpectrumDistance:
    """Return the distance of the radial power spectra of two pictures (height, width, 3) in [0, 1]."""
    (frequencies, found), (_, wanted) = map(radial_spectrum, (picture, source))
    decades = np.log10(found + ROUNDING) - np.log10(wanted + ROUNDING)
    return SpectrumDistance(float(np.sqrt(np.mean(decades**2))), float(np.mean(decades[frequencies > HIGH])))


def median_laplacians(picture: np.ndarray) -> tuple[float, float, float]:
    """Return the median absolute Laplacian (four neighbours) of luma, blue and red difference, in levels of 255."""
    planes = [luma(picture), *(picture.astype("float64") @ weights for weights in CHROMA)]
    laplacians = (scipy.ndimage.laplace(plane)[1:-1, 1:-1] for plane in planes)
    brightness, blue, red = (255.0 * float(np.median(np.abs(values))) for values in laplacians)
    return brightness, blue, red


def detail_ratio(found: float, wanted: float) -> float:
    """Return one median Laplacian over another, both in levels of 255; 1 where they are within one level."""
    return 1.0 if abs(found - wanted) <= 1 else found / max(wanted, 1e-6)
