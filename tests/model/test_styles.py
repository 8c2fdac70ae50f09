"""Networks of several styles beside those of one style, which have the same factors and offsets."""

import keras
import numpy as np
import pytest

from errors import ArgumentError
from layers import InstanceNormalization, StyleWeights
from model.generators.registry import build_generator
from model.saving import load_model, save_model
from model.styles import append_style, blend_styles, freeze_shared, style_names, weight_row

NAMES = ("wave", "scream", "udnie")


def random_network(styles=NAMES):
    """Return a narrow network of several styles, with random weights."""
    network = build_generator("hourglass", widths=(4, 4, 6), inner_blocks=1, styles=styles)
    random = np.random.default_rng(3)
    for weight in network.trainable_weights:
        weight.assign(weight + random.normal(0, 0.2, weight.shape))
    return network


def run(network, *inputs):
    return keras.ops.convert_to_numpy(network(list(inputs) if len(inputs) > 1 else inputs[0]))


def picture():
    return np.random.default_rng(0).random((1, 21, 30, 3), dtype=np.float32)


def test_names_are_kept_in_the_file(tmp_path):
    network = random_network()
    save_model(network, tmp_path / "gallery.keras")
    loaded = load_model(tmp_path / "gallery.keras")
    assert style_names(loaded) == NAMES
    row = weight_row(NAMES, {"udnie": 1})
    np.testing.assert_allclose(run(loaded, picture(), row), run(network, picture(), row), atol=1e-6)
    assert style_names(build_generator("hourglass", widths=(4, 4, 6))) == ()


@pytest.mark.backends
@pytest.mark.parametrize("weights", [{"scream": 1}, {"wave": 7, "udnie": 3}])
def test_a_blend_is_the_network_with_its_second_input_fixed(weights):
    network = random_network()
    blend = blend_styles(network, weights)
    assert [tensor.name for tensor in blend.inputs] == ["image"]
    assert style_names(blend) == ()
    row = weight_row(NAMES, weights)
    np.testing.assert_allclose(run(blend, picture()), run(network, picture(), row), atol=1e-5)


@pytest.mark.parametrize("unit", [1, 1e-60, 4e307])
def test_weights_add_up_to_one(unit):
    np.testing.assert_allclose(weight_row(NAMES, {"wave": 3 * unit, "udnie": unit}), [[0.75, 0, 0.25]])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"wafe": 1}, "unknown style 'wafe'; did you mean 'wave'"),
        ({"wave": -1}, "`style` wave=-1: a weight must be a number of at least 0"),
        ({"wave": float("nan")}, "`style` wave=nan: a weight must be"),
        ({"wave": 0}, "at least one weight must be above 0"),
        ({}, "at least one weight must be above 0"),
    ],
)
def test_weights_that_make_no_blend_are_refused(weights, message):
    with pytest.raises(ArgumentError, match=message):
        weight_row(NAMES, weights)


@pytest.mark.backends
def test_a_style_more_leaves_the_others_as_they_were(tmp_path):
    network = random_network()
    added = blend_styles(network, {"wave": 1, "scream": 1})
    freeze_shared(added)
    assert {type(layer) for layer in added.layers if layer.trainable_weights} == {InstanceNormalization}
    for weight in added.trainable_weights:
        weight.assign(weight + 0.3)
    larger = append_style(network, "new", added)
    save_model(larger, tmp_path / "larger.keras")
    larger = load_model(tmp_path / "larger.keras")
    assert style_names(larger) == (*NAMES, "new")
    np.testing.assert_allclose(run(larger, picture(), np.float32([[0, 0, 0, 1]])), run(added, picture()), atol=1e-5)
    row = np.float32([[0.2, 0.3, 0.5]])
    before = run(network, picture(), row)
    np.testing.assert_allclose(run(larger, picture(), np.pad(row, [(0, 0), (0, 1)])), before, atol=1e-5)
    with pytest.raises(ArgumentError, match="the model already has a style 'wave'"):
        append_style(network, "wave", added)


@pytest.mark.parametrize("names", [[], [""], ["a", "a"]])
def test_names_are_given_once_each(names):
    with pytest.raises(ValueError, match="styles must be names, none twice"):
        StyleWeights(names)


def test_a_file_that_cannot_be_written_is_named_and_not_the_temporary_one(tmp_path):
    with pytest.raises(OSError, match=r"nowhere/model\.keras'$"):
        save_model(random_network(), tmp_path / "nowhere" / "model.keras")
