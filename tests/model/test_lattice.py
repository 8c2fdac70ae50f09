"""The least-squares change of a generator's last convolution."""

import keras
import numpy as np
import pytest
import scipy.ndimage
from keras import ops

from errors import ArgumentError
from model.generators.hourglass import hourglass
from model.lattice import CELL, remove_lattice
from model.rewiring import without_structure
from model.styles import inputs_in_turn

SIDE = 128


def pattern_of(pictures):
    """Return the mean squares of what repeats in pictures (height, width, 3), summed over directions and places."""
    fine = [logits - scipy.ndimage.uniform_filter(logits, (CELL, CELL, 1)) for logits in pictures]
    fine = np.stack(fine)[:, CELL:-CELL, CELL:-CELL]
    rows, columns = np.mgrid[: fine.shape[1], : fine.shape[2]]
    total = 0.0
    for places in (rows, columns, rows + columns, rows - columns):
        total += sum(np.sum(fine[:, places % CELL == k].mean((0, 1)) ** 2) for k in range(CELL))
    return total


def generator_with_a_lattice(**options):
    keras.utils.set_random_seed(3)
    return hourglass(widths=(6, 6, 6), inner_blocks=1, outer_blocks=1, **options)


def logits_of(generator, values):
    """Return what the last convolution makes of pictures, float64 (height, width, 3)."""
    last = without_structure(keras.Model(generator.inputs, generator.get_layer("last_conv").output))
    return np.asarray(ops.convert_to_numpy(last(values)), np.float64)[0]


@pytest.fixture(scope="module")
def photos():
    rng = np.random.default_rng(0)
    noise = [scipy.ndimage.gaussian_filter(rng.random((SIDE, SIDE, 3)), (2, 2, 0)) for _ in range(12)]
    return [(0.5 + 3 * (values - 0.5)).astype("float32")[np.newaxis] for values in noise]


@pytest.mark.backends
def test_the_pattern_is_weaker_in_pictures_that_were_not_seen_and_the_rest_stays(photos):
    generator = generator_with_a_lattice()
    before = [logits_of(generator, values) for values in photos[8:]]
    found = remove_lattice(generator, photos[:8], strength=4.0)
    after = [logits_of(generator, values) for values in photos[8:]]
    assert found.pictures == 8
    assert found.left < 0.5
    assert pattern_of(after) < 0.2 * pattern_of(before)
    change = np.mean([np.mean((one - other) ** 2) for one, other in zip(before, after, strict=True)])
    assert change < 0.1 * np.mean([np.var(values) for values in before])


def test_the_share_that_is_left_is_that_of_the_pictures(photos):
    generator = generator_with_a_lattice()
    before = pattern_of([logits_of(generator, values) for values in photos])
    found = remove_lattice(generator, photos, strength=4.0)
    after = pattern_of([logits_of(generator, values) for values in photos])
    # The convolution of features without what is coarse is that of the picture without it, but for the padding.
    assert found.left == pytest.approx((after / before) ** 0.5, abs=0.1)


def test_no_other_kernel_is_better(photos):
    """The kernel minimises the sum of change and pattern: along any direction both of its neighbours are worse."""
    generator = generator_with_a_lattice()
    last = generator.get_layer("last_conv")
    seen = without_structure(keras.Model(generator.inputs, last.input))
    maps = [seen(values) for values in photos[:3]]
    first = ops.convert_to_numpy(last.kernel)

    def pictures_with(kernel):
        last.kernel.assign(kernel)
        return [np.asarray(ops.convert_to_numpy(last(values)), np.float64)[0] for values in maps]

    originals = pictures_with(first)
    remove_lattice(generator, photos[:3], strength=4.0)
    best = ops.convert_to_numpy(last.kernel)

    def cost(kernel):
        made = pictures_with(kernel)
        change = [np.mean((one - other) ** 2, (0, 1)).sum() for one, other in zip(made, originals, strict=True)]
        return np.mean(change) + 4.0 * pattern_of(made)

    lowest = cost(best)
    assert lowest < 0.7 * cost(first)
    rng = np.random.default_rng(0)
    for _ in range(2):
        step = 0.3 * np.std(first) * rng.standard_normal(first.shape).astype("float32")
        assert lowest < min(cost(best + step), cost(best - step))
    assert lowest < 1.1 * min(cost(first + share * (best - first)) for share in (0.8, 0.9, 1.1, 1.2))


def test_each_style_has_its_own_pattern(photos):
    generator = generator_with_a_lattice(styles=("a", "b"))
    inputs = [inputs_in_turn(generator, values, number) for number, values in enumerate(photos[:6])]
    before = [logits_of(generator, values) for values in inputs]
    remove_lattice(generator, inputs)
    after = [logits_of(generator, values) for values in inputs]
    for style in (0, 1):
        assert pattern_of(after[style::2]) < 0.2 * pattern_of(before[style::2])


@pytest.mark.parametrize("layers", [[], [keras.layers.Conv2D(4, 3)], [keras.layers.Conv2D(3, 3, strides=2)]])
def test_other_last_convolutions_are_refused(layers):
    generator = keras.Sequential([keras.Input((None, None, 3)), keras.layers.ReLU(), *layers])
    with pytest.raises(ArgumentError, match="the generator's last convolution must have 3 filters"):
        remove_lattice(generator, [np.zeros((1, SIDE, SIDE, 3), "float32")])


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [([], "at least one picture is needed"), ([np.zeros((1, 16, 16, 3), "float32")], "at least 32 pixels a side")],
)
def test_too_few_or_small_pictures_are_refused(inputs, reason):
    with pytest.raises(ArgumentError, match=reason):
        remove_lattice(generator_with_a_lattice(), inputs)
