"""Stylising files: one model, one graph, one bad file at a time."""

import errno
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from support.left_behind import leave_temporary
from support.small_disk import largest_file
from support.small_models import convolutional_model, inverting_model

from errors import ArgumentError, UserError
from images.large.mapped import mapped_zeros
from model.saving import save_model
from pipelines.stylization import files as files_module
from pipelines.stylization import generator as generator_module
from pipelines.stylization import styles as styles_module
from pipelines.stylization.files import Timing
from pipelines.stylization.plan import Job
from pipelines.stylization.run import StylizationReport, stylize_jobs
from pipelines.stylization.stylize import stylize_files


@pytest.fixture
def model(tmp_path):
    save_model(inverting_model(), tmp_path / "model.keras")
    return str(tmp_path / "model.keras")


@pytest.fixture
def folder(tmp_path):
    """Five pictures of different sizes."""
    random = np.random.default_rng(9)
    (tmp_path / "in").mkdir()
    for number in range(5):
        levels = random.integers(0, 256, (10 + 3 * number, 40 - 2 * number, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "in" / f"{number}.png"), levels)
    return tmp_path / "in"


@pytest.fixture
def generators(monkeypatch):
    """The generators that a run makes."""
    made = []

    def load(path, **options):
        made.append(original(path, **options))
        return made[-1]

    original = styles_module.load_styles
    monkeypatch.setattr(styles_module, "load_styles", load)
    return made


def test_mixed_sizes_take_one_model_and_no_graph_each(tmp_path, folder, generators):
    save_model(convolutional_model(), tmp_path / "model.keras")
    report = stylize_files([folder], tmp_path / "out", model=str(tmp_path / "model.keras"))
    assert len(report.written) == 5
    (generator,) = generators
    # One for the first size, one for all; another between them where the second size shares a side with the first.
    assert generator.run.experimental_get_tracing_count() <= 3


def test_report(tmp_path, folder, model):
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    report = stylize_files([folder], tmp_path / "out", model=model)
    assert [job.target.name for job in report.written] == [f"{number}.png" for number in range(5)]
    ((source, reason),) = report.failed.items()
    assert source.name == "broken.jpg"
    assert "broken.jpg" in reason
    assert report.megapixels == pytest.approx(sum((10 + 3 * n) * (40 - 2 * n) for n in range(5)) / 1e6)
    assert min(report.load_seconds, report.stylize_seconds, report.file_seconds) > 0
    for number in range(5):
        content, stylized = (cv2.imread(str(tmp_path / name / f"{number}.png")) for name in ("in", "out"))
        np.testing.assert_array_equal(stylized, 255 - content)


def test_nothing_to_do_loads_no_model(tmp_path, folder, model, generators):
    stylize_files([folder], tmp_path / "out", model=model)
    again = stylize_files([folder], tmp_path / "out", model=model)
    assert len(generators) == 1
    assert (len(again.skipped), again.written, again.load_seconds) == (5, [], 0)


def test_interrupted_runs_keep_what_is_done_and_go_on(tmp_path, folder, model, monkeypatch, capsys):
    calls = []

    def interrupted(self, pixels):
        calls.append(pixels)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(self, pixels)

    original = generator_module.Generator.__call__
    monkeypatch.setattr(generator_module.Generator, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stylize_files([folder], tmp_path / "out", model=model)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "1.png"]
    assert "2 of 5 pictures were written" in capsys.readouterr().err
    left = leave_temporary(tmp_path / "out" / "2.png")
    report = stylize_files([folder], tmp_path / "out", model=model)
    assert (len(report.skipped), len(report.written)) == (2, 3)
    assert not left.exists()


def test_a_full_disk_ends_the_run(tmp_path, folder, model, monkeypatch):
    """Every picture that was left was stylised in vain."""

    def fail(self, file, **options):
        if "2.png" in str(tried[-1]):
            raise OSError(errno.ENOSPC, "No space left on device")
        save(self, file, **options)

    def read(path):
        tried.append(path)
        return open_picture(path)

    tried, save, open_picture = [], Image.Image.save, files_module.open_picture
    monkeypatch.setattr(Image.Image, "save", fail)
    monkeypatch.setattr(files_module, "open_picture", read)
    report = stylize_files([folder], tmp_path / "out", model=model)
    assert [path.name for path in tried] == ["0.png", "1.png", "2.png"]
    assert len(report.written) == 2
    ((source, reason),) = report.failed.items()
    assert source == folder / "2.png"
    assert reason.endswith("2.png: cannot be written: No space left on device; not tried: 2 more pictures")


def test_temporary_files_that_the_disk_has_no_room_for_are_told_without_a_number(tmp_path, folder, model, monkeypatch):
    """Of a small picture "[Errno 28] no room for 0.0 GB" was told."""

    def fill(job, **options):
        with largest_file(1000):
            mapped_zeros((400, 500, 3), np.uint8, str(tmp_path))

    monkeypatch.setattr(files_module, "open_picture", fill)
    report = stylize_files([folder / "0.png"], tmp_path / "out.png", model=model)
    reason = f"{tmp_path}: no room for 0.6 MB of temporary files: File too large"
    assert report.failed == {folder / "0.png": f"{folder / '0.png'}: {reason}"}


def test_warnings_of_pictures_are_told(tmp_path, model, capsys):
    levels = np.full((4, 4, 4), 128, np.uint8)
    cv2.imwrite(str(tmp_path / "glass.png"), levels)
    report = stylize_files([tmp_path / "glass.png"], tmp_path / "glass.jpg", model=model)
    assert len(report.written) == 1
    error = capsys.readouterr().err
    assert error.startswith("warning: ")
    assert "glass.jpg: JPEG does not support transparency" in error


@pytest.mark.parametrize(("options", "message"), [
    ({"strength": 1.5}, "`strength` must be from 0 to 1, not 1.5"),
    ({"strength": float("nan")}, "`strength`"),
    ({"image_size": 0}, "`image_size` must be at least 1, not 0"),
    ({"precision": "bfloat17"}, "unknown `precision` 'bfloat17'; did you mean 'bfloat16'"),
    ({"model": "no_such_style"}, "no_such_style"),
])  # fmt: skip
def test_wrong_arguments_are_found_before_any_work(tmp_path, folder, model, generators, options, message):
    with pytest.raises(ArgumentError, match=message):
        stylize_files([folder], tmp_path / "out", **{"model": model} | options)
    assert generators == []
    assert not (tmp_path / "out").exists()


def test_a_broken_model_file(tmp_path, folder):
    (tmp_path / "broken.keras").write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match=r"broken\.keras"):
        stylize_files([folder], tmp_path / "out", model=str(tmp_path / "broken.keras"))


def test_long_names_leave_room_for_the_bar_and_the_count(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    for name, value in {"TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    jobs = [Job(Path(f"{'a long name ' * 10}{number}.jpg"), Path("out.jpg")) for number in range(2)]
    stylize_jobs(jobs, lambda job, **_: Timing(0.0, 0.0, 0.0), StylizationReport())
    assert re.search(r"a long name .*… ━+ 2/2 0:00:0", capsys.readouterr().err)
