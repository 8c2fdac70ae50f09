"""The video encoders and their options."""

from __future__ import annotations

import os
from fractions import Fraction

import av

from film.frame import FilmFormat

ENCODERS = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1"}
# On processors with AVX-512 x264 weighs flat blocks by what memory happens to hold, unless it has to agree with other
# processors.
H264_REPEATABLE = {"x264-params": "cpu-independent=1"}
# No frame is predicted from a later one: so the packets of the parts can be put one behind the other. x265's own
# weighing of blocks (cutree) writes beyond the memory of pictures of some sizes, and its search for fades (weightp)
# compares what memory happens to hold.
_OPTIONS = {
    "h264": {"preset": "medium", "bf": "0", **H264_REPEATABLE},
    "hevc": {"preset": "fast", "x265-params": "bframes=0:cutree=0:weightp=0:log-level=error"},
    "av1": {"preset": "8", "svtav1-params": "pred-struct=1"},
}
# The worst quality that they know, as a constant rate factor.
MAX_CRF = {"h264": 51, "hevc": 51, "av1": 63}
# SVT-AV1 splits pictures into squares of this many pixels. Several of its threads may wait for each other without end
# where a side is shorter than half of one, and a single one has nothing to wait for.
AV1_SQUARE = 64
# Frames a second that encoders are told, at most: SVT-AV1 refuses more. Frames keep their times all the same.
MAX_RATE = Fraction(240)


def add_encoder(
    container: av.container.OutputContainer, about: FilmFormat, codec: str, quality: int, pixel_format: str
) -> av.VideoStream:
    """Add the stream of an open encoder to a film.

    Args:
        container: the film that is written.
        about: its size, times and colours.
        codec: one of ENCODERS.
        quality: 1 to 100.
        pixel_format: FFmpeg's name of what is encoded.

    Raises:
        FFmpegError: the encoder does not take such a film.
    """
    # Else SVT-AV1 prints its settings, and complains of films that are interrupted: it knows no other switch.
    os.environ.setdefault("SVT_LOG", "0")
    stream = container.add_stream(ENCODERS[codec], rate=min(about.frame_rate, MAX_RATE))
    if not isinstance(stream, av.VideoStream):
        raise TypeError(f"{ENCODERS[codec]} does not encode video")
    stream.width, stream.height, stream.pix_fmt = about.width, about.height, pixel_format
    stream.options = {**_encoder_options(codec, quality, min(about.width, about.height))}
    context = stream.codec_context
    context.time_base = about.time_base
    context.sample_aspect_ratio = about.pixel_aspect
    context.colorspace, context.color_range = about.matrix, 1
    context.color_primaries, context.color_trc = about.primaries, about.transfer
    context.open()
    return stream


def _encoder_options(codec: str, quality: int, shorter: int) -> dict[str, str]:
    """Return FFmpeg's options for a codec of ENCODERS, a quality of 1 to 100 and a shorter side in pixels."""
    options = {**_OPTIONS[codec], "crf": str(_crf(codec, quality))}
    if codec == "av1" and shorter < AV1_SQUARE:
        options["svtav1-params"] += ":lp=1"
    return options


def _crf(codec: str, quality: int) -> int:
    """Return the encoder's constant rate factor: 18 for H.264 at quality 75, at which no eye sees the difference."""
    crf = 51 - 0.44 * quality
    return min(MAX_CRF[codec], round({"h264": crf, "hevc": crf + 3, "av1": crf * 63 / 51 + 4}[codec]))
