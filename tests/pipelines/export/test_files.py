"""Exports appear whole or not at all, and what killed ones have left goes."""

import os
import resource
import signal
import time
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from support.left_behind import leave_temporary

from errors import ArgumentError
from images.temporary_files import whole_file
from pipelines.export.files import check_output, whole_or_nothing
from runtimes.terminal import signals_as_interrupts


@pytest.mark.parametrize("name", ["model.tflite", "model"])
def test_what_killed_exports_have_left_is_removed(name, tmp_path):
    left = [leave_temporary(tmp_path / name, suffix, folder=suffix == "") for suffix in (".tflite", "")]
    others = tmp_path / ".model.tmp"
    others.write_bytes(b"somebody else's")
    with whole_or_nothing(tmp_path / name) as temporary:
        temporary.write_bytes(b"new")
        assert not any(path.exists() for path in left)
    assert sorted(path.name for path in tmp_path.iterdir()) == [others.name, name]


def test_a_failed_export_leaves_what_was_there(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")

    def fail():
        with whole_or_nothing(path) as temporary:
            temporary.write_bytes(b"half")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("usual_signals")
def test_an_export_whose_interrupt_a_library_has_swallowed_writes_nothing(tmp_path):
    def export():
        with whole_or_nothing(tmp_path / "model.onnx") as temporary:
            with suppress(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGHUP)
                time.sleep(1)
            temporary.write_bytes(b"whole")

    with signals_as_interrupts(), pytest.raises(KeyboardInterrupt):
        export()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("usual_signals")
def test_a_signal_while_a_folder_takes_the_place_of_another_leaves_one_of_them(tmp_path, monkeypatch):
    usual = Path.rename

    def rename(path, target):
        usual(path, target)
        os.kill(os.getpid(), signal.SIGTERM)

    def export():
        with whole_or_nothing(tmp_path / "model") as temporary:
            temporary.mkdir()
            (temporary / "saved_model.pb").write_bytes(b"new")

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "saved_model.pb").write_bytes(b"old")
    monkeypatch.setattr(Path, "rename", rename)
    with signals_as_interrupts(), pytest.raises(KeyboardInterrupt):
        export()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "saved_model.pb").read_bytes() == b"new"


def test_a_full_disk_is_told_with_the_file(tmp_path):
    path = tmp_path / "model.onnx"

    def write(writer):
        with writer(path) as target, target.open("wb") if isinstance(target, Path) else nullcontext(target) as file:
            file.write(bytes(100_000))

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        for writer in (whole_or_nothing, whole_file):
            with pytest.raises(OSError, match=rf"File too large: '{path}'"):
                write(writer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_names_that_tensorflow_cannot_write_are_refused_before_any_work(tmp_path):
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    with pytest.raises(ArgumentError, match="must be UTF-8"):
        check_output(folder / "saved", suffix="")
    assert check_output(folder / "model.onnx", suffix=".onnx")


def test_a_link_into_a_missing_folder_is_refused_before_any_work(tmp_path):
    link = tmp_path / "model.onnx"
    link.symlink_to(tmp_path / "missing" / "model.onnx")
    with pytest.raises(ArgumentError, match="there is no folder"):
        check_output(link, suffix=".onnx")
