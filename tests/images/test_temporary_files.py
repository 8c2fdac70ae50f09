import os
import re
import time
from types import SimpleNamespace

import pytest

from images import temporary_files
from images.errors import ImageError


def test_only_files_of_processes_that_are_gone_are_removed(tmp_path, monkeypatch):
    with temporary_files.whole_path(tmp_path / "film.mp4", ".mp4") as temporary:
        temporary.write_bytes(b"whole")
        os.utime(temporary, (0, 0))
        temporary_files.remove_stale(tmp_path)
        assert temporary.exists()
        with monkeypatch.context() as patch:
            patch.setattr(temporary_files, "_is_alive", lambda process: False)
            temporary_files.remove_stale(tmp_path)
        assert not temporary.exists()
        temporary.write_bytes(b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize("is_written", [False, True])
def test_a_file_written_a_moment_ago_is_waited_for(tmp_path, monkeypatch, is_written):
    left = tmp_path / f".4194305-{temporary_files._host()}-00000000.tmp"
    left.write_bytes(b"")

    def sleep(seconds):
        assert 0 < seconds <= temporary_files.MIN_STALE_SECONDS
        now = time.time()
        os.utime(left, (now if is_written else now - 2 * seconds - 1,) * 2)

    monkeypatch.setattr(temporary_files, "time", SimpleNamespace(time=time.time, sleep=sleep))
    temporary_files.remove_stale(tmp_path)
    assert left.exists() == is_written


def test_several_files_take_their_places_together(tmp_path):
    (tmp_path / "b.txt").write_text("old")
    with temporary_files.whole_files(tmp_path) as place:
        for name in ("b.txt", "a.txt"):
            (place / name).write_text("new")
        assert (tmp_path / "b.txt").read_text() == "old"
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.txt": "new", "b.txt": "new"}


@pytest.mark.parametrize("error", [ImageError, OSError, KeyboardInterrupt])
def test_of_several_files_none_is_left_where_one_fails(tmp_path, error):
    (tmp_path / "a.txt").write_text("old")

    def write_and_fail(place):
        (place / "a.txt").write_text("new")
        raise error

    with pytest.raises(error), temporary_files.whole_files(tmp_path) as place:
        write_and_fail(place)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.txt": "old"}


def test_errors_name_the_places_that_files_were_to_take(tmp_path):
    final = tmp_path / "a.txt"
    with pytest.raises(ImageError) as found, temporary_files.whole_files(tmp_path) as place:
        raise ImageError(f"{place / 'a.txt'}: too large")
    assert str(found.value) == f"{final}: too large"
    with pytest.raises(OSError) as found, temporary_files.whole_files(tmp_path) as place:
        raise OSError(28, "No space left on device", str(place / "a.txt"))
    assert str(found.value) == f"[Errno 28] No space left on device: {str(final)!r}"
    final.mkdir()
    with (
        pytest.raises(IsADirectoryError, match=re.escape(f"{str(final)!r}")),
        temporary_files.whole_files(tmp_path) as place,
    ):
        (place / "a.txt").write_text("new")
