"""Animations, read back with Pillow and PyAV."""

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from images.errors import ImageError
from pipelines.synthesis.folder.animation import MIN_FILM_SECONDS, write_gif, write_mp4


def frames(count=3, height=33, width=46):
    """Smooth frames, each of another colour."""
    ramp = np.linspace(0.2, 0.8, height)[None, :, None, None] * np.ones((count, 1, width, 3))
    ramp[..., 0] = np.linspace(0.1, 0.9, count)[:, None, None]
    return ramp.astype("float32")


def test_a_gif_holds_the_frames_and_loops(tmp_path):
    path = tmp_path / "a.gif"
    write_gif(path, frames(), frames_per_second=10)
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        assert image.info["duration"] == 100
        read = [np.asarray(frame.convert("RGB")) / 255 for frame in ImageSequence.Iterator(image)]
    assert np.abs(np.stack(read) - frames()).mean() <= 0.02


def test_a_film_holds_the_frames_again_and_again(tmp_path):
    path = tmp_path / "a.mp4"
    write_mp4(path, frames(), frames_per_second=10)
    with av.open(path) as film:
        stream = film.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert float(stream.average_rate) == 10
        read = np.stack([frame.to_ndarray(format="rgb24") for frame in film.decode(stream)]) / 255
    assert len(read) >= MIN_FILM_SECONDS * 10
    assert len(read) % 3 == 0
    # An odd height has its last row twice.
    assert read.shape[1:3] == (34, 46)
    for start in (0, len(read) - 3):
        assert np.abs(read[start : start + 3, :33] - frames()).mean() <= 0.02


@pytest.mark.parametrize(
    ("height", "code", "luma"), [(96, 6, (0.299, 0.587, 0.114)), (720, 1, (0.2126, 0.7152, 0.0722))]
)
def test_a_film_has_the_colours_that_players_take_it_for(tmp_path, height, code, luma):
    color = (0.9, 0.2, 0.1)
    write_mp4(tmp_path / "a.mp4", np.broadcast_to(np.float32(color), (1, height, 96, 3)), frames_per_second=1)
    with av.open(tmp_path / "a.mp4") as film:
        frame = next(film.decode(video=0))
    assert (frame.colorspace, frame.color_range) == (code, 1)
    assert np.abs(frame.to_ndarray()[:height].astype(float) - (16 + 219 * np.dot(luma, color))).max() <= 1


def test_the_same_frames_are_the_same_film(tmp_path):
    """Whatever lay in memory before; a synthesis that was resumed ended in another film."""
    random = np.random.default_rng(3)
    scenes = np.kron(random.random((3, 8, 8, 3)), np.ones((1, 8, 8, 1)))
    noisy = np.clip(scenes + random.normal(0, 0.05, scenes.shape), 0, 1)
    films = set()
    for number in range(12):
        left = random.random(100_000 + 977 * number)
        write_mp4(tmp_path / "a.mp4", noisy, frames_per_second=10)
        films.add((tmp_path / "a.mp4").read_bytes())
        del left
    assert len(films) == 1


@pytest.mark.parametrize("write", [write_gif, write_mp4])
def test_nothing_is_left_where_it_cannot_be_written(tmp_path, write):
    with pytest.raises(ImageError, match="cannot be written"):
        write(tmp_path / "no" / "a", frames(), frames_per_second=10)
    assert list(tmp_path.iterdir()) == []
