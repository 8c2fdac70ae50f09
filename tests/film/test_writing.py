"""Writing films in parts, as FFmpeg and Pillow read them back."""

import gc
import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from support.films import packets, write_video
from support.small_disk import largest_file

from film.encoders import ENCODERS
from film.errors import FilmError
from film.formats import check_target
from film.frame import FilmFormat, Frame
from film.reading import FilmReader
from film.steadying import Steadier
from film.writing import film_writer

RAMP = np.tile(np.arange(256, dtype=np.float32)[:, np.newaxis, np.newaxis] / 255, (1, 64, 3))
FORMAT = FilmFormat(64, 256, Fraction(1, 90_000), Fraction(25))
NONE = Path("no source")


def write(path, folder, frames, *, about=FORMAT, source=NONE, every=2, **options):
    """Write frames with a new writer for every part, as resumed runs do."""
    folder.mkdir(exist_ok=True)
    for first in range(0, len(frames), every):
        writer = film_writer(path, folder, about, source=source, **options)
        assert writer.frame_count == first
        for frame in frames[first : first + every]:
            writer.write(frame)
        writer.end_part()
    writer.finish()
    return writer


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "h264"), (".mkv", "hevc"), (".webm", "av1"), (".mov", "h264")])
@pytest.mark.parametrize("matrix", [1, 6])
def test_a_grey_ramp_comes_back(tmp_path, suffix, codec, matrix):
    times = [0, 3600, 9000, 10_800, 18_000]
    about = FilmFormat(64, 256, Fraction(1, 90_000), Fraction(25), matrix=matrix)
    path = tmp_path / f"film{suffix}"
    write(path, tmp_path / "parts", [Frame(RAMP, time, 1800) for time in times], about=about, codec=codec, quality=95)
    reader = FilmReader(path)
    frames = list(reader)
    assert reader.format.matrix == matrix
    seconds = [float(frame.time * reader.format.time_base) for frame in frames]
    assert np.allclose(seconds, np.array(times) / 90_000, atol=6e-4 if suffix in (".mkv", ".webm") else 0)
    for frame in frames:
        assert np.abs(frame.pixels - RAMP).max() * 255 <= 2.01


def test_sound_is_copied_and_stays_where_it_was(tmp_path):
    source = tmp_path / "source.mp4"
    write_video(source, [(RAMP * 255).astype(np.uint8)] * 6, sound="aac")
    frames = list(FilmReader(source))
    path = tmp_path / "film.mp4"
    about = FilmReader(source).format
    writer = write(path, tmp_path / "parts", frames, about=about, source=source, codec="h264")
    assert packets(path, "audio") == packets(source, "audio")
    assert [seconds for seconds, _ in packets(path, "video")] == sorted(
        seconds for seconds, _ in packets(source, "video")
    )
    assert writer.notes == []


def test_a_name_with_a_colon_is_that_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source, target = Path("day-1:rome.mp4"), Path("data:rome.mp4")
    write_video(Path("film.mp4"), [(RAMP * 255).astype(np.uint8)] * 3, sound="aac")
    Path("film.mp4").rename(source)
    reader = FilmReader(source)
    write(target, Path("data:parts"), list(reader), about=reader.format, source=source)
    assert len(list(FilmReader(target))) == 3
    assert packets(tmp_path / target, "audio") == packets(tmp_path / source, "audio")


def test_sound_that_webm_cannot_hold_becomes_opus(tmp_path):
    source = tmp_path / "source.mp4"
    write_video(source, [(RAMP * 255).astype(np.uint8)] * 6, sound="aac")
    reader, path = FilmReader(source), tmp_path / "film.webm"
    notes = write(path, tmp_path / "parts", list(reader), about=reader.format, source=source, codec="av1").notes
    assert notes == [f"{source}: its sound (aac) is converted to Opus, which this format supports"]
    with av.open(str(path)) as film:
        assert film.streams.audio[0].codec_context.name in ("opus", "libopus")
    before, after = (sound_of(name) for name in (source, path))
    assert abs(len(after) - len(before)) < 2400  # a twentieth of a second
    # The same sound at the same time: correlation is highest within 10 ms of no shift.
    length = min(len(before), len(after))
    spectra = [np.fft.rfft(sound[:length], 2 * length) for sound in (before, after)]
    correlation = np.fft.irfft(spectra[0] * np.conj(spectra[1]))
    best = int(np.argmax(correlation))
    assert min(best, 2 * length - best) < 480
    assert correlation[best] > 0.9 * np.linalg.norm(before[:length]) * np.linalg.norm(after[:length])


def sound_of(path):
    """Return the samples of a film's sound at 48 kHz."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=48_000)
    with av.open(str(path)) as film:
        frames = [part for frame in film.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_odd_sizes_are_kept(tmp_path, codec):
    pixels = np.ascontiguousarray(RAMP[100:147, :35])
    about = FilmFormat(35, 47, Fraction(1, 25), Fraction(25))
    write(tmp_path / "film.mp4", tmp_path / "parts", [Frame(pixels, i) for i in range(3)], about=about, codec=codec)
    assert [frame.pixels.shape for frame in FilmReader(tmp_path / "film.mp4")] == [(47, 35, 3)] * 3


def test_a_narrow_film_is_encoded_to_its_end(tmp_path):
    """In another process: where SVT-AV1's threads wait for each other nothing ends them."""
    program = f"""
from fractions import Fraction
from pathlib import Path
import numpy as np
from film.frame import FilmFormat, Frame
from film.writing import film_writer
about = FilmFormat(16, 128, Fraction(1, 25), Fraction(25))
writer = film_writer({str(tmp_path / "film.mkv")!r}, Path({str(tmp_path)!r}), about, source=Path("none"), codec="av1")
for i in range(2):
    writer.write(Frame(np.random.default_rng(i).random((128, 16, 3), np.float32), i, 1))
writer.end_part()
writer.finish()
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)
    assert [frame.pixels.shape for frame in FilmReader(tmp_path / "film.mkv")] == [(128, 16, 3)] * 2


def test_encoders_of_a_film_that_is_left_unfinished_print_nothing(tmp_path, capfd, monkeypatch):
    """After Ctrl-C or on a full disk SVT-AV1 printed "Svt[error]: deinit called without sending EOS!"."""
    monkeypatch.delenv("SVT_LOG", raising=False)
    for codec in ENCODERS:
        writer = film_writer(tmp_path / "film.mkv", tmp_path, FORMAT, source=NONE, codec=codec)
        for i in range(3):
            writer.write(Frame(RAMP, 1800 * i, 1800))
        del writer
        gc.collect()
    assert capfd.readouterr().err == ""


def test_sizes_that_a_codec_does_not_hold_are_refused_in_one_line(tmp_path):
    about = FilmFormat(3, 2, Fraction(1, 25), Fraction(25))
    with pytest.raises(FilmError, match=r"film\.mp4: hevc cannot hold a film of 3 x 2 pixels"):
        write(tmp_path / "film.mp4", tmp_path / "parts", [Frame(RAMP[:2, :3], 0)], about=about, codec="hevc")


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_animations(tmp_path, suffix):
    durations = [100, 40, 250]
    times = [0, 100, 140]
    frames = [
        Frame(np.roll(RAMP, 20 * i, axis=0), time, duration)
        for i, (time, duration) in enumerate(zip(times, durations, strict=True))
    ]
    about = FilmFormat(64, 256, Fraction(1, 1000), Fraction(10))
    path = tmp_path / f"film{suffix}"
    write(path, tmp_path / "parts", frames, about=about, quality=100)
    found = list(FilmReader(path))
    assert [frame.time for frame in found] == times
    for frame, one in zip(frames, found, strict=True):
        assert np.abs(frame.pixels - one.pixels).mean() < 0.02


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize(("loop", "of_gif", "of_webp"), [(None, None, 1), (0, 0, 0), (3, 3, 4)])
def test_animations_keep_how_often_they_are_shown(tmp_path, suffix, loop, of_gif, of_webp):
    """GIF tells how often it is repeated, WebP how often it is shown."""
    first, *others = (Image.fromarray(np.full((8, 8, 3), 60 * i, np.uint8)) for i in range(3))
    options = {} if loop is None else {"loop": loop}
    first.save(tmp_path / "a.gif", save_all=True, append_images=others, duration=50, **options)
    for source, target in (("a.gif", f"b{suffix}"), (f"b{suffix}", "c.gif")):
        reader = FilmReader(tmp_path / source)
        write(tmp_path / target, tmp_path / f"parts {target}", list(reader), about=reader.format)
        with Image.open(tmp_path / target) as image:
            assert image.info.get("loop") == (of_webp if target == "b.webp" else of_gif)


def test_numbered_frames(tmp_path):
    pattern = tmp_path / "out" / "%03d.png"
    write(pattern, tmp_path / "parts", [Frame(np.roll(RAMP, i, axis=0), i) for i in range(3)])
    assert sorted(path.name for path in pattern.parent.iterdir()) == ["000.png", "001.png", "002.png"]
    assert np.array_equal(np.asarray(Image.open(pattern.parent / "002.png")), np.round(np.roll(RAMP, 2, axis=0) * 255))


@pytest.mark.parametrize(
    ("name", "codec", "quality", "words"),
    [
        ("film.avi", "h264", 75, "unknown film format"),
        ("film.webm", "h264", 75, "cannot contain h264"),
        ("film.mp4", "h264", 0, "1 to 100"),
        ("%d.doc", "h264", 75, "written as pictures"),
        ("%d.psd", "h264", 75, "written as pictures"),
        ("%d.ico", "h264", 75, "written as pictures"),
        ("film.mov", "av1", 75, "cannot contain av1"),
    ],
)
def test_what_cannot_be_written_is_refused(name, codec, quality, words):
    with pytest.raises(FilmError, match=words):
        check_target(Path(name), codec=codec, quality=quality)


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_qualities_from_end_to_end(tmp_path, codec):
    errors = []
    for quality in (1, 100):
        path, folder = tmp_path / f"{quality}.mp4", tmp_path / f"parts {quality}"
        write(path, folder, [Frame(RAMP, 0, 3600)], codec=codec, quality=quality)
        errors.append(np.abs(next(iter(FilmReader(path))).pixels - RAMP).mean())
    assert errors[1] < errors[0] / 2


@pytest.mark.parametrize(("suffix", "rate", "shown"), [(".gif", 30, 31), (".gif", 60, 16), (".webp", 60, 31)])
def test_animations_keep_their_length(tmp_path, suffix, rate, shown):
    frames = [Frame(np.roll(RAMP, 3 * i, axis=0), i, 1) for i in range(31)]
    about = FilmFormat(64, 256, Fraction(1, rate), Fraction(rate))
    path = tmp_path / f"film{suffix}"
    writer = write(path, tmp_path / "parts", frames, about=about)
    found = list(FilmReader(path))
    assert len(found) == shown
    assert abs(found[-1].time - 1000 * 30 / rate) <= 10
    assert len(writer.notes) == (shown < 31)


@pytest.mark.parametrize(("suffix", "durations"), [(".gif", [20, 20]), (".webp", [20, 11])])
def test_the_last_frame_of_an_animation_is_not_shorter_than_browsers_show(tmp_path, suffix, durations):
    """They show one of 10 ms for 100."""
    about = FilmFormat(64, 256, Fraction(1, 100), Fraction(100))
    write(tmp_path / f"film{suffix}", tmp_path / "parts", [Frame(RAMP * i / 3, i, 1) for i in range(3)], about=about)
    assert [frame.duration for frame in FilmReader(tmp_path / f"film{suffix}")] == durations


def test_a_single_frame_that_is_left_out_is_told(tmp_path):
    frames = [Frame(RAMP, time, 10) for time in (0, 10, 100)]
    about = FilmFormat(64, 256, Fraction(1, 1000), Fraction(25))
    writer = write(tmp_path / "film.gif", tmp_path / "parts", frames, about=about)
    assert writer.notes == [f"{tmp_path / 'film.gif'}: 1 frame is left out: GIF shows no more"]


def test_a_picture_that_is_shown_for_too_long_is_refused(tmp_path):
    frames = [Frame(RAMP, second, 1) for second in range(700)]
    about = FilmFormat(64, 256, Fraction(1), Fraction(1))
    with pytest.raises(FilmError, match=r"film.gif: GIF shows no picture for longer than 655.35 s"):
        write(tmp_path / "film.gif", tmp_path / "parts", frames, about=about)


@pytest.mark.parametrize(("suffix", "most"), [(".jpg", 6), (".webp", 0)])
def test_numbered_frames_are_as_good_as_pictures(tmp_path, suffix, most):
    """Fine lines of colour, which halved chroma would smear."""
    colors = np.float32([(1, 0, 0), (0, 0, 1)])
    pixels = np.tile(colors[:, np.newaxis], (32, 64, 1))
    write(tmp_path / f"%d{suffix}", tmp_path / "parts", [Frame(pixels, 0)])
    with Image.open(tmp_path / f"0{suffix}") as image:
        assert np.abs(np.asarray(image.convert("RGB")) - 255 * pixels).max() <= most


def test_numbered_frames_keep_their_numbers(tmp_path):
    about = FilmFormat(64, 256, Fraction(1, 25), Fraction(25), first_number=1001)
    write(tmp_path / "%d.png", tmp_path / "parts", [Frame(RAMP, i) for i in range(2)], about=about)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["1001.png", "1002.png"]


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_the_same_frames_are_the_same_film(tmp_path, codec):
    """Whatever lay in memory before: here what steadying them needed."""
    random = np.random.default_rng(3)
    scenes = [np.kron(random.integers(0, 255, (12, 18, 3)), np.ones((8, 8, 1))).astype(np.uint8) for _ in range(3)]
    source = tmp_path / "source.mp4"
    write_video(source, [np.roll(scene, i, axis=1)[:64, :96] for scene in scenes for i in range(4)])
    about = FilmReader(source).format
    films = set()
    for number in range(12):
        steadier = Steadier(1.0)
        frames = [
            replace(frame, pixels=steadier(frame.pixels, np.clip(1 - frame.pixels * 0.9, 0, 1)))
            for frame in FilmReader(source)
        ]
        path = tmp_path / f"{number}.mkv"
        write(path, tmp_path / f"{number}.parts", frames, about=about, every=4, codec=codec)
        films.add(path.read_bytes())
    assert len(films) == 1


FADE = """
import hashlib, sys
from fractions import Fraction
from io import BytesIO
import av
import numpy as np
from film.color import from_rgb
from film.encoders import add_encoder
from film.frame import FilmFormat

scene = np.kron(np.random.default_rng(3).random((30, 40, 3)), np.ones((8, 8, 1)))
packets = hashlib.sha256()
with av.open(BytesIO(), "w", format="mp4") as film:
    stream = add_encoder(film, FilmFormat(96, 64, Fraction(1, 25), Fraction(25)), sys.argv[1], 75, "yuv420p")
    for i in range(8):
        picture = from_rgb(np.roll(scene, (i, 2 * i), (0, 1))[:64, :96] * (1 - i / 20), 1, "yuv420p")
        picture.pts = i
        for packet in stream.encode(picture):
            packets.update(packet)
    for packet in stream.encode():
        packets.update(packet)
print(packets.hexdigest())
"""


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_a_fade_is_the_same_film_whatever_lay_in_memory(codec):
    """The GNU C library fills what it allocates with a given byte."""
    films = {
        subprocess.run(
            [sys.executable, "-c", FADE, codec],
            cwd=ROOT, env=os.environ | {"MALLOC_PERTURB_": str(fill)}, check=True, capture_output=True,
        ).stdout
        for fill in (0, 85, 170)
    }  # fmt: skip
    assert len(films) == 1


def test_a_broadcast_begins_at_zero(tmp_path):
    """Its clock may stand at any hour, which would be the length of a Matroska film."""
    source, hours = tmp_path / "source.ts", 5 * 3600 * 90_000
    frames = [np.full((48, 64, 3), 40 * i, np.uint8) for i in range(5)]
    write_video(source, frames, times=[hours + 3600 * i for i in range(5)], pix_fmt="yuv420p")
    reader = FilmReader(source)
    assert [frame.time for frame in reader] == [3600 * i for i in range(5)]
    write(tmp_path / "film.mkv", tmp_path / "parts", [*reader], about=reader.format, source=source)
    with av.open(str(tmp_path / "film.mkv")) as film:
        assert film.duration == pytest.approx(200_000, abs=1000)


def test_a_film_that_begins_before_zero_keeps_its_first_frames(tmp_path):
    """As recordings do whose clock starts anew soon after their beginning; sound is moved with the pictures."""
    source = tmp_path / "source.mkv"
    write_video(source, [(RAMP * 255).astype(np.uint8)] * 3, sound="aac")
    frames = [Frame(RAMP * (1 - i / 8), time, 3600) for i, time in enumerate((-7200, -3600, 0, 3600))]
    path = tmp_path / "film.mp4"
    write(path, tmp_path / "parts", frames, source=source)
    found = list(FilmReader(path))
    assert [frame.time for frame in found] == [0, 3600, 7200, 10_800]
    assert [frame.pixels.mean() for frame in found] == pytest.approx(
        [frame.pixels.mean() for frame in frames], abs=0.01
    )
    delays = [there[0] - here[0] for there, here in zip(packets(path, "audio"), packets(source, "audio"), strict=True)]
    assert delays == pytest.approx([0.08] * len(delays), abs=1e-3)


def test_numbered_frames_of_another_film_are_told(tmp_path):
    pattern = tmp_path / "%d.png"
    frames = [Frame(RAMP, i) for i in range(5)]
    assert write(pattern, tmp_path / "parts 5", frames).notes == []
    writer = write(pattern, tmp_path / "parts 2", frames[:2])
    assert writer.notes == [f"{pattern}: numbers 2 to 4 were there before and are not of this film"]


@pytest.mark.parametrize("name", ["film.webp", "film.gif", "%06d.png", "%06d.tif", "%06d.jpg"])
def test_a_frame_on_a_full_disk_is_named_and_leaves_nothing(tmp_path, name):
    """Of animations only "No space left on device" was told, and half a frame stayed."""
    (tmp_path / "parts").mkdir()
    writer = film_writer(tmp_path / name, tmp_path / "parts", FORMAT, source=NONE)
    with largest_file(10_000), pytest.raises(OSError, match=r"File too large: '.*0000\.\w+'"):
        writer.write(Frame(np.random.default_rng(0).random((256, 64, 3)).astype(np.float32), 0, 1800))
    assert [path.name for path in tmp_path.rglob("*")] == ["parts"]
