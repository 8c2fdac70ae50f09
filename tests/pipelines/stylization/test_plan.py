"""Which picture goes where."""

import os
import socket
from pathlib import Path

import pytest

from errors import ArgumentError
from pipelines.stylization.plan import plan_jobs as make_plan


def plan_jobs(*arguments, **options):
    """Return the jobs of a plan, and those whose outputs exist."""
    plan = make_plan(*arguments, **options)
    return plan.jobs, plan.existing


@pytest.fixture
def folder(tmp_path):
    """Pictures (empty files will do) with sub-folders, and things that are no pictures."""
    root = tmp_path / "in"
    pictures = ("b.jpg", "a.PNG", "sub/c.webp", "sub/deep/d.tif", "e.gif", "f.bmp")
    for name in (*pictures, "notes.txt", ".hidden.png", ".git/x.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def targets(jobs, output):
    return {job.source.name: str(job.target.relative_to(output)) for job in jobs}


def test_a_folder_keeps_its_structure(folder, tmp_path):
    jobs, skipped = plan_jobs([folder], tmp_path / "out", overwrite=False)
    assert targets(jobs, tmp_path / "out") == {
        "a.PNG": "a.PNG",
        "b.jpg": "b.jpg",
        "e.gif": "e.png",
        "f.bmp": "f.png",
        "c.webp": "sub/c.webp",
        "d.tif": "sub/deep/d.tif",
    }
    assert skipped == []
    assert not (tmp_path / "out").exists()


def test_one_file(folder, tmp_path):
    jobs, _ = plan_jobs([folder / "e.gif"], tmp_path / "new.JPG", overwrite=False)
    assert [job.target for job in jobs] == [tmp_path / "new.JPG"]
    for output in (tmp_path, f"{tmp_path}/new/"):
        jobs, _ = plan_jobs([folder / "e.gif"], output, overwrite=False)
        assert [job.target for job in jobs] == [Path(output) / "e.png"]


def test_files_and_folders_together_each_once(folder, tmp_path):
    jobs, _ = plan_jobs([folder / "sub", folder / "b.jpg", folder / "b.jpg"], tmp_path / "out", overwrite=False)
    assert targets(jobs, tmp_path / "out") == {"c.webp": "c.webp", "d.tif": "deep/d.tif", "b.jpg": "b.jpg"}
    assert len(jobs) == 3


def test_an_output_folder_inside_the_input_is_not_searched(folder):
    output = folder / "sub" / "out"
    output.mkdir()
    (output / "b.jpg").touch()
    jobs, skipped = plan_jobs([folder], output, overwrite=False)
    assert [job.source.name for job in skipped] == ["b.jpg"]
    assert all(output not in job.source.parents for job in (*jobs, *skipped))


def test_existing_outputs(folder, tmp_path):
    output = tmp_path / "out"
    (output / "sub").mkdir(parents=True)
    (output / "sub" / "c.webp").touch()
    (output / "e.png").touch()
    jobs, skipped = plan_jobs([folder], output, overwrite=False)
    assert {job.source.name for job in skipped} == {"c.webp", "e.gif"}
    assert len(jobs) == 4
    jobs, skipped = plan_jobs([folder], output, overwrite=True)
    assert (len(jobs), skipped) == (6, [])
    for target in (output / "e.png", output):
        with pytest.raises(ArgumentError, match=r"e\.png exists; `overwrite`"):
            plan_jobs([folder / "e.gif"], target, overwrite=False)
        assert len(plan_jobs([folder / "e.gif"], target, overwrite=True)[0]) == 1


def test_an_input_is_never_overwritten(folder):
    for inputs, output in (([folder], folder), ([folder / "b.jpg"], folder), ([folder / "b.jpg"], folder / "b.jpg")):
        with pytest.raises(ArgumentError, match="would be overwritten"):
            plan_jobs(inputs, output, overwrite=True)


def test_two_inputs_for_one_output(folder, tmp_path):
    (folder / "sub" / "b.jpg").touch()
    with pytest.raises(ArgumentError, match=r"b\.jpg and .*b\.jpg would both be written to"):
        plan_jobs([folder / "b.jpg", folder / "sub" / "b.jpg"], tmp_path / "out", overwrite=True)


def test_pictures_that_change_their_format_are_told_apart(folder, tmp_path):
    for name in ("e.png", "sub/g.heic", "sub/g.avif"):
        (folder / name).touch()
    jobs, _ = plan_jobs([folder], tmp_path / "out", overwrite=False)
    found = targets(jobs, tmp_path / "out")
    assert [found[name] for name in ("e.png", "e.gif", "f.bmp")] == ["e.png", "e.gif.png", "f.png"]
    assert [found[name] for name in ("g.heic", "g.avif")] == ["sub/g.heic.png", "sub/g.avif.png"]


def test_inputs_and_outputs_that_do_not_fit(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    cases = (
        ([tmp_path / "missing.png"], "out", "no such file or folder"),
        ([tmp_path / "empty"], "out", "no pictures in this folder"),
        ([folder], "out.png", "must be a folder"),
        ([folder], "file", "must be a folder"),
        ([folder / "b.jpg", folder / "a.PNG"], "out.jpg", "must be a folder"),
        ([folder / "b.jpg"], "out.gif", r"must end in one of \.jpeg, "),
        ([folder / "b.jpg"], "file", r"must end in one of \.jpeg, "),
        ([folder / "b.jpg"], "new", r"must end in one of \.jpeg, "),
        ([folder / "b.jpg"], "nowhere/new.png", "there is no folder"),
    )
    for inputs, output, message in cases:
        with pytest.raises(ArgumentError, match=message):
            plan_jobs(inputs, tmp_path / output, overwrite=False)


def test_what_is_no_picture_file_is_told(folder, tmp_path, monkeypatch):
    os.mkfifo(folder / "pipe.png")
    (folder / "loop.jpg").symlink_to("circle.jpg")
    (folder / "circle.jpg").symlink_to("loop.jpg")
    (folder / "gone.tif").symlink_to("nowhere")
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "here").symlink_to(".")
    monkeypatch.chdir(folder)
    socket.socket(socket.AF_UNIX).bind("talk.webp")
    plan = make_plan([folder], tmp_path / "out", overwrite=False)
    assert len(plan.jobs) == 6
    assert {path.name: reason.partition(": ")[2] for path, reason in plan.unreadable.items()} == {
        "pipe.png": "a named pipe, not a picture file",
        "loop.jpg": "Too many levels of symbolic links",
        "circle.jpg": "Too many levels of symbolic links",
        "gone.tif": "a broken link",
        "zero.png": "a device, not a picture file",
        "talk.webp": "a socket, not a picture file",
    }
    for name in ("pipe.png", "loop.jpg", "zero.png"):
        with pytest.raises(ArgumentError, match=f"`input` .*{name}: "):
            make_plan([folder / name], tmp_path / "new.png", overwrite=False)


def test_a_folder_of_nothing_else_is_not_called_empty(tmp_path):
    (tmp_path / "in").mkdir()
    os.mkfifo(tmp_path / "in" / "pipe.png")
    plan = make_plan([tmp_path / "in"], tmp_path / "out", overwrite=False)
    assert plan.jobs == []
    assert len(plan.unreadable) == 1


def test_an_output_that_is_a_circle_of_links(folder, tmp_path):
    (tmp_path / "out").symlink_to("out")
    with pytest.raises(ArgumentError, match="must be a folder"):
        make_plan([folder], tmp_path / "out", overwrite=False)


def test_a_name_that_ends_in_a_slash_is_a_folder(folder, tmp_path):
    for inputs in ([folder / "b.jpg"], [folder]):
        jobs, _ = plan_jobs(inputs, f"{tmp_path}/new.png/", overwrite=False)
        assert tmp_path / "new.png" / "b.jpg" in [job.target for job in jobs]
    (tmp_path / "file.png").touch()
    with pytest.raises(ArgumentError, match=r"file\.png is not a folder"):
        plan_jobs([folder / "b.jpg"], f"{tmp_path}/file.png/", overwrite=False)


def test_buckets_are_not_taken_for_folders(folder, tmp_path):
    for arguments, name in (((["s3://bucket/photos"], tmp_path), "input"), (([folder], "gs://bucket/out"), "output")):
        with pytest.raises(ArgumentError, match=f"`{name}` ..://bucket.*need `cluster`"):
            plan_jobs(*arguments, overwrite=False)


def test_a_folder_does_not_become_one_that_is_called_like_a_film(folder, tmp_path):
    with pytest.raises(ArgumentError, match=r"must be a folder.*%06d"):
        plan_jobs([folder], tmp_path / "film.mp4", overwrite=False)
    (tmp_path / "clips.mp4").mkdir()
    assert plan_jobs([folder], tmp_path / "clips.mp4", overwrite=False)


def test_films_of_a_folder_are_left_out_and_told(folder, tmp_path):
    film = folder / "sub" / "clip.MP4"
    film.touch()
    assert make_plan([folder], tmp_path / "out", overwrite=False).films == [film]
    alone = tmp_path / "films"
    alone.mkdir()
    film.rename(alone / "clip.mov")
    with pytest.raises(ArgumentError, match=r"no pictures in this folder .*; films are given by name, as .*/clip\.mov"):
        make_plan([alone], tmp_path / "out", overwrite=False)
