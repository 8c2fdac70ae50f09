"""Pyramids against SciPy's filters."""

import numpy as np
import pytest
from keras import ops
from scipy import ndimage

from describe.positions import pyramid_sizes
from losses.pyramid import KERNEL, expand, gaussian_pyramid, laplacian_pyramid, reduce

pytestmark = pytest.mark.backends
SCIPY_MODES = {"replicate": "nearest", "circular": "wrap"}


def images(height, width, seed=0):
    return np.random.default_rng(seed).random((2, height, width, 3), dtype="float32")


def reduced(picture, padding):
    """Blur with SciPy in float64, cut what would need padding, take every second line."""
    result = picture.astype("float64")
    for axis, mode in enumerate(padding):
        result = ndimage.correlate1d(result, KERNEL, axis=axis, mode=SCIPY_MODES.get(mode, "constant"))
        inside = slice(2, -2) if mode == "valid" else slice(None)
        result = np.moveaxis(np.moveaxis(result, axis, 0)[inside][::2], 0, axis)
    return result


def expanded(picture, height, width, padding):
    """Put zeros between the lines, blur with twice the kernel."""
    result = picture.astype("float64")
    for axis, mode in enumerate(padding):
        lines = np.moveaxis(result, axis, 0)
        lines = np.pad(lines, [(1, 1), (0, 0), (0, 0)], mode="edge" if mode == "replicate" else "wrap")
        stuffed = np.zeros((2 * len(lines), *lines.shape[1:]))
        stuffed[::2] = lines
        blurred = ndimage.correlate1d(stuffed, 2 * np.array(KERNEL), axis=0, mode="constant")
        result = np.moveaxis(blurred[2:-2], 0, axis)
    return result[:height, :width]


@pytest.mark.parametrize("horizontal", ["valid", "replicate", "circular"])
@pytest.mark.parametrize("vertical", ["valid", "replicate", "circular"])
def test_reduce_is_scipys_blur_and_every_second_line(vertical, horizontal):
    padding = (vertical, horizontal)
    for size in ((16, 22), (17, 9)):
        x = images(*size)
        result = ops.convert_to_numpy(reduce(ops.convert_to_tensor(x), padding))
        expected = np.stack([reduced(picture, padding) for picture in x])
        np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize("padding", [("replicate", "replicate"), ("circular", "replicate"), ("circular", "circular")])
def test_expand_is_scipys_blur_of_lines_with_zeros_between(padding):
    x = images(5, 7)
    for size in ((10, 14), (9, 13)):
        result = ops.convert_to_numpy(expand(ops.convert_to_tensor(x), *size, padding))
        expected = np.stack([expanded(picture, *size, padding) for picture in x])
        np.testing.assert_allclose(result, expected, atol=1e-6)


def test_a_constant_picture_stays_constant_and_has_no_bands():
    x = ops.full((1, 13, 18, 3), 0.7)
    for level in gaussian_pyramid(x, 3, ("replicate", "circular")):
        np.testing.assert_allclose(ops.convert_to_numpy(level), 0.7, atol=1e-6)
    *bands, rest = laplacian_pyramid(x, 2)
    for band in bands:
        np.testing.assert_allclose(ops.convert_to_numpy(band), 0.0, atol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(rest), 0.7, atol=1e-6)


def test_a_laplacian_pyramid_adds_up_to_its_picture():
    x = images(21, 16)
    bands = [ops.convert_to_numpy(band) for band in laplacian_pyramid(ops.convert_to_tensor(x), 3)]
    picture = bands[-1]
    for band in reversed(bands[:-1]):
        picture = band + np.stack([expanded(p, *band.shape[1:3], ("replicate", "replicate")) for p in picture])
    np.testing.assert_allclose(picture, x, atol=1e-5)


@pytest.mark.parametrize("mode", ["valid", "replicate", "circular"])
@pytest.mark.parametrize("size", [64, 61, 125])
def test_sizes_are_known_beforehand(mode, size):
    x = ops.zeros((1, size, size + 3, 1))
    levels = gaussian_pyramid(x, 4, (mode, mode))
    assert [level.shape[1] for level in levels] == pyramid_sizes(size, 4, mode)
    assert [level.shape[2] for level in levels] == pyramid_sizes(size + 3, 4, mode)


def test_a_circular_pyramid_of_a_rolled_picture_is_rolled():
    x = images(16, 24)
    rolled = np.roll(x, (4, 8), axis=(1, 2))
    levels, rolled_levels = (
        gaussian_pyramid(ops.convert_to_tensor(p), 3, ("circular", "circular")) for p in (x, rolled)
    )
    for i, (level, other) in enumerate(zip(levels, rolled_levels, strict=True)):
        moved = np.roll(ops.convert_to_numpy(level), (4 // 2**i, 8 // 2**i), axis=(1, 2))
        np.testing.assert_allclose(ops.convert_to_numpy(other), moved, atol=1e-6)
