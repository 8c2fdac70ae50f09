"""Pictures that get a texture's histograms, measured with SciPy's blur and NumPy's sort."""

import numpy as np
import pytest
from scipy import ndimage

from losses.pictures.matching import TAILS, match_levels
from losses.pyramid import KERNEL

pytestmark = pytest.mark.backends
SCIPY_MODES = {"replicate": "nearest", "circular": "wrap"}
# Luma, blue and red difference of Rec. 601.
COLORS = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]).T

# Those that are matched; what lies beyond follows.
RANKS = np.linspace(max(TAILS), 1 - max(TAILS), 500)


def smooth(size, seed, *, power=1.0):
    """A picture with structure at all scales; the power skews its histogram."""
    generator = np.random.default_rng(seed)
    layers = [ndimage.gaussian_filter(generator.random((*size, 3)), (s, s, 0), mode="wrap") for s in (0, 1, 3, 6)]
    picture = sum((layer - layer.mean()) / layer.std() for layer in layers)
    return ((picture - picture.min()) / np.ptp(picture)).astype("float32") ** power


def levels(picture, octaves, padding):
    found = [picture.astype("float64") @ COLORS]
    while len(found) < octaves:
        level = found[-1]
        for axis, mode in enumerate(padding):
            level = ndimage.correlate1d(level, KERNEL, axis=axis, mode=SCIPY_MODES[mode])
        found.append(level[::2, ::2])
    return found


def distances(picture, source, octaves, padding):
    """The squared Wasserstein-2 distances of histograms but for their ends, over the variance: (octaves, planes)."""
    rows = []
    for found, wanted in zip(
        levels(picture, octaves, padding), levels(source, octaves, ("replicate", "replicate")), strict=True
    ):
        values, target = (np.quantile(level.reshape(-1, 3), RANKS, axis=0) for level in (found, wanted))
        rows.append(np.mean((values - target) ** 2, axis=0) / target.var(axis=0))
    return np.array(rows)


@pytest.mark.parametrize("padding", [("replicate", "replicate"), ("circular", "replicate")])
def test_every_level_gets_the_histogram_of_the_source(padding):
    source, other = smooth((96, 80), 0, power=3), smooth((64, 72), 1)
    assert distances(other, source, 4, padding).min() > 0.1
    (matched,) = match_levels(other[None], [source], 4, padding)
    found = distances(matched, source, 4, padding)
    assert found[0].max() < 1e-3
    assert found.max() < 0.06


def test_a_picture_with_the_histograms_stays_as_it_is():
    source = smooth((64, 64), 0, power=2)
    matched = match_levels(source[None], [source], 3, ("replicate", "replicate"))
    np.testing.assert_allclose(matched[0], source, atol=2e-5)


def test_pictures_of_a_batch_are_matched_one_by_one_to_all_sources():
    sources = [smooth((40, 48), seed, power=2) for seed in (0, 1)]
    pictures = np.stack([smooth((48, 40), 2), smooth((48, 40), 3, power=0.5)])
    together = match_levels(pictures, sources, 1, ("replicate", "replicate"))
    for picture, matched in zip(pictures, together, strict=True):
        (alone,) = match_levels(picture[None], sources, 1, ("replicate", "replicate"))
        np.testing.assert_array_equal(matched, alone)
        both = np.concatenate([source.reshape(-1, 3) for source in sources]) @ COLORS
        values = (matched @ COLORS).reshape(-1, 3)
        np.testing.assert_allclose(*(np.quantile(planes, RANKS, axis=0) for planes in (values, both)), atol=5e-3)


def test_what_repeats_goes_on_repeating():
    source, tile = smooth((64, 64), 0, power=3), smooth((64, 64), 1)
    around = ("circular", "circular")
    matched = match_levels(tile[None], [source], 3, around)
    moved = match_levels(np.roll(tile, (8, 16), axis=(0, 1))[None], [source], 3, around)
    np.testing.assert_allclose(moved, np.roll(matched, (8, 16), axis=(1, 2)), atol=1e-4)


def test_grey_pictures_of_a_grey_texture_are_grey():
    source, picture = (np.repeat(smooth((48, 48), seed)[..., :1], 3, axis=-1) for seed in (0, 1))
    matched = match_levels(picture[None], [source], 2, ("replicate", "replicate"))
    assert np.ptp(matched, axis=-1).max() < 1e-5


def test_margins_change_with_the_picture_and_do_not_count():
    source, canvas = smooth((64, 64), 0, power=3), smooth((80, 76), 1)
    canvas[:8], canvas[-8:], canvas[:, :6], canvas[:, -6:] = 0, 1, 0.2, 0.9
    (matched,) = match_levels(canvas[None], [source], 1, ("replicate", "replicate"), (8, 6))
    assert distances(matched[8:-8, 6:-6], source, 1, ("replicate", "replicate")).max() < 1e-3
    assert np.abs(matched[:8] - canvas[:8]).max() > 0.01


def test_a_mark_on_the_source_is_not_made_of_other_things():
    source, picture = smooth((64, 64), 0), smooth((64, 64), 1)
    source, picture = 0.4 + 0.2 * source, 0.4 + 0.2 * picture
    source[-8:, :12] = (1, 1, 0)  # a caption, on 2.3 % of the pixels
    (matched,) = match_levels(picture[None], [source], 1, ("replicate", "replicate"))
    assert (picture @ COLORS[:, 1]).min() > -0.1
    assert (source @ COLORS[:, 1]).min() < -0.45
    assert (matched @ COLORS[:, 1]).min() > -0.15


def test_even_pictures_stay_even():
    source, even = smooth((48, 48), 0), np.full((1, 48, 48, 3), 0.3, "float32")
    matched = match_levels(even, [source], 3, ("replicate", "replicate"))
    assert np.ptp(matched, axis=(1, 2)).max() < 1e-5
    # Of the mean of what is wanted.
    np.testing.assert_allclose((matched @ COLORS)[0, 0, 0], np.mean(source @ COLORS, axis=(0, 1)), atol=0.02)


def finest_luma(picture):
    """The finest band of the luma by SciPy: what is lost by halving and doubling."""
    luma, small = (level[..., 0] for level in levels(picture, 2, ("replicate", "replicate")))
    large = np.zeros_like(luma)
    large[::2, ::2] = 4 * small
    for axis in (0, 1):
        large = ndimage.correlate1d(large, KERNEL, axis=axis, mode="wrap")
    return luma - large


def test_fine_detail_is_as_rare_and_as_strong_as_in_the_source():
    def grained(seed, power):
        generator = np.random.default_rng(seed)
        grain = generator.standard_normal((96, 96, 1))
        grain = np.sign(grain) * np.abs(grain) ** power
        return (0.5 + 0.3 * (smooth((96, 96), seed) - 0.5) + 0.03 * grain / grain.std()).astype(np.float32)

    # Grains of one strength: few and strong ones in the source, many and weak ones in the picture.
    source, other = grained(0, 4), grained(1, 1)
    (matched,) = match_levels(other[None], [source], 3, ("replicate", "replicate"))
    inside = np.s_[8:-8, 8:-8]
    found, before, wanted = (np.median(np.abs(finest_luma(one)[inside])) for one in (matched, other, source))
    assert before > 1.5 * wanted
    assert abs(found - wanted) < 0.1 * wanted
