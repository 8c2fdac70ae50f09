"""Histograms of colours and detail against NumPy and PyTorch."""

import numpy as np
import pytest
import torch
from keras import ops

from losses.pictures.histograms import ROUNDING, Histograms, histograms
from losses.pictures.opponent_colors import OpponentColors
from optimize.value_and_grad import compile_value_and_grad
from tests.losses import torch_reference

pytestmark = pytest.mark.backends


def pictures(count=1, size=(20, 24), seed=0):
    return np.random.default_rng(seed).random((count, *size, 3)).astype("float32")


def values(loss, images):
    terms = OpponentColors(loss).terms(ops.convert_to_tensor(images))
    return {name: float(ops.convert_to_numpy(value)) for name, value in terms.items()}


def reference(images, quantiles):
    """The loss of colours alone, in PyTorch; `quantiles` are as many as there are pixels."""
    red, green, blue = images.unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = torch.stack([luma, (blue - luma) / 1.772, (red - luma) / 1.402], dim=-1).flatten(1, 2)
    wanted = torch.tensor(quantiles, dtype=images.dtype)
    variance = wanted.var(dim=0, unbiased=False) + ROUNDING
    return ((planes.sort(dim=1).values - wanted).square() / variance).mean()


def test_colours_and_their_gradient_agree_with_pytorch():
    images = pictures(2)
    targets = [np.sort(np.random.default_rng(1).random((480, 3)), axis=0).astype("float32")]
    found = compile_value_and_grad(OpponentColors(Histograms(targets)))(images)
    torch_reference.assert_agrees(
        found, torch_reference.value_and_gradient(lambda x: reference(x, targets[0]), images), 1e-4
    )


def test_a_texture_has_its_own_histograms_wherever_its_pixels_are():
    source = pictures(size=(64, 64))[0]
    loss = Histograms(histograms([source], 2))
    assert list(values(loss, source[None])) == ["colors", "band0", "band1"]
    assert max(values(loss, source[None]).values()) < 1e-4
    turned = np.rot90(source)[None].copy()
    assert max(values(loss, turned).values()) < 0.01  # the pyramid takes other pixels


def test_brighter_colours_are_off_by_the_square_over_the_variance():
    source = pictures(size=(64, 64))[0]
    found = values(Histograms(histograms([source], 1)), source[None] + 0.25)
    luma = source @ np.array([0.299, 0.587, 0.114])
    assert found["colors"] == pytest.approx(0.25**2 / luma.var() / 3, rel=5e-3)
    assert found["band0"] < 1e-4  # detail is the same


def test_stronger_detail_is_seen_and_histograms_fit_any_size():
    loss = Histograms(histograms([pictures(size=(64, 64))[0], pictures(size=(40, 30), seed=1)[0]], 2))
    soft = 0.5 + 0.5 * (pictures(size=(50, 44), seed=2) - 0.5)
    assert max(values(loss, pictures(size=(50, 44), seed=2)).values()) < 0.01
    assert min(values(loss, soft).values()) > 0.1


def test_a_pixel_has_no_detail():
    assert np.isfinite(
        list(values(Histograms(histograms([pictures(size=(1, 1))[0]])), pictures(size=(1, 1))).values())
    ).all()


def test_the_tree_tells_the_bands():
    assert "2 bands of detail" in str(Histograms(histograms([pictures()[0]], 2)))
