"""Writing the frames of a run as a looping GIF or as an MP4 film."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from images.errors import ImageError, reason
from images.temporary_files import whole_file
from images.writing import to_bytes

# A film of a few frames is repeated until it is at least as long.
MIN_FILM_SECONDS = 4
# Codes of ITU-T H.273.
LIMITED_RANGE, UNSPECIFIED = 1, 2


def write_gif(path: str | os.PathLike, frames: np.ndarray, *, frames_per_second: float) -> None:
    """Write frames (count, height, width, 3) in [0, 1] as a GIF that loops; each has a palette of 256 colours.

    Raises:
        ImageError: the file cannot be written.
    """
    path = Path(path)
    first, *rest = (
        Image.fromarray(frame).quantize(256, dither=Image.Dither.FLOYDSTEINBERG) for frame in to_bytes(frames)
    )
    try:
        with whole_file(path) as file:
            first.save(
                file, format="GIF", save_all=True, append_images=rest, duration=round(1000 / frames_per_second), loop=0
            )
    except OSError as error:
        raise ImageError(f"{path}: cannot be written: {reason(error)}") from error


def write_mp4(path: str | os.PathLike, frames: np.ndarray, *, frames_per_second: int) -> None:
    """Write frames (count, height, width, 3) in [0, 1] as an H.264 film that every player shows.

    Colours have half the resolution (4:2:0); the last row or column of an odd size is repeated. Few frames are
    repeated until the film is MIN_FILM_SECONDS long.

    Raises:
        ImageError: the file cannot be written.
    """
    import av

    from film.color import MATRICES, matrix_of  # loads av
    from film.encoders import H264_REPEATABLE

    path = Path(path)
    odd = [(0, side % 2) for side in frames.shape[1:3]]
    even = np.pad(to_bytes(frames), [(0, 0), *odd, (0, 0)], mode="edge")
    repeats = -(-MIN_FILM_SECONDS * frames_per_second // len(frames))
    try:
        with whole_file(path) as file, av.open(file, "w", format="mp4") as film:
            stream = film.add_stream("libx264", rate=Fraction(frames_per_second))
            stream.height, stream.width = even.shape[1:3]
            stream.pix_fmt = "yuv420p"
            stream.options = {"crf": "12", **H264_REPEATABLE}
            # Players go by the height, even if the film tells another matrix.
            matrix = matrix_of(UNSPECIFIED, even.shape[1])
            stream.codec_context.colorspace = matrix
            stream.codec_context.color_range = LIMITED_RANGE
            for pixels in np.concatenate([even] * repeats):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                film.mux(stream.encode(frame.reformat(format=stream.pix_fmt, dst_colorspace=MATRICES[matrix])))
            film.mux(stream.encode())
    except (OSError, av.FFmpegError) as error:
        raise ImageError(f"{path}: cannot be written: {reason(error)}") from error
