import os
import time
from types import SimpleNamespace

import pytest

from images import temporary_files


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
