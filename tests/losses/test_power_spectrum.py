"""The power spectrum against SciPy and PyTorch, values and gradients."""

import numpy as np
import pytest
import scipy.signal
import torch
from keras import ops

from losses.pictures.opponent_colors import OpponentColors, opponent_colors
from losses.pictures.power_spectrum import ROUNDING, PowerSpectrum, joined_spectrum, power_spectrum, window_of
from optimize.value_and_grad import compile_value_and_grad
from tests.losses import torch_reference

pytestmark = pytest.mark.backends


def pictures(count=1, size=(40, 48), seed=0):
    return np.random.default_rng(seed).random((count, *size, 3)).astype("float32")


def spectrum(images, window=16, wraps=(False, False)):
    return ops.convert_to_numpy(power_spectrum(opponent_colors(ops.convert_to_tensor(images)), window, wraps))


def test_along_one_axis_it_is_welch_s():
    line = np.random.default_rng(0).standard_normal(48).astype("float32")
    grey = np.repeat(np.broadcast_to(line, (1, 16, 48))[..., None], 3, axis=-1)
    _, wanted = scipy.signal.welch(line - line.mean(), window="hann", nperseg=16, detrend=False, return_onesided=False)
    hann = scipy.signal.get_window("hann", 16)
    even = hann.sum() ** 2 / np.sum(hann**2)
    np.testing.assert_allclose(spectrum(grey)[0, 0, :, 0], even * wanted[:9], rtol=1e-4)
    np.testing.assert_allclose(spectrum(grey)[..., 1:], 0, atol=1e-6)


def reference(images, target):
    """The loss in PyTorch: windows of 16 pixels, 8 apart, in a picture whose size allows it."""
    red, green, blue = images.unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = torch.stack([luma, (blue - luma) / 1.772, (red - luma) / 1.402], dim=1)
    planes = planes - planes.mean(dim=(2, 3), keepdim=True)
    hann = torch.hann_window(16, dtype=images.dtype)
    windows = planes.unfold(2, 16, 8).unfold(3, 16, 8) * torch.outer(hann, hann)
    power = torch.fft.rfft2(windows).abs().square().mean(dim=(2, 3)) / hann.square().sum() ** 2
    wanted = torch.tensor(target, dtype=images.dtype).permute(2, 0, 1)
    return (torch.log(power + ROUNDING) - torch.log(wanted + ROUNDING)).square().mean()


def test_value_and_gradient_agree_with_pytorch():
    images, source = pictures(2), pictures(seed=1)[0]
    target = joined_spectrum([source], 16)
    found = compile_value_and_grad(OpponentColors(PowerSpectrum(target)))(images)
    torch_reference.assert_agrees(
        found, torch_reference.value_and_gradient(lambda x: reference(x, target), images), 1e-4
    )


def test_each_picture_of_a_batch_may_have_its_own_target():
    images, sources = pictures(2), pictures(2, seed=1)
    targets = [joined_spectrum([source], 16) for source in sources]

    def both(batch):
        return sum(reference(batch[i : i + 1], target) for i, target in enumerate(targets)) / 2

    found = compile_value_and_grad(OpponentColors(PowerSpectrum(np.stack(targets))))(images)
    torch_reference.assert_agrees(found, torch_reference.value_and_gradient(both, images), 1e-4)


def test_a_texture_has_its_own_spectrum_and_its_contrast_counts():
    source = pictures()[0]
    loss = OpponentColors(PowerSpectrum(joined_spectrum([source], 16)))
    assert float(ops.convert_to_numpy(loss(ops.convert_to_tensor(source[None]))[0])) == pytest.approx(0, abs=1e-9)
    doubled = 0.5 + 2 * (source[None] - 0.5)
    assert float(ops.convert_to_numpy(loss(ops.convert_to_tensor(doubled))[0])) == pytest.approx(
        np.log(4) ** 2, rel=0.01
    )


def test_windows_of_a_tile_lie_anywhere():
    tile = pictures(size=(32, 32))
    rolled = np.roll(tile, (8, 16), axis=(1, 2))
    np.testing.assert_allclose(spectrum(tile, wraps=(True, True)), spectrum(rolled, wraps=(True, True)), rtol=1e-4)
    assert not np.allclose(spectrum(tile), spectrum(rolled), rtol=0.05)


def test_several_sources_are_averaged():
    first, second = pictures(2)
    joined = joined_spectrum([first, second], 16)
    np.testing.assert_allclose(joined, spectrum(np.stack([first, second])).mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize(("sizes", "window"), [([(256, 300), (400, 99)], 64), ([(256, 31)], 30), ([(1, 1)], 2)])
def test_the_window_fits_all_pictures(sizes, window):
    assert window_of(sizes) == window
    assert np.isfinite(spectrum(pictures(size=sizes[-1]), window)).all()


def test_the_tree_tells_the_window():
    assert "windows of 16 pixels" in str(PowerSpectrum(joined_spectrum([pictures()[0]], 16)))
