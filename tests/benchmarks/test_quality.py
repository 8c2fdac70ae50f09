"""What the quality of styles is measured by, on pictures whose answers are known."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks.quality import content, judge, lattice

SIZE = 192


def clouds(seed=0, size=SIZE):
    """Return a smooth random picture, (size, size, 3), without any lattice."""
    noise = np.random.default_rng(seed).normal(size=(size, size, 3))
    frequencies = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None, :])[..., None]
    values = np.real(np.fft.ifft2(np.fft.fft2(noise, axes=(0, 1)) / (0.02 + frequencies) ** 2, axes=(0, 1)))
    return np.clip(0.5 + 0.15 * values / values.std(), 0, 1)


def printed(picture, period, direction, levels=6.0):
    """Return the picture with waves of `period` pixels, `levels` grey levels from peak to peak."""
    rows, columns = np.indices(picture.shape[:2])
    places = {"rows": rows, "columns": columns, "falling": rows + columns, "rising": rows - columns}[direction]
    return picture + (levels / 255 / 2) * np.cos(2 * np.pi * places / period)[..., None]


def test_a_picture_without_a_lattice_has_none():
    assert lattice.lattice_power(clouds()) < 2
    assert lattice.lattice_height(clouds()) < 1.5


@pytest.mark.parametrize("direction", ["rows", "columns", "falling", "rising"])
@pytest.mark.parametrize("period", lattice.PERIODS)
def test_a_lattice_is_found_and_its_height_measured(period, direction):
    picture = printed(clouds(), period, direction)
    assert lattice.lattice_power(picture) > 2
    assert lattice.lattice_height(picture) == pytest.approx(6, abs=1.5)


def test_a_frame_is_far_from_the_middle():
    plain = clouds()
    framed = plain.copy()
    framed[:4] = framed[-4:] = framed[:, :4] = framed[:, -4:] = 1.0
    for before, after in zip(lattice.border_distances(plain), lattice.border_distances(framed), strict=True):
        assert after > 2 * before


def alexnet_file(path):
    """Write random weights as the judge's file has them, and return them."""
    random = np.random.default_rng(0)
    shapes = [(11, 11, 3, 64), (5, 5, 64, 192), (3, 3, 192, 384), (3, 3, 384, 256), (3, 3, 256, 256)]
    weights = {}
    for i, shape in enumerate(shapes):
        weights[f"AlexNet_0/Conv_{i}/kernel"] = random.normal(0, np.prod(shape[:3]) ** -0.5, shape).astype("float32")
        weights[f"AlexNet_0/Conv_{i}/bias"] = random.normal(size=shape[-1]).astype("float32")
        weights[f"NetLinLayer_{i}/Conv_0/kernel"] = random.random((1, 1, shape[-1], 1), dtype=np.float32)
    np.savez(path, **weights)
    return weights


def test_alexnet_computes_what_torch_does(tmp_path):
    weights = alexnet_file(tmp_path / "alexnet.npz")
    picture = clouds(size=96)
    x = torch.tensor((picture - judge.MEAN) / judge.DEVIATION, dtype=torch.float32).permute(2, 0, 1)[None]
    found = judge.AlexNet(tmp_path / "alexnet.npz").features(picture)
    for i, (stride, padding) in enumerate(((4, 2), (1, 2), (1, 1), (1, 1), (1, 1))):
        kernel = torch.tensor(weights[f"AlexNet_0/Conv_{i}/kernel"]).permute(3, 2, 0, 1)
        x = F.relu(F.conv2d(x, kernel, torch.tensor(weights[f"AlexNet_0/Conv_{i}/bias"]), stride, padding))
        np.testing.assert_allclose(found[i], x[0].permute(1, 2, 0).numpy(), atol=1e-4)
        x = F.max_pool2d(x, 3, 2) if i < 2 else x


def test_lpips_of_a_picture_with_itself_is_0(tmp_path):
    alexnet_file(tmp_path / "alexnet.npz")
    alexnet = judge.AlexNet(tmp_path / "alexnet.npz")
    one, other = (alexnet.features(clouds(seed, 96)) for seed in (0, 1))
    assert alexnet.lpips(one, one) == 0
    assert alexnet.lpips(one, other) == pytest.approx(alexnet.lpips(other, one))
    assert alexnet.lpips(one, other) > 0.01
    assert judge.moment_distance(one, one) == 0 < judge.moment_distance(one, other)


def test_style_distances_know_no_places():
    features = np.random.default_rng(0).normal(size=(16, 24, 8)).astype("float32")
    turned, moved = {"a": np.rot90(features)}, {"a": features + 1}
    for distance in (judge.gram_distance, judge.sliced_wasserstein):
        assert distance(turned, {"a": features}) == pytest.approx(0, abs=1e-6)
        assert distance(moved, {"a": features}) > 0.5


def test_sliced_wasserstein_of_a_shift_is_its_square_along_the_directions():
    features = np.random.default_rng(0).normal(size=(64, 64, 1)).astype("float32")
    assert judge.sliced_wasserstein({"a": features + 2}, {"a": features}) == pytest.approx(4, rel=0.05)


def test_ssim_of_equal_and_of_inverted_pictures():
    picture = clouds()
    assert content.ssim(picture, picture) == pytest.approx(1)
    assert content.ssim(picture, 1 - picture) < 0
    # With means alone the index is (2 m n + c) / (m^2 + n^2 + c).
    even = content.ssim(np.full((32, 32, 3), 0.2), np.full((32, 32, 3), 0.6))
    assert even == pytest.approx((2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4))


def test_cosine_of_features():
    features = np.random.default_rng(0).normal(size=(5, 6, 7))
    assert content.cosine(features, 3 * features) == pytest.approx(1)
    assert content.cosine(features, -features) == pytest.approx(-1)


def test_what_follows_the_photo_does_not_change_by_shifts():
    photo = clouds()
    assert content.shift_difference(lambda x: 1 - x, photo) == pytest.approx(0, abs=1e-6)
    stripes = (np.arange(SIZE) % 4 / 255)[:, None, None]
    # A lattice of four steps that stays where it is: |shifted - still| is 1.5, 2 and 1.5 levels for shifts 1, 2 and 3.
    assert content.shift_difference(lambda x: x + stripes[: len(x)], photo, (1, 2, 3)) == pytest.approx(5 / 3, abs=0.03)
