"""Damaged and hostile `.keras` files end in one line with the reason, whatever is in them."""

import itertools

import keras
import numpy as np
import pytest
from support.keras_files import CRAFTED, chain_file, good_file, mutants

from errors import UserError
from model.saving import load_model


@pytest.fixture
def load(tmp_path):
    def load_bytes(data):
        path = tmp_path / "model.keras"
        path.write_bytes(data)
        return load_model(path)

    return load_bytes


def test_a_good_file_loads_as_keras_loads_it(load, tmp_path):
    model = load(good_file())
    expected = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    for weight, other in zip(model.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(weight, other)
    image = np.random.default_rng(0).random((1, 16, 18, 3), np.float32)
    np.testing.assert_array_equal(model(image), expected(image))


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_files_are_refused_with_the_reason(name, load):
    make, reason = CRAFTED[name]
    with pytest.raises(UserError) as raised:
        load(make())
    assert reason in str(raised.value)
    assert len(str(raised.value)) < 700


def test_a_dilation_that_takes_memory_even_of_one_tap_is_refused(load, tmp_path):
    picture = keras.Input((None, None, 3))
    keras.Model(picture, keras.layers.Conv2D(3, 1, dilation_rate=(1, 10**6))(picture)).save(tmp_path / "dilated.keras")
    with pytest.raises(UserError, match=r"'dilation_rate' is \[1, 1000000\], more than 4096"):
        load((tmp_path / "dilated.keras").read_bytes())


def load_or_refuse(load, files):
    for data in files:
        try:
            load(data)
        except UserError as error:
            assert len(str(error)) < 1000  # noqa: PT017  most damage is refused, some loads


def test_damaged_files_are_refused_or_loaded(load):
    load_or_refuse(load, itertools.islice(mutants(seed=1), 60))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_many_damaged_files_are_refused_or_loaded(seed, load):
    load_or_refuse(load, itertools.islice(mutants(seed), 200))


def test_longer_chains_than_python_recurses_load(load):
    model = load(chain_file(1200))
    assert model(np.full((1, 2, 2, 3), -1, np.float32)).numpy().max() == 0
