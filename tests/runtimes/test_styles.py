"""Weights of the styles of an exported model."""

import numpy as np
import pytest

from model.provenance import PROVENANCE
from runtimes.graph import GraphError, TensorInfo
from runtimes.styles import RECORD, parse_weights, style_row

GIVEN = TensorInfo("style", (None, 2), "float32")
NAMES = ("wave", "scream")


def test_weights_become_shares():
    np.testing.assert_allclose(style_row(GIVEN, NAMES, [1, 3]), [[0.25, 0.75]])
    assert style_row(GIVEN, NAMES, [1, 3]).dtype == np.float32


def test_weights_beyond_float32_become_shares_too():
    for weight in (3e38, 1.5e308):
        np.testing.assert_allclose(style_row(GIVEN, NAMES, [weight, weight]), [[0.5, 0.5]])


@pytest.mark.parametrize("weights", [[1], [0, 0], [-1, 2], [np.nan, 1], [np.inf, 1]])
def test_other_weights_are_refused(weights):
    with pytest.raises(GraphError, match="weight"):
        style_row(GIVEN, NAMES, weights)


def test_weights_are_numbers_in_order_or_by_name():
    assert parse_weights(["3", "1e-1"]) == [3, 0.1]
    assert parse_weights(["scream", "a=b=0.5"]) == {"scream": 1, "a=b": 0.5}
    np.testing.assert_array_equal(style_row(GIVEN, NAMES, {"scream": 2}), [[0, 1]])


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["wave", "2"], "not both"),
        (["wave=x"], "wave=x: 'x' is not a number; NAME=WEIGHT is expected"),
        (["wave", "wave=2"], "wave is given twice"),
        (["starry"], "no style 'starry'; the model has wave, scream"),
    ],
)
def test_wrong_names_are_told(texts, reason):
    with pytest.raises(GraphError, match=reason):
        style_row(GIVEN, NAMES, parse_weights(texts))


def test_a_file_without_names_takes_numbers_alone():
    with pytest.raises(GraphError, match="the file has no names of its styles"):
        style_row(GIVEN, (), {"wave": 1})


def test_the_record_is_where_exports_write_it():
    assert RECORD == PROVENANCE
