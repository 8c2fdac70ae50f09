"""The training objective: how its terms, weights, layers and octaves come together, and its tree."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from losses.pictures.octave_spectra import octave_spectra
from losses.pictures.opponent_colors import OpponentColors
from losses.texture import GramComparison
from losses.total_variation import total_variation
from pipelines.training.objective import content_rows, training_loss

pytestmark = pytest.mark.backends

RANDOM = np.random.default_rng(5)
STYLE, PHOTO, PICTURE = RANDOM.random((3, 1, 16, 16, 3), dtype=np.float32)


def number(tensor):
    return float(ops.convert_to_numpy(tensor))


def gram(values):
    flat = np.asarray(values).reshape(-1, values.shape[-1])
    return flat.T @ flat / len(flat)


GRAMS = {"a": gram(STYLE), "b": gram(STYLE**2)}
rows_of = functools.partial(content_rows, lambda images: {"b": ops.square(images)}, ["b"])


def describe(images):
    """A stand-in for a descriptor: two layers that are plain functions of the pixels."""
    return {"a": images, "b": ops.square(images)}


def objective(octaves=1, **changes):
    options = {
        "style_layers": {"a": 2.0, "b": 0.5},
        "content_layers": ["b"],
        "style_variation": 0.25,
        "style_weight": 3,
        "content_weight": 5,
        "tv_weight": 0.5,
    }
    return training_loss(describe, [GRAMS] * octaves, **options | changes)


def terms(octaves=1, **changes):
    rows = rows_of(ops.convert_to_tensor(PHOTO))
    found = objective(octaves, **changes).terms(ops.convert_to_tensor(PICTURE), *rows)
    return {name: number(value) for name, value in found.items()}


def test_weights_layers_and_octaves_multiply():
    one = terms()
    assert tuple(one) == objective().groups == ("style", "content", "total_variation")
    style = 2 * number(GramComparison(GRAMS["a"])(ops.convert_to_tensor(PICTURE)))
    style += 0.5 * number(GramComparison(GRAMS["b"])(ops.convert_to_tensor(PICTURE**2)))
    assert one["style"] == pytest.approx(3 * style, rel=1e-5)
    content = np.sum((PICTURE**2 - PHOTO**2) ** 2) / np.sum(PHOTO**4)
    assert one["content"] == pytest.approx(5 * content, rel=1e-5)
    variation = number(total_variation(ops.convert_to_tensor(PICTURE)))
    assert one["total_variation"] == pytest.approx(0.5 * variation / 0.25, rel=1e-5)

    half, whole = terms(2, octave_decay=0.5), terms(2, octave_decay=1.0)
    assert half["style"] == pytest.approx((one["style"] + whole["style"]) / 2, rel=1e-4)
    assert whole["style"] != pytest.approx(one["style"], rel=1e-2)
    assert half["content"] == whole["content"] == pytest.approx(one["content"], rel=1e-6)


def test_total_variation_is_relative_to_the_style_picture_or_a_sum_in_255():
    weights = {"style_weight": 0, "content_weight": 0, "tv_weight": 1}
    relative, absolute = (terms(scaling=scaling, **weights)["total_variation"] for scaling in ("relative", "absolute"))
    assert absolute / relative == pytest.approx(0.25 * 255**2 * 16 * 16 * 3, rel=1e-5)


def test_terms_without_weight_are_left_out():
    assert objective(content_weight=0, tv_weight=0).groups == ("style",)
    assert objective(content_layers=[], diversity_weight=0.1).groups == ("style", "total_variation", "diversity")


def test_further_terms_count_by_their_weights():
    spectra = OpponentColors(octave_spectra([STYLE[0]], (16, 16), ("circular", "circular")))
    loss = objective(content_layers=[], further={"spectrum": (0.3, spectra), "none": (0.0, spectra)})
    assert loss.groups == ("style", "total_variation", "spectrum")
    picture = ops.convert_to_tensor(PICTURE)
    assert number(loss.terms(picture)["spectrum"]) == pytest.approx(0.3 * number(spectra(picture)[0]), rel=1e-5)


def test_the_tree_shows_weights_terms_and_targets():
    assert str(objective(2, octave_decay=0.5, diversity_weight=0.1)).splitlines() == [
        "totals of style, content, total_variation, diversity",
        "└── sum",
        "    ├── 1 x octaves, padding replicate and replicate",
        "    │   ├── octave0: features",
        "    │   │   ├── 6 x style/a: Gram matrix 3 x 3, relative to its target",
        "    │   │   ├── 1.5 x style/b: Gram matrix 3 x 3, relative to its target",
        "    │   │   └── 5 x content/b: squared difference of features, relative to their target",
        "    │   └── octave1: features",
        "    │       ├── 3 x style/a: Gram matrix 3 x 3, relative to its target",
        "    │       └── 0.75 x style/b: Gram matrix 3 x 3, relative to its target",
        "    ├── 0.5 x total_variation: mean squared difference of neighbours (nine points), relative to 0.25",
        "    └── 0.1 x diversity: minus the log distance of nearest pictures",
    ]


def test_content_rows_are_constants_for_the_gradient():
    photo = keras.Variable(PHOTO)
    if keras.backend.backend() == "torch":
        assert not any(value.requires_grad for value in rows_of(photo))
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = tf.reduce_sum(rows_of(photo.value)[0])
        assert tape.gradient(value, photo.value) is None
    else:
        import jax

        gradient = jax.grad(lambda x: rows_of(x)[0].sum())(photo.value)
        assert not np.asarray(gradient).any()
