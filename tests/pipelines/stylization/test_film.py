"""Stylising films from file to file."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from support.films import packets, turned_in_player, write_video

from errors import ArgumentError, UserError
from film.reading import FilmReader
from pipelines.stylization.film import stylize as module
from pipelines.stylization.film.settings import FilmSettings
from pipelines.stylization.film.stylize import stylize_film

EACH_ON_ITS_OWN = FilmSettings(steady=0.0, quality=95)
NO_VIDEO = FilmSettings(steady=0.0)  # which has no quality


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    """Return the file of a model that returns its pictures."""
    import keras

    path = tmp_path_factory.mktemp("model") / "identity.keras"
    layer = keras.layers.Conv2D(3, 1, use_bias=False)
    model = keras.Sequential([keras.Input((None, None, 3)), layer])
    layer.set_weights([np.eye(3, dtype=np.float32)[np.newaxis, np.newaxis]])
    model.save(path)
    return path


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.mp4"
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8)[:, np.newaxis, np.newaxis], (1, 48, 3))
    times = [0, *np.cumsum([3600, 7200, 1800, 3600, 3600, 9000]).tolist()]
    write_video(path, [np.roll(ramp, i, axis=1) for i in range(7)], times=times, sound="aac")
    return path


def test_an_identity_returns_the_film(tmp_path, source, identity):
    path = tmp_path / "out" / "film.mp4"
    path.parent.mkdir()
    report = stylize_film(source, path, EACH_ON_ITS_OWN, model=str(identity))
    before, after = FilmReader(source), FilmReader(path)
    frames, results = list(before), list(after)
    assert [float(frame.time * before.format.time_base) for frame in frames] == pytest.approx(
        [float(frame.time * after.format.time_base) for frame in results]
    )
    for frame, result in zip(frames, results, strict=True):
        assert np.abs(frame.pixels - result.pixels).max() * 255 <= 2.01
    assert packets(path, "audio") == packets(source, "audio")
    assert (report.frames, report.broken, report.notes) == (7, [], [])
    assert [entry.name for entry in path.parent.iterdir()] == ["film.mp4"]


def test_an_upright_film_comes_out(tmp_path, source, identity):
    turned_in_player(source, (0, 1 << 16, 0, -(1 << 16), 0, 0, 64 << 16, 0, 1 << 30))
    stylize_film(source, tmp_path / "film.mp4", EACH_ON_ITS_OWN, model=str(identity))
    assert FilmReader(tmp_path / "film.mp4").format.height == 48


@pytest.mark.parametrize("target", ["film.mp4", "film.gif", "%03d.png"])
def test_an_interrupted_film_ends_like_an_uninterrupted_one(tmp_path, source, identity, target, monkeypatch):
    monkeypatch.setattr(module, "PART_FRAMES", 2)
    settings = FilmSettings(steady=1.0)
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()

    def interrupt(done, count):
        if done == 5:
            raise KeyboardInterrupt

    stylize_film(source, tmp_path / "whole" / target, settings, model=str(identity))
    with pytest.raises(KeyboardInterrupt):
        stylize_film(source, tmp_path / "broken" / target, settings, model=str(identity), observe=interrupt)
    if target != "%03d.png":
        assert not (tmp_path / "broken" / target).exists()
    with pytest.raises(ArgumentError, match="steady"):
        stylize_film(source, tmp_path / "broken" / target, NO_VIDEO, model=str(identity))
    notes = []
    report = stylize_film(source, tmp_path / "broken" / target, settings, model=str(identity), note=notes.append)
    assert report.resumed_from == 4
    assert "resuming" in notes[0]
    files = [sorted((tmp_path / name).iterdir()) for name in ("whole", "broken")]
    assert [path.name for path in files[0]] == [path.name for path in files[1]]
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]


def test_a_broken_frame_repeats_the_one_before_and_is_told(tmp_path, identity):
    for number in (1, 2, 4):
        Image.fromarray(np.full((32, 32, 3), 40 * number, np.uint8)).save(tmp_path / f"{number}.png")
    path = tmp_path / "film.gif"
    report = stylize_film(tmp_path / "%d.png", path, NO_VIDEO, model=str(identity))
    assert report.broken == [pytest.approx(2 / 25)]
    values = [round(float(frame.pixels.mean() * 255)) for frame in FilmReader(path)]
    # GIF has no duration for frames that show the same as the one before: it is one frame, shown longer.
    assert values in ([40, 80, 80, 160], [40, 80, 160])


def test_frames_that_were_broken_before_an_interruption_are_told_after_it(tmp_path, identity, monkeypatch):
    monkeypatch.setattr(module, "PART_FRAMES", 2)
    for number in (1, 3, 4, 5):
        Image.fromarray(np.full((32, 32, 3), 40 * number, np.uint8)).save(tmp_path / f"{number}.png")

    def interrupt(done, count):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stylize_film(tmp_path / "%d.png", tmp_path / "film.gif", NO_VIDEO, model=str(identity), observe=interrupt)
    report = stylize_film(tmp_path / "%d.png", tmp_path / "film.gif", NO_VIDEO, model=str(identity))
    assert (report.resumed_from, report.broken) == (4, [pytest.approx(1 / 25)])


def test_what_is_wrong_is_told_in_one_line(tmp_path, source, identity):
    path = tmp_path / "film.mp4"
    with pytest.raises(UserError, match="no such file"):
        stylize_film(tmp_path / "none.mp4", path, EACH_ON_ITS_OWN, model=str(identity))
    with pytest.raises(ArgumentError, match="is the input"):
        stylize_film(source, source, EACH_ON_ITS_OWN, model=str(identity))
    with pytest.raises(UserError, match="unknown film format"):
        stylize_film(source, tmp_path / "film.avi", EACH_ON_ITS_OWN, model=str(identity))
    path.write_bytes(b"mine")
    with pytest.raises(ArgumentError, match="exists"):
        stylize_film(source, path, EACH_ON_ITS_OWN, model=str(identity))
    assert path.read_bytes() == b"mine"
    for wrong in (
        {"steady": 1.5},
        {"codec": "mpeg"},
        {"quality": 0},
        {"frame_rate": 0},
        {"frame_rate": 1e300},
        {"frame_rate": 1e-300},
    ):
        with pytest.raises(ArgumentError, match=next(iter(wrong))):
            FilmSettings(**wrong)


def test_frames_that_are_broken_at_the_beginning_show_the_first_whole_one(tmp_path, identity):
    (tmp_path / "1.png").write_bytes(b"nothing")
    Image.fromarray(np.full((32, 32, 3), 90, np.uint8)).save(tmp_path / "2.png")
    report = stylize_film(tmp_path / "%d.png", tmp_path / "out" / "%d.png", NO_VIDEO, model=str(identity))
    assert report.broken == [0.0]
    assert [np.asarray(Image.open(tmp_path / "out" / f"{number}.png")).max() for number in (1, 2)] == [90, 90]
    (tmp_path / "2.png").write_bytes(b"nothing")
    with pytest.raises(UserError, match="none of the frames"):
        stylize_film(tmp_path / "%d.png", tmp_path / "film.mp4", EACH_ON_ITS_OWN, model=str(identity))


def test_numbered_frames_are_upright_and_keep_16_bits_of_grey(tmp_path, identity):
    Image.fromarray(np.full((20, 32), 128 * 257, np.uint16)).save(tmp_path / "1.png")
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.full((32, 20, 3), 60, np.uint8)).save(tmp_path / "2.png", exif=exif)
    stylize_film(tmp_path / "%d.png", tmp_path / "out" / "%d.png", NO_VIDEO, model=str(identity))
    found = [np.asarray(Image.open(tmp_path / "out" / f"{number}.png")) for number in (1, 2)]
    assert [(pixels.shape, pixels.max()) for pixels in found] == [((20, 32, 3), 128), ((20, 32, 3), 60)]


def test_frames_that_no_memory_holds_are_refused_before_the_first(tmp_path, source, identity, monkeypatch):
    monkeypatch.setattr("runs.machine.memory_of_machine", lambda: 10**6)
    with pytest.raises(ArgumentError, match=r"a film of 48 x 64 pixels \(see `image_size`\) is too large"):
        stylize_film(source, tmp_path / "out.mp4", FilmSettings(), model=identity)
    assert not (tmp_path / "out.mp4").exists()
    monkeypatch.undo()
    stylize_film(source, tmp_path / "out.mp4", EACH_ON_ITS_OWN, model=str(identity))  # with other options
    assert (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_film_that_was_cut_off_is_told(tmp_path, identity, suffix):
    frames = [np.random.default_rng(i).integers(0, 256, (48, 64, 3), np.uint8) for i in range(50)]
    whole, short = tmp_path / f"whole{suffix}", tmp_path / f"short{suffix}"
    options = {"movflags": "faststart"} if suffix == ".mp4" else None
    write_video(whole, frames, codec="mpeg4", pix_fmt="yuv420p", options={"g": "1"}, container_options=options,
                time_base=Fraction(1, 25), times=range(50))  # fmt: skip
    short.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    notes = [
        stylize_film(path, tmp_path / f"{path.stem}.gif", NO_VIDEO, model=str(identity)).notes
        for path in (whole, short)
    ]
    assert notes[0] == []
    assert len(notes[1]) == 1
    assert f"{short}: its pictures end at" in notes[1][0]


def test_films_in_buckets_are_refused(tmp_path, source, identity):
    for paths, name in (((source, "s3://bucket/%d.png"), "output"), (("gs://bucket/film.mp4", tmp_path), "input")):
        with pytest.raises(ArgumentError, match=f"`{name}` ..://bucket.*films cannot be in buckets"):
            stylize_film(*paths, EACH_ON_ITS_OWN, model=str(identity))
