"""What a stylised film keeps beside its pictures, as FFmpeg reads it."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from support.films import packets, with_tracks, write_video

import film.formats
from film.errors import FilmError
from film.reading import FilmReader
from film.writing import film_writer

FRAMES = [np.full((48, 64, 3), 40 * i, np.uint8) for i in range(6)]
# In milliseconds.
TEXTS = [(0, 40, "Good morning"), (80, 120, "to you")]


@pytest.fixture
def plain(tmp_path):
    """A film with one track of sound."""
    write_video(tmp_path / "plain.mp4", FRAMES, sound="aac")
    return tmp_path / "plain.mp4"


def rewritten(path, source, codec="h264"):
    """Write the frames of a film as another one, and return what is told."""
    reader, folder = FilmReader(source), path.with_name(f"{path.name}.parts")
    folder.mkdir(parents=True)
    writer = film_writer(path, folder, reader.format, source=source, codec=codec)
    for frame in reader:
        writer.write(frame)
    writer.end_part()
    writer.finish()
    return writer.notes


def texts_of(path):
    """Return (milliseconds after the first frame, length, text) of the subtitles."""
    found, begin = [], round(1000 * min(packets(path, "video"))[0])
    with av.open(str(path)) as film:
        for packet in film.demux(film.streams.subtitles[0]):
            for part in packet.decode() if packet.size else []:
                if part.dialogue:
                    start, length = (round(1000 * time * packet.time_base) for time in (packet.pts, packet.duration))
                    found.append((start - begin, length, part.dialogue.decode().strip()))
    return found


def mov_text(text):
    return len(text).to_bytes(2, "big") + text.encode()


@pytest.mark.parametrize(
    ("source", "codec", "target", "becomes"),
    [
        (".mkv", "subrip", ".mkv", "subrip"),
        (".mkv", "subrip", ".mp4", "mov_text"),
        (".mp4", "mov_text", ".mkv", "subrip"),
        (".mkv", "subrip", ".webm", "webvtt"),
    ],
)
def test_subtitles_become_what_the_format_holds(tmp_path, plain, source, codec, target, becomes):
    film, path = tmp_path / f"source{source}", tmp_path / f"film{target}"
    encode = mov_text if codec == "mov_text" else str.encode
    with_tracks(film, plain, [(time, length, encode(text)) for time, length, text in TEXTS], codec=codec)
    notes = rewritten(path, film, "av1" if target == ".webm" else "h264")
    assert texts_of(path) == TEXTS
    with av.open(str(path)) as made:
        assert made.streams.subtitles[0].codec_context.codec.canonical_name == becomes
    converted = f"{film}: its subtitles ({codec}) are converted to {becomes}, which this format supports"
    told = [] if becomes == codec else [converted]
    assert [note for note in notes if "its subtitles" in note] == told


@pytest.mark.parametrize("target", [".mp4", ".mkv"])
def test_languages_chapters_and_the_title_are_kept(tmp_path, plain, target):
    film, path = tmp_path / "source.mkv", tmp_path / f"film{target}"
    with_tracks(film, plain, [(0, 40, b"Hello")], codec="subrip")
    rewritten(path, film)
    with av.open(str(path)) as made:
        assert [stream.language for stream in made.streams.audio] == ["eng", "deu"]
        assert made.streams.subtitles[0].language == "fra"
        assert made.metadata["title"] == "A film"
        chapters = [
            (chapter["start"] * chapter["time_base"], chapter["metadata"]["title"]) for chapter in made.chapters()
        ]
    assert chapters == [(0, "First"), (Fraction(1, 10), "Second")]


def test_attached_files_are_kept_or_told(tmp_path, plain):
    film = tmp_path / "source.mkv"
    with_tracks(film, plain, [(0, 40, b"Hello")], codec="subrip", attachment=("a.ttf", "font/ttf", b"letters"))
    assert rewritten(tmp_path / "film.mkv", film) == []
    with av.open(str(tmp_path / "film.mkv")) as made:
        assert [(stream.name, stream.data) for stream in made.streams.attachments] == [("a.ttf", b"letters")]
    notes = rewritten(tmp_path / "film.mp4", film)
    assert any("left out" in note and "attachment stream" in note for note in notes)


def test_subtitles_without_their_styles_are_left_out(tmp_path, plain):
    """An encoder of text asks for the head of the file, which is missing here."""
    film = tmp_path / "source.mkv"
    with_tracks(film, plain, [(0, 40, b"0,0,Default,,0,0,0,,Hello")], codec="ass")
    (note,) = rewritten(tmp_path / "film.mp4", film)
    assert note == f"{film}: left out, because this format does not support it: subtitle stream 3 (ass)"


def test_subtitles_that_are_pictures_are_copied(tmp_path, plain):
    """FFmpeg's decoder of them is called otherwise than they are."""
    film, path = tmp_path / "source.mkv", tmp_path / "film.mkv"
    with_tracks(film, plain, [(0, 40, b"\0\x05\0\x04\xff")], codec="dvd_subtitle")
    assert rewritten(path, film) == []
    assert packets(path, "subtitle") == packets(film, "subtitle") != []


def test_music_with_a_cover_is_no_film(tmp_path, plain):
    path = tmp_path / "music.mp4"
    with av.open(str(plain)) as film, av.open(str(path), "w") as made:
        cover = made.add_stream("png")
        cover.height, cover.width, cover.pix_fmt = 48, 64, "rgb24"
        cover.disposition = Disposition.attached_pic
        sound = made.add_stream_from_template(film.streams.audio[0], opaque=True)
        made.mux(cover.encode(av.VideoFrame.from_ndarray(FRAMES[0], format="rgb24")))
        for packet in film.demux(film.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = sound
                made.mux(packet)
    with pytest.raises(FilmError, match="no film in it but sound with a cover picture"):
        FilmReader(path)


@pytest.mark.parametrize(
    ("transfer", "told"), [(16, "its high dynamic range (PQ) is kept as it is encoded"), (1, "10 bits")]
)
def test_more_than_8_bits_are_told(tmp_path, transfer, told):
    film = tmp_path / "source.mp4"
    write_video(film, FRAMES, pix_fmt="yuv420p10le", color_trc=transfer)
    (note,) = rewritten(tmp_path / "film.mp4", film)
    assert told in note
    assert FilmReader(tmp_path / "film.mp4").format.transfer == transfer


@pytest.mark.parametrize("name", ["film.gif", "frames-%03d.png", "film.mp4"])
def test_pixels_that_are_not_square_are_told_where_they_cannot_be_kept(tmp_path, name):
    film = tmp_path / "source.mp4"
    write_video(film, FRAMES, sample_aspect_ratio=Fraction(16, 11))
    notes = rewritten(tmp_path / name, film)
    if name == "film.mp4":
        assert notes == []
        assert FilmReader(tmp_path / name).format.pixel_aspect == Fraction(16, 11)
    else:
        assert "its pixels are 1.455 times as wide as high" in notes[0]


def test_what_is_transparent_in_a_video_is_shown_on_white(tmp_path):
    colors = np.random.default_rng(0).integers(0, 256, (48, 64, 4), np.uint8)
    path = tmp_path / "film.mov"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("png", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "rgba"
        for _ in range(2):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(colors, format="rgba")))
        film.mux(stream.encode())
    shares = colors / 255
    expected = shares[..., :3] * shares[..., 3:] + 1 - shares[..., 3:]
    for frame in FilmReader(path):
        np.testing.assert_allclose(frame.pixels, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("source", "codec", "target", "becomes"),
    [
        ("a.mkv", "pcm_s16le", "b.mp4", "opus"),
        ("a.avi", "pcm_s16le", "b.mp4", "opus"),
        ("a.mkv", "flac", "b.mov", "aac"),
        ("a.mkv", "libopus", "b.mov", "aac"),
        ("a.mkv", "aac", "b.mov", "aac"),
        ("a.mov", "pcm_s16le", "b.mov", "pcm_s16le"),
    ],
)
def test_sound_that_a_format_lists_but_refuses_is_converted(tmp_path, source, codec, target, becomes):
    usual = {"times": range(len(FRAMES)), "time_base": Fraction(1, 25), "pix_fmt": "yuv420p"}
    write_video(tmp_path / source, FRAMES, sound=codec, timecode="01:00:00:00", **usual)
    rewritten(tmp_path / target, tmp_path / source)
    with av.open(str(tmp_path / target)) as made:
        (sound,) = made.streams.audio
        assert sound.codec_context.codec.canonical_name == becomes
        assert sum(frame.samples for frame in made.decode(audio=0)) >= 10_000
        assert len(list(FilmReader(tmp_path / target))) == len(FRAMES)


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_films_for_apple_have_every_codec(tmp_path, plain, codec):
    assert rewritten(tmp_path / "film.m4v", plain, codec) == []
    with av.open(str(tmp_path / "film.m4v")) as made:
        assert made.streams.video[0].codec_context.codec.canonical_name == codec
        assert made.streams.video[0].codec_context.codec_tag == {"h264": "avc1", "hevc": "hvc1", "av1": "av01"}[codec]
        assert len(made.streams.audio) == 1


@pytest.mark.parametrize(("target", "codec"), [("film.mov", "opus"), ("film.webm", "flac")])
def test_sound_that_is_converted_keeps_its_channels(tmp_path, target, codec):
    with av.open(str(tmp_path / "source.mkv"), "w") as film:
        video, sound = film.add_stream("libx264", rate=25), film.add_stream(codec, rate=48_000, layout="5.1")
        video.height, video.width, video.pix_fmt = 48, 64, "yuv420p"
        film.mux(video.encode(av.VideoFrame.from_ndarray(FRAMES[3], format="rgb24")))
        samples = (np.sin(np.arange(9600) / 4) * np.arange(6)[:, np.newaxis] * 4000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples.T.reshape(1, -1), format="s16", layout="5.1")
        frame.sample_rate, frame.pts = 48_000, 0
        film.mux(sound.encode(frame))
        for stream in (video, sound):
            film.mux(stream.encode())
    rewritten(tmp_path / target, tmp_path / "source.mkv", "av1" if target == "film.webm" else "h264")
    with av.open(str(tmp_path / target)) as made:
        heard = np.concatenate([part.to_ndarray() for part in made.decode(audio=0)], axis=1)
        assert made.streams.audio[0].layout.name == "5.1"
    loudness = heard[:, 2000:8000].std(axis=1)
    # Not the fourth channel, for low tones alone.
    np.testing.assert_allclose(loudness[[0, 1, 2, 4, 5]] / loudness[5], np.array([0, 1, 2, 4, 5]) / 5, atol=0.05)


@pytest.mark.parametrize("name", ["film.gif", "film.webp", "%d.png"])
def test_tracks_that_pictures_cannot_have_are_told(tmp_path, plain, name):
    with_tracks(tmp_path / "a.mkv", plain, [(0, 40, b"Hello")], codec="subrip")
    for source, lost in ((plain, "sound"), (tmp_path / "a.mkv", "sound and subtitles")):
        notes = rewritten(tmp_path / source.stem / name, source)
        assert notes == [f"{source}: left out, because only videos can have it: {lost}"]


def test_sound_of_a_broadcast_is_copied(tmp_path):
    write_video(tmp_path / "source.ts", FRAMES, sound="aac")
    assert rewritten(tmp_path / "film.mkv", tmp_path / "source.ts") == []
    with av.open(str(tmp_path / "film.mkv")) as made:
        assert made.streams.audio[0].codec_context.codec.canonical_name == "aac"
        assert sum(frame.samples for frame in made.decode(audio=0)) >= 10_000


@pytest.mark.parametrize("suffixes", [(".mkv", ".mp4"), (".mp4", ".mp4"), (".mp4", ".mkv")])
def test_titles_of_tracks_are_kept(tmp_path, plain, suffixes):
    source, target = (tmp_path / f"{name}{suffix}" for name, suffix in zip("ab", suffixes, strict=True))
    with av.open(str(plain)) as film, av.open(str(source), "w") as made:
        tracks = {stream.index: made.add_stream_from_template(stream, opaque=True) for stream in film.streams}
        for track in tracks.values():
            track.metadata.update(language="ita", title=f"Title {track.index}")
        for packet in film.demux():
            if packet.dts is not None:
                packet.stream = tracks[packet.stream.index]
                made.mux(packet)
    rewritten(target, source)
    with av.open(str(target)) as made:
        assert [stream.metadata["language"] for stream in made.streams] == ["ita", "ita"]
        title = "name" if target.suffix == ".mp4" else "title"
        assert [stream.metadata[title] for stream in made.streams] == ["Title 0", "Title 1"]


def test_what_fails_in_writing_is_not_the_sources_fault(tmp_path, plain, monkeypatch):
    monkeypatch.setitem(film.formats.WRITABLE_CONTAINERS, ".mov", ("av1",))  # FFmpeg 8 refuses it
    with pytest.raises(FilmError, match=r"film.mov: cannot be written \("):
        rewritten(tmp_path / "film.mov", plain, "av1")


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_the_frame_rate_is_told(tmp_path, plain, suffix):
    rewritten(tmp_path / f"film{suffix}", plain)
    with av.open(str(tmp_path / f"film{suffix}")) as made:
        assert made.streams.video[0].average_rate == 25


def test_chapters_of_mp4_are_kept_without_a_word(tmp_path, plain):
    with_tracks(tmp_path / "source.mkv", plain, [(0, 40, b"Hello")], codec="subrip")
    rewritten(tmp_path / "first.mp4", tmp_path / "source.mkv")
    assert rewritten(tmp_path / "second.mp4", tmp_path / "first.mp4") == []
    with av.open(str(tmp_path / "second.mp4")) as made:
        assert [chapter["metadata"]["title"] for chapter in made.chapters()] == ["First", "Second"]
