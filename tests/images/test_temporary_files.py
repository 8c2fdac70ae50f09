import os

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
