"""Power spectra at several scales against NumPy and SciPy."""

import numpy as np
import pytest
import scipy.ndimage
from keras import ops

from losses.pictures.octave_spectra import octave_spectra, source_pyramids
from losses.pictures.opponent_colors import OPPONENT, ROUNDING, OpponentColors

pytestmark = pytest.mark.backends

RANDOM = np.random.default_rng(3)
SOURCE = RANDOM.random((48, 64, 3), dtype=np.float32)
TILE = RANDOM.random((32, 32, 3), dtype=np.float32)


def halved(picture, mode):
    """A blurred half of a picture (height, width, planes)."""
    for axis in (0, 1):
        picture = scipy.ndimage.convolve1d(picture, [0.05, 0.25, 0.4, 0.25, 0.05], axis=axis, mode=mode)
    return picture[::2, ::2]


def power(picture, window, *, wraps):
    """The mean power of windows of a picture of opponent colours, half a window apart."""
    step, (height, width, _) = window // 2, picture.shape
    rows, columns = (range(0, side if wraps else side - window + 1, step) for side in (height, width))
    hann = np.outer(*[0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)] * 2)
    centred = picture - picture.mean(axis=(0, 1))
    tiled = np.pad(centred, ((0, window), (0, window), (0, 0)), mode="wrap")
    windows = [tiled[row : row + window, column : column + window] for row in rows for column in columns]
    found = np.fft.rfft2([hann[..., None] * one for one in windows], axes=(1, 2))
    return np.mean(np.abs(found) ** 2, axis=0) / np.sum(hann**2)


def test_each_octave_agrees_with_numpy():
    """Windows of 32, 16 and 8 pixels, as large as the octaves of the tile."""
    loss = OpponentColors(octave_spectra([SOURCE], (32, 32), ("circular", "circular")))
    found = loss.terms(ops.convert_to_tensor(TILE[None]))
    wanted, source, tile = {}, SOURCE.astype("float64") @ OPPONENT, TILE.astype("float64") @ OPPONENT
    for octave, window in enumerate((32, 16, 8)):
        powers = power(source, window, wraps=False), power(tile, window, wraps=True)
        target, own = (np.log(one + ROUNDING) for one in powers)
        wanted[f"octave{octave}"] = np.mean((own - target) ** 2)
        source, tile = halved(source, "nearest"), halved(tile, "wrap")
    numbers = {name: float(ops.convert_to_numpy(value)) for name, value in found.items()}
    assert numbers == pytest.approx(wanted, rel=1e-3)


def test_the_octaves_of_sources_are_scipy_s():
    for octave, (picture,) in enumerate(source_pyramids([SOURCE], 3)):
        expected = SOURCE.astype("float64")
        for _ in range(octave):
            expected = halved(expected, "nearest")
        np.testing.assert_allclose(picture, expected, atol=1e-5)
