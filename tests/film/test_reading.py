"""Reading films: times, rotation, colours, damaged frames."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from PIL import Image
from support.films import packets, turned_in_player, write_video

from film.color import from_rgb, to_rgb
from film.errors import FilmError
from film.formats import is_film
from film.packets import packets_of
from film.reading import FilmReader

ONE = 1 << 16
SIZE = (48, 64)


def blocks(seed=0):
    """Return a picture of blocks large enough for any subsampling of the chroma."""
    colors = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return colors.repeat(16, 0).repeat(16, 1)


def ycbcr(red, green, blue, kr, kb):
    """Return 8-bit YCbCr of limited range by ITU-R's definition."""
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    return 16 + 219 * luma, 128 + 112 * (blue - luma) / (1 - kb), 128 + 112 * (red - luma) / (1 - kr)


@pytest.mark.parametrize(("matrix", "kr", "kb"), [(1, 0.2126, 0.0722), (6, 0.299, 0.114), (9, 0.2627, 0.0593)])
def test_colours_are_those_of_the_standards(matrix, kr, kb):
    pixels = blocks().astype(np.float32) / 255
    planes = from_rgb(pixels, matrix, "yuv444p").to_ndarray()
    expected = ycbcr(*np.moveaxis(pixels, -1, 0), kr, kb)
    assert np.abs(planes - np.stack(expected)).max() < 1.01
    assert np.abs(to_rgb(from_rgb(pixels, matrix, "yuv420p"), matrix) - pixels)[4:12, 4:12].max() < 2 / 255


def test_frames_have_their_times_and_pixels(tmp_path):
    times = [0, 3000, 10_000, 11_000, 20_000]
    pictures = [blocks(i) for i in range(5)]
    write_video(tmp_path / "film.mp4", pictures, times=times)
    reader = FilmReader(tmp_path / "film.mp4")
    frames = list(reader)
    assert [frame.time * reader.format.time_base for frame in frames] == [Fraction(time, 90_000) for time in times]
    assert (reader.format.height, reader.format.width) == SIZE
    for frame, picture in zip(frames, pictures, strict=True):
        assert np.abs(frame.pixels * 255 - picture).mean() < 3


@pytest.mark.parametrize(("matrix", "upright"), [
    ((0, ONE, 0, -ONE, 0, 0, SIZE[0] * ONE, 0, 1 << 30), lambda picture: np.rot90(picture, 3)),
    ((0, -ONE, 0, ONE, 0, 0, 0, 0, 1 << 30), np.rot90),
    ((-ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30), lambda picture: np.rot90(picture, 2)),
    ((-ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30), np.fliplr),
    ((ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30), np.flipud),
    ((0, ONE, 0, ONE, 0, 0, 0, 0, 1 << 30), lambda picture: picture.swapaxes(0, 1)),
], ids=["clockwise", "counterclockwise", "half", "mirrored", "upside down", "transposed"])  # fmt: skip
def test_pictures_are_turned_and_mirrored_as_players_do(tmp_path, matrix, upright):
    path = tmp_path / "film.mp4"
    write_video(path, [blocks()] * 3)
    turned_in_player(path, matrix)
    reader = FilmReader(path)
    frame = next(iter(reader))
    expected = upright(blocks())
    assert frame.pixels.shape == expected.shape == (reader.format.height, reader.format.width, 3)
    assert np.abs(frame.pixels * 255 - expected).mean() < 3


def test_a_damaged_middle_costs_its_frames_alone(tmp_path):
    path = tmp_path / "film.mp4"
    noise = np.random.default_rng(0).integers(0, 256, (36, *SIZE, 3), dtype=np.uint8)
    write_video(path, list(noise))
    whole = [frame.time for frame in FilmReader(path)]
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 9000] = bytes(9000)
    path.write_bytes(content)
    frames = list(FilmReader(path))
    broken = [frame for frame in frames if frame.pixels is None]
    assert 0 < len(broken) < 30
    assert [frame.time for frame in frames] == sorted({frame.time for frame in frames})
    assert {frame.time for frame in frames} <= set(whole)
    assert frames[-1].time == whole[-1]


def test_a_damaged_film_is_read_alike_each_time(tmp_path):
    path = tmp_path / "film.mp4"
    write_video(path, [blocks(seed) for seed in range(12)])
    content = bytearray(path.read_bytes())
    place = len(content) * 3 // 10
    content[place : place + 60] = bytes(i * 7 % 256 for i in range(60))
    path.write_bytes(content)
    broken = {tuple(frame.time for frame in FilmReader(path) if frame.pixels is None) for _ in range(100)}
    assert len(broken) == 1


@pytest.mark.parametrize(
    ("name", "codec", "damaged", "lost"),
    [
        ("film.avi", "mjpeg", [0, 5, 11], [0, 5, 11]),
        ("film.mkv", "mjpeg", [0, 1, 10, 11], [0, 1, 10, 11]),
        ("film.mov", "prores_ks", [0, 5], [0, 5]),
        ("film.mp4", "libx264", [0], [0]),
        ("film.mp4", "libx264", [6, 11], [6, 11]),
    ],
)
def test_every_frame_that_is_lost_is_told(tmp_path, name, codec, damaged, lost):
    path = tmp_path / name
    noise = np.random.default_rng(0).integers(0, 256, (12, *SIZE, 3), dtype=np.uint8)
    pixels = {"mjpeg": "yuvj444p", "prores_ks": "yuv422p10le"}.get(codec, "yuv444p")
    options = {"g": "4", "bf": "0"} if codec == "libx264" else {}
    write_video(
        path, list(noise), codec=codec, pix_fmt=pixels, options=options, times=range(12), time_base=Fraction(1, 25)
    )
    times = [time for time, _ in packets(path, "video")]
    content = bytearray(path.read_bytes())
    for _, packet in [packets(path, "video")[number] for number in damaged]:
        begin = content.index(packet)
        content[begin + 8 : begin + len(packet) - 2] = b"\xab" * (len(packet) - 10)
    path.write_bytes(content)
    reader = FilmReader(path)
    frames = list(reader)
    assert [float(frame.time * reader.format.time_base) for frame in frames] == pytest.approx(times)
    assert [number for number, frame in enumerate(frames) if frame.pixels is None] == lost


def test_numbered_frames_with_a_gap_and_a_broken_one(tmp_path):
    for number in (3, 4, 6):
        Image.fromarray(blocks(number)).save(tmp_path / f"{number:04d}.png")
    (tmp_path / "0007.png").write_bytes(b"nothing")
    reader = FilmReader(tmp_path / "%04d.png", frame_rate=Fraction(10))
    frames = list(reader)
    assert reader.format.frame_count == 5
    assert [frame.pixels is None for frame in frames] == [False, False, True, False, True]
    assert np.array_equal(np.round(frames[3].pixels * 255), blocks(6))
    assert [frame.time * reader.format.time_base for frame in frames] == [Fraction(i, 10) for i in range(5)]


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_animations_have_their_durations(tmp_path, suffix):
    path = tmp_path / f"film{suffix}"
    first, *rest = (Image.fromarray(blocks(i)) for i in range(3))
    first.save(path, save_all=True, append_images=rest, duration=[50, 200, 90], lossless=True)
    assert is_film(path)
    frames = list(FilmReader(path))
    assert [frame.time for frame in frames] == [0, 50, 250]
    assert np.abs(frames[1].pixels * 255 - blocks(1)).max() < 1


def test_an_animation_that_was_cut_off_has_the_frames_that_are_left(tmp_path):
    path = tmp_path / "film.gif"
    first, *rest = (Image.fromarray(blocks(i)) for i in range(3))
    first.save(path, save_all=True, append_images=rest, duration=50)
    path.write_bytes(path.read_bytes()[:-100])
    assert [(frame.pixels is None, frame.duration) for frame in FilmReader(path)] == [(0, 50), (0, 50), (1, 50)]


def test_an_animation_beyond_all_memory_is_refused_in_one_line(tmp_path):
    path = tmp_path / "film.gif"
    Image.new("P", (1, 1)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:6] + b"\xff\xff\xff\xff" + data[10:])
    assert not is_film(path)
    with pytest.raises(FilmError, match="4294836225 pixels"):
        FilmReader(path)


def test_a_codec_that_is_not_known_is_refused(tmp_path):
    path = tmp_path / "film.mp4"
    write_video(path, [blocks()])
    path.write_bytes(path.read_bytes().replace(b"avc1", b"none").replace(b"avcC", b"none"))
    with pytest.raises(FilmError, match="no decoder"):
        FilmReader(path)


def test_what_is_no_film_is_refused_in_one_line(tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"\0" * 500)
    with pytest.raises(FilmError, match="not a film that can be read"):
        FilmReader(tmp_path / "film.mp4")
    with pytest.raises(FilmError, match="no such file"):
        FilmReader(tmp_path / "none.mkv")
    with pytest.raises(FilmError, match="no such numbered frames"):
        FilmReader(tmp_path / "%d.png")
    with pytest.raises(FilmError, match="one number"):
        FilmReader(tmp_path / "%d-%s.png")


@pytest.mark.parametrize(("suffix", "codec"), [(".avi", "libx264"), (".avi", "mpeg4"), (".h264", "libx264")])
def test_no_frame_is_lost_where_the_file_tells_no_times(tmp_path, suffix, codec):
    path = tmp_path / f"film{suffix}"
    shades = [np.full((*SIZE, 3), 8 * i, np.uint8) for i in range(20)]
    write_video(path, shades, times=range(20), time_base=Fraction(1, 25), codec=codec, pix_fmt="yuv420p")
    reader = FilmReader(path)
    frames = list(reader)
    assert [float(frame.time * reader.format.time_base) for frame in frames] == pytest.approx(np.arange(20) / 25)
    assert [frame.pixels.mean() * 255 for frame in frames] == pytest.approx(8 * np.arange(20), abs=6)


@pytest.mark.parametrize("name", ["film.vob", "film.mxf", "film.nut"])
def test_containers_by_other_names(tmp_path, name):
    path = tmp_path / name
    frames = [blocks(i) for i in range(4)]
    write_video(path, frames, times=range(4), time_base=Fraction(1, 25), codec="mpeg2video", pix_fmt="yuv420p")
    assert is_film(path)
    assert len(list(FilmReader(path))) == 4


def test_numbered_frames_may_begin_with_a_broken_one(tmp_path):
    (tmp_path / "0003.png").write_bytes(b"nothing")
    Image.fromarray(blocks(1)).save(tmp_path / "0004.png")
    reader = FilmReader(tmp_path / "%04d.png")
    assert reader.format.first_number == 3
    assert [frame.pixels is None for frame in reader] == [True, False]


def test_recordings_joined_end_to_end_are_one_film(tmp_path):
    """Their times begin anew: pictures and sound go on, together, where the first one ended."""
    pictures = [np.full((*SIZE, 3), 25 * i, np.uint8) for i in range(8)]
    for name, some in (("first.ts", pictures[:4]), ("second.ts", pictures[4:])):
        write_video(tmp_path / name, some, pix_fmt="yuv420p", sound="aac")
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join((tmp_path / name).read_bytes() for name in ("first.ts", "second.ts")))
    frames = list(FilmReader(joined))
    assert [frame.pixels.mean() * 255 for frame in frames] == pytest.approx(25 * np.arange(8), abs=3)
    with av.open(str(joined)) as container:
        found = [(packet.stream.type, packet.dts) for packet in packets_of(container, container.streams) if packet.size]
    times = {kind: [time for stream, time in found if stream == kind] for kind in ("video", "audio")}
    assert all(later > earlier for kind in times.values() for earlier, later in pairwise(kind))
    half = {kind: len(values) // 2 for kind, values in times.items()}
    distances = {kind: values[half[kind]] - values[0] for kind, values in times.items()}
    assert distances["video"] == distances["audio"] == frames[4].time - frames[0].time


def test_a_recording_of_another_size_that_is_joined_is_refused(tmp_path):
    for name, size in (("first.ts", SIZE), ("second.ts", (96, 64))):
        write_video(tmp_path / name, [np.zeros((*size, 3), np.uint8)] * 4, pix_fmt="yuv420p")
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join((tmp_path / name).read_bytes() for name in ("first.ts", "second.ts")))
    with pytest.raises(FilmError, match="change from 64 x 48 to 64 x 96"):
        list(FilmReader(joined))


@pytest.mark.parametrize(("name", "options"), [
    ("film.mp4", {"codec": "libx264", "options": {"crf": "1", "x264-params": "tff=1"}}),
    ("film.mpg", {"codec": "mpeg2video", "options": {"flags": "+ilme+ildct", "b": "8M"}}),
])  # fmt: skip
def test_two_fields_become_one_picture(tmp_path, name, options):
    """A bar moves from field to field; in the frames it stands where it does in one field of each."""
    moments = [np.full((96, 128), 30, np.uint8) for _ in range(12)]
    for number, moment in enumerate(moments):
        moment[:, 6 * number : 6 * number + 20] = 220
    frames = [moment.copy() for moment in moments[::2]]
    for frame, later in zip(frames, moments[1::2], strict=True):
        frame[1::2] = later[1::2]
    colors = [np.repeat(frame[..., np.newaxis], 3, axis=-1) for frame in frames]
    write_video(tmp_path / name, colors, times=range(6), time_base=Fraction(1, 25), pix_fmt="yuv420p", **options)
    found = list(FilmReader(tmp_path / name))
    times = [frame.time - found[0].time for frame in found]
    assert times == [times[1] * number for number in range(6)]
    # The last picture has none behind it to tell what moves, the first none before.
    for number, frame in list(enumerate(found))[1:-1]:
        grey = frame.pixels.mean(axis=-1) * 255
        assert min(np.abs(grey - moment).mean() for moment in moments[2 * number : 2 * number + 2]) < 3


def test_a_numbered_frame_of_another_size_is_named(tmp_path):
    for number, size in ((17, (64, 48)), (18, (64, 48)), (20, (48, 64))):
        Image.new("RGB", size).save(tmp_path / f"{number:06d}.png")
    with pytest.raises(FilmError, match=r"000020\.png: the pictures of the film change from 64 x 48 to 48 x 64"):
        list(FilmReader(tmp_path / "%06d.png"))
