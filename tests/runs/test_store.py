"""States on disk: whole, checked, and never a traceback."""

import json
import os
import time
import zipfile

import numpy as np
import pytest
from support.left_behind import leave_temporary

from images.temporary_files import remove_stale, temporary_path
from runs.store import DamagedError, read_json, read_state, write_json, write_state


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "state.npz"
    arrays = {"point": np.random.default_rng(0).random((4, 5), dtype="float32"), "count": np.asarray(7)}
    write_state(path, arrays, {"settings": {"a": [1, "b"]}})
    return path


def test_a_state_comes_back(state):
    arrays, about = read_state(state)
    assert about == {"settings": {"a": [1, "b"]}}
    assert arrays["count"].item() == 7
    np.testing.assert_array_equal(arrays["point"], np.random.default_rng(0).random((4, 5), dtype="float32"))


def test_every_cut_and_every_flipped_byte_is_told_or_harmless(state):
    whole, expected = state.read_bytes(), read_state(state)[0]
    told = 0
    for i in range(len(whole)):
        for damaged in (whole[:i], whole[:i] + bytes([whole[i] ^ 0x41]) + whole[i + 1 :]):
            state.write_bytes(damaged)
            try:
                arrays, _ = read_state(state)
            except DamagedError as error:
                told += "\n" not in str(error)
            else:
                for name, array in arrays.items():
                    if name in expected:
                        np.testing.assert_array_equal(array, expected[name])
    assert told > len(whole)


def test_no_file_asks_for_more_memory_than_it_has(tmp_path):
    header = np.lib.format.magic(1, 0)
    text = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }\n"
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        archive.writestr("point.npy", header + len(text).to_bytes(2, "little") + text)
    with pytest.raises(DamagedError, match="does not have the stated size"):
        read_state(tmp_path / "bomb.npz")
    with zipfile.ZipFile(tmp_path / "deflated.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("point.npy", bytes(10_000))
    with pytest.raises(DamagedError, match="is compressed"):
        read_state(tmp_path / "deflated.npz")


def test_json_keeps_names_of_files_that_are_not_utf8(tmp_path):
    content = {"file": os.fsdecode(b"caf\xe9/\xff.png"), "other": "café"}
    write_json(tmp_path / "command.json", content)
    assert read_json(tmp_path / "command.json") == content
    assert "café" in (tmp_path / "command.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff\x00", b"[" * 100_000])
def test_json_that_is_no_object_is_told(tmp_path, content):
    (tmp_path / "command.json").write_bytes(content)
    with pytest.raises(DamagedError):
        read_json(tmp_path / "command.json")


def test_only_own_stale_temporaries_are_removed(tmp_path):
    leave_temporary(tmp_path / "a.png")
    leave_temporary(tmp_path / "model", ".old", folder=True)
    fresh = leave_temporary(tmp_path / "a.keras", ".keras")
    os.utime(fresh, (time.time() + 3600,) * 2)
    mine = temporary_path(tmp_path / "a.png")
    others = [mine, tmp_path / ".x.tmp.y", tmp_path / ".1-00000000-00000000.tmp", tmp_path / ".4194305.tmp"]
    for path in others:
        path.write_bytes(b"")
        os.utime(path, (0, 0))
    remove_stale(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([*others, fresh])


def test_a_state_is_json_beside_arrays(state):
    with np.load(state) as arrays:
        assert json.loads(arrays["about"].item())["settings"]["a"] == [1, "b"]


def test_named_pipes_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for read in (read_json, read_state):
        with pytest.raises(DamagedError, match="pipe: a named pipe, not a file"):
            read(tmp_path / "pipe")
