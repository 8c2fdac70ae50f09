"""Regular textures are told from others."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from losses.pictures.regularity import regularity


def grey(plane):
    return np.repeat(np.asarray(plane, np.float32)[..., None], 3, axis=2)


def noise(size=(96, 128), seed=0):
    return np.random.default_rng(seed).random(size)


def test_a_checkerboard_repeats_and_noise_does_not():
    rows, columns = np.mgrid[:96, :128] // 8
    assert regularity(grey((rows + columns) % 2)) > 0.9
    assert regularity(grey(noise())) < 0.05
    assert regularity(grey(ndimage.gaussian_filter(noise((240, 256)), 3) * 4)) < 0.18


def test_rows_under_uneven_light_and_noise_repeat():
    rows, columns = np.mgrid[:96, :128]
    bricks = (rows % 12 < 2) * 0.5 + columns / 128 + 0.3 * noise()
    assert regularity(grey(bricks)) > 0.3


def test_the_period_may_be_any_share_of_a_large_picture():
    rows, columns = np.mgrid[:700, :700] // 50
    assert regularity(grey((rows + columns) % 2)) > 0.7


@pytest.mark.parametrize("size", [(1, 1), (3, 40)])
def test_small_and_even_pictures_repeat_nothing(size):
    assert regularity(np.full((*size, 3), 0.5, np.float32)) == 0
    assert np.isfinite(regularity(grey(noise(size))))


@pytest.mark.parametrize(
    ("name", "is_regular"),
    [("chain_links.png", True), ("tread_plate.jpg", True), ("weave_bamboo_192.png", True),
     ("gravel_grey.png", False), ("beach_stones.jpg", False)],
)  # fmt: skip
def test_photographs(shared, name, is_regular):
    picture = np.asarray(Image.open(shared / "textures_more" / name).convert("RGB"), np.float32) / 255
    assert (regularity(picture) > 0.18) == is_regular
