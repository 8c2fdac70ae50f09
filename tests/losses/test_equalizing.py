"""Gains for rings of frequencies against NumPy's transforms and SciPy's estimate of power."""

import numpy as np
import pytest
from scipy import ndimage, signal

from losses.pictures.equalizing import MAX_GAIN, equalized, filtered, radial_power


def noise(size, seed, *, soft=0.0):
    values = np.random.default_rng(seed).standard_normal((*size, 3))
    values = values - soft * (values - ndimage.gaussian_filter(values, (1, 1, 0), mode="wrap"))
    return (0.5 + 0.1 * values).astype("float32")


def power_of_rows(picture):
    _, power = signal.welch(picture.mean(axis=-1), nperseg=32, axis=1)
    return np.log(power.mean(axis=0))


@pytest.mark.parametrize("wraps", [(False, False), (True, False), (True, True)])
def test_power_comes_near_that_of_the_source(wraps):
    source, other = noise((240, 288), 0), noise((256, 256), 1, soft=0.15)
    (found,) = equalized(other[None], [source], wraps)
    before, after = (np.abs(power_of_rows(picture) - power_of_rows(source))[2:] for picture in (other, found))
    assert before[6:].mean() > 0.2
    assert after[6:].mean() < 0.5 * before[6:].mean()  # the rest may be chance
    np.testing.assert_allclose(found.mean(axis=(0, 1)), other.mean(axis=(0, 1)), atol=2e-5)


def test_what_chance_explains_stays():
    source, other = noise((128, 128), 0), noise((128, 128), 1)
    (found,) = equalized(other[None], [source], (False, False))
    assert np.std(found - other) < 0.02 * np.std(other)
    (same,) = equalized(source[None], [source], (True, True))
    np.testing.assert_allclose(same, source, atol=1e-6)


def test_no_gain_is_larger_than_the_limit():
    source, other = noise((96, 96), 0), 0.5 + 0.1 * (noise((96, 96), 1) - 0.5)
    (found,) = equalized(other[None], [source], (True, True))
    ratio = np.abs(np.fft.fft2(found[..., 0] - found[..., 0].mean())).sum()
    ratio /= np.abs(np.fft.fft2(other[..., 0] - other[..., 0].mean())).sum()
    assert ratio == pytest.approx(MAX_GAIN, rel=0.01)


@pytest.mark.parametrize("wraps", [(False, False), (False, True), (True, True)])
def test_planes_are_continued_by_mirroring_or_at_their_other_side(wraps):
    plane, gains = noise((20, 26), 0)[..., 0].astype("float64"), np.array([1.0, 0.5, 2.0, 1.5])
    widths = [(0, 0 if wrap else size) for wrap, size in zip(wraps, plane.shape, strict=True)]
    around = np.pad(plane, widths, mode="symmetric")
    radii = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, around.shape), indexing="ij"))
    factors = np.interp(radii, [0.0625, 0.1875, 0.3125, 0.4375], gains)
    factors[0, 0] = 1
    expected = np.fft.ifft2(np.fft.fft2(around) * factors).real[: plane.shape[0], : plane.shape[1]]
    np.testing.assert_allclose(filtered(plane.astype("float32"), gains, wraps), expected, atol=1e-5)


@pytest.mark.parametrize("size", [(40, 31), (32, 44)])
def test_power_is_the_mean_over_rings_of_all_frequencies(size):
    plane = noise(size, 0)[..., 0]
    window = np.outer(*(signal.windows.hann(side, sym=False) for side in size))
    power = np.abs(np.fft.fft2((plane - plane.mean()) * window)) ** 2 / np.sum(window**2)
    radii = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, size), indexing="ij"))
    expected = [power[(radii >= i / 20) & (radii < (i + 1) / 20)].mean() for i in range(10)]
    np.testing.assert_allclose(radial_power(plane, 10), expected, rtol=2e-4)


def test_small_pictures_stay_as_they_are():
    small = noise((15, 40), 0)[None]
    assert equalized(small, [noise((64, 64), 1)], (False, False)) is small
