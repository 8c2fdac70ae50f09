"""What a scale begins with."""

import numpy as np

from images.resizing import resize
from pipelines.synthesis.frames import with_detail
from pipelines.synthesis.geometry import Scale

SCALE = Scale(size=(64, 64), margins=(0, 0), factor=0.5, octaves=1, iterations=1)


SAME = ("same", "same")


def grey(count=1):
    return np.full((count, 64, 64, 3), 0.5, np.float32)


def test_enlarged_frames_get_noise_like_the_sources_detail():
    random = np.random.default_rng(0)
    source = np.clip(0.5 + 0.1 * random.standard_normal((128, 128, 1)) * (1.0, 0.5, -0.5), 0, 1).astype(np.float32)
    frames = with_detail(grey(), [source], SCALE, SAME, np.random.default_rng(1))
    assert frames.dtype == np.float32
    small = resize(source, 64, 64)
    detail = small - resize(resize(small, 32, 32), 64, 64)
    covariances = [np.cov(values.reshape(-1, 3), rowvar=False) for values in (frames, detail)]
    np.testing.assert_allclose(*covariances, atol=0.1 * np.abs(covariances[1]).max())


def test_frames_keep_their_differences_and_stay_pictures():
    random = np.random.default_rng(0)
    source = random.integers(0, 2, (128, 128, 3)).astype(np.float32)
    frames = grey(2)
    frames[1] += 0.01
    found = with_detail(frames, [source], SCALE, SAME, np.random.default_rng(1))
    assert 0 <= found.min() <= found.max() <= 1
    inside = (found > 0).all(axis=0) & (found < 1).all(axis=0)
    np.testing.assert_allclose((found[1] - found[0])[inside], 0.01, atol=1e-6)


def test_a_source_without_detail_adds_nothing():
    flat = np.full((128, 128, 3), 0.3, np.float32)
    np.testing.assert_allclose(with_detail(grey(), [flat], SCALE, SAME, np.random.default_rng(1)), grey(), atol=1e-4)


def test_the_same_generator_gives_the_same():
    source = np.random.default_rng(0).random((128, 128, 3), dtype="float32")
    first, second = (with_detail(grey(), [source], SCALE, SAME, np.random.default_rng(seed)) for seed in (1, 1))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - grey()).max() > 0.01


def test_without_padding_the_noise_fades_towards_the_edge():
    source = np.random.default_rng(0).random((128, 128, 3), dtype="float32")
    valid, same = (
        with_detail(grey(), [source], SCALE, padding, np.random.default_rng(1))[0] - 0.5
        for padding in (("valid", "circular"), SAME)
    )
    assert np.abs(valid[[0, -1]]).max() < 0.05
    np.testing.assert_array_equal(valid[16:-16], same[16:-16])
