"""Recorded arrays: what is read of an .npz file, and how damaged files are told."""

import io
import random

import numpy as np
import pytest

from convert.recorded import read_arrays
from errors import UserError


def content_of(save, **arrays):
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_reads_what_is_asked_for(tmp_path, save):
    path = tmp_path / "recorded.npz"
    path.write_bytes(content_of(save, input=np.arange(3), output=np.ones(2, bool), name=np.array(["x"])))
    found = read_arrays(path, "verify", "input|output")
    assert {name: array.tolist() for name, array in found.items()} == {"input": [0, 1, 2], "output": [True, True]}


@pytest.mark.parametrize("values", [np.array(["x"]), np.array([1j]), np.array([{}])])
def test_other_values_than_numbers_are_told(tmp_path, values):
    path = tmp_path / "recorded.npz"
    path.write_bytes(content_of(np.savez, input=values))
    with pytest.raises(UserError, match=r"`samples` .*recorded\.npz: (the array input|not an \.npz file)"):
        read_arrays(path, "samples")


def test_texts_and_single_arrays_are_no_npz_files(tmp_path):
    path = tmp_path / "recorded.npz"
    for content in (b"a text", content_of(lambda file: np.save(file, np.zeros(2)))):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"not an \.npz file of arrays") as caught:
            read_arrays(path, "verify")
        assert "pickle" not in str(caught.value)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_files_are_told_in_one_line(tmp_path, save):
    numbers = random.Random(1)
    whole = content_of(save, input=np.arange(60.0).reshape(3, 20), output=np.zeros(50))
    path = tmp_path / "recorded.npz"
    told = []
    for _ in range(300):
        damaged = bytearray(whole if numbers.random() < 0.8 else whole[: numbers.randrange(len(whole))])
        for _ in range(numbers.randrange(1, 6)):
            damaged[numbers.randrange(len(damaged))] = numbers.randrange(256)
        path.write_bytes(damaged)
        try:
            read_arrays(path, "verify")
        except UserError as error:  # some files are sound where it matters
            told.append(str(error))
    assert len(told) > 150
    assert [text for text in told if not text.startswith(f"`verify` {path}: ") or "\n" in text] == []
