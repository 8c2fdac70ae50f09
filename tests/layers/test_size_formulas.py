"""Formulas of sizes, and the numbers that are made of them."""

import keras
import numpy as np
import pytest

import layers
from layers.size_formulas import check_formula, evaluate

SHAPES = [(2, 13, 7, 3), (1, 4, 5, 2)]
HEIGHT, OTHER = ["size", 0, 1], ["size", 1, 1]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (5, 5),
        (HEIGHT, 13),
        (["sub", OTHER, HEIGHT], -9),
        (["mod", ["sub", 0, HEIGHT], 8], 3),
        (["floordiv", ["sub", 0, HEIGHT], 8], -2),
        (["floordiv", HEIGHT, OTHER], 3),
        (["max", ["min", HEIGHT, 9], ["mul", 2, OTHER]], 9),
        (["add", ["lt", OTHER, HEIGHT], ["eq", OTHER, 3]], 1),
    ],
)
@pytest.mark.backends
def test_numbers_of_formulas(formula, expected):
    assert evaluate(check_formula(formula), SHAPES) == expected
    tensors = [[keras.ops.convert_to_tensor(size, "int32") for size in shape] for shape in SHAPES]
    assert int(evaluate(formula, tensors)) == expected
    if formula != 5:
        assert evaluate(formula, [(None, None, None, 3)] * 2) is None


@pytest.mark.parametrize(
    "formula",
    [
        *(None, True, 1.5, "size", [], ["size", 0], ["size", -1, 1], ["power", 2, 2], ["add", 1, None]),
        *(1 << 40, ["add", 1, ["size", 0, "1"]]),
    ],
)
def test_what_is_no_formula_is_refused(formula):
    with pytest.raises(ValueError, match="not a formula of sizes"):
        layers.CropBySizes(1, 0, formula)


def test_long_formulas_are_refused():
    deep = wide = HEIGHT
    for _ in range(300):
        deep = ["add", deep, 1]
    for _ in range(8):
        wide = ["add", wide, wide]
    for formula in (deep, wide):
        with pytest.raises(ValueError, match="formula of sizes"):
            check_formula(formula)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: layers.CropBySizes(1, 0, ["size", 3, 1]), "no size 1 of input 3"),
        (lambda: layers.CropBySizes(1, 0, ["mod", HEIGHT, ["sub", HEIGHT, HEIGHT]]), "divided by 0"),
        (lambda: layers.PadBySizes(1, 0, HEIGHT, "reflect"), "a size of 6 is padded by 6, at most 5 is possible"),
        (lambda: layers.PadBySizes(1, 0, HEIGHT, "wrap"), "mode must be one of constant, reflect, replicate, circular"),
    ],
)
def test_what_does_not_fit_is_told(layer, message):
    with pytest.raises(ValueError, match=message):
        layer()(np.zeros((1, 6, 5, 3), np.float32))


@pytest.mark.backends
def test_whole_numbers_in_a_row():
    picture = keras.Input((None, None, 3))
    row = layers.RangeBySizes(["sub", 0, HEIGHT], ["add", ["size", 0, 2], 1])(picture)
    assert (row.shape, row.dtype) == ((None,), "int32")
    model = keras.Model(picture, row)
    for height, width in [(4, 6), (3, 2)]:
        found = keras.ops.convert_to_numpy(model(np.zeros((2, height, width, 3), np.float32)))
        np.testing.assert_array_equal(found, np.arange(-height, width + 1 - height))
