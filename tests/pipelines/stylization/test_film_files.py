"""What an interrupted film has kept: gone on with where it is whole, told in one line where it is not."""

import io
import shutil

import numpy as np
import pytest
from support.films import write_video
from support.small_models import inverting_model

from errors import ArgumentError, UserError
from pipelines.stylization.film import files as files_module
from pipelines.stylization.film import stylize as module
from pipelines.stylization.film.settings import FilmSettings
from pipelines.stylization.film.stylize import stylize_film

SETTINGS = FilmSettings(steady=1.0)
# Of the run that is interrupted after five of seven frames, with parts of two.
STATE, LAST_PART = "state-4.npz", "part-00000002.mp4"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a film, a model, and for each kind of output the folder that an interrupted run has left."""
    folder = tmp_path_factory.mktemp("kept")
    inverting_model().save(folder / "model.keras")
    rng = np.random.default_rng(0)
    still = rng.integers(0, 255, (32, 40, 3), dtype=np.uint8)
    write_video(folder / "source.mp4", [np.roll(still, i, axis=1) for i in range(7)])

    def interrupt(done, count):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PART_FRAMES", 2)
        for name in ("film.mp4", "film.gif", "%03d.png"):
            output = folder / name.removeprefix("%03d") / name
            output.parent.mkdir()
            with pytest.raises(KeyboardInterrupt):
                stylize_film(
                    folder / "source.mp4", output, SETTINGS, model=str(folder / "model.keras"), observe=interrupt
                )
    return folder


def resume(kept, folder, name="film.mp4", **options):
    """Go on with a copy of an interrupted run; return what was told."""
    notes = []
    model = str(kept / "model.keras")
    stylize_film(kept / "source.mp4", folder / name, SETTINGS, model=model, note=notes.append, **options)
    return notes


def copied(kept, folder, name="film.mp4"):
    shutil.copytree(kept / name.removeprefix("%03d"), folder, dirs_exist_ok=True)
    return folder / f"{name.replace('%', '')}.parts"


def without(*names):
    """Return what takes arrays out of a state."""

    def damage(content):
        with np.load(io.BytesIO(content)) as arrays:
            left = {name: arrays[name] for name in arrays.files if name not in names}
        file = io.BytesIO()
        np.savez(file, **left)
        return file.getvalue()

    return damage


def of_another_size(content):
    with np.load(io.BytesIO(content)) as arrays:
        cut = {name: values[:-2] if values.ndim else values for name, values in arrays.items()}
    file = io.BytesIO()
    np.savez(file, **cut)
    return file.getvalue()


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 16]) + content[middle + 1 :]


DAMAGES = {
    "state cut": (STATE, lambda content: content[:900]),
    "state flipped": (STATE, flipped),
    "state missing": (STATE, None),
    "result missing": (STATE, without("result")),
    "anchor's age missing": (STATE, without("anchor_age")),
    "state of another size": (STATE, of_another_size),
    "count is no JSON": ("frames.json", lambda content: b"\xff"),
    "count is a number": ("frames.json", lambda content: b"4"),
    "count is infinite": ("frames.json", lambda content: b"[[1e999, 1]]"),
    "count has one time more": ("frames.json", lambda content: content.replace(b"[[", b"[[0, 0], [")),
    "part cut": (LAST_PART, lambda content: content[:300]),
    "part empty": (LAST_PART, lambda content: b""),
    "part missing": (LAST_PART, None),
    "command is a list": ("command.json", lambda content: b"[1]"),
    "options are a number": ("command.json", lambda content: b'{"options": 3, "digests": {}}'),
    "digests are missing": ("command.json", lambda content: b'{"options": {}}'),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damage_ends_in_one_line_and_overwrite_starts_over(kept, tmp_path, case):
    name, damage = DAMAGES[case]
    path = copied(kept, tmp_path) / name
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r"no saved state to resume from .*; `overwrite` starts over") as caught:
        resume(kept, tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "film.mp4").exists()
    if case == "part missing":
        assert resume(kept, tmp_path, overwrite=True) == []
        assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize(
    ("name", "missing"), [("film.gif", "film.gif.parts/frame-000001.png"), ("%03d.png", "001.png")]
)
def test_a_frame_that_was_kept_and_is_missing_is_told(kept, tmp_path, name, missing):
    copied(kept, tmp_path, name)
    (tmp_path / missing).unlink()
    with pytest.raises(UserError, match=f"{missing}: this frame was kept, and is missing"):
        resume(kept, tmp_path, name)


def test_what_is_whole_is_gone_on_with(kept, tmp_path):
    folder = copied(kept, tmp_path)
    assert resume(kept, tmp_path) == [f"resuming at frame 4 of the interrupted run in {folder}"]


def test_a_film_whose_parts_are_removed_by_half_is_done(kept, tmp_path, monkeypatch):
    def interrupted(folder):
        next(folder.glob("part-*")).unlink()
        raise KeyboardInterrupt

    copied(kept, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(files_module.shutil, "rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            resume(kept, tmp_path)
    with pytest.raises(ArgumentError, match="exists; `overwrite` replaces it"):
        resume(kept, tmp_path)


def test_a_broken_link_is_no_film_and_is_replaced(kept, tmp_path):
    (tmp_path / "film.mp4").symlink_to("gone.mp4")
    assert resume(kept, tmp_path) == []
    assert (tmp_path / "film.mp4").is_file()
    assert not (tmp_path / "gone.mp4").exists()
