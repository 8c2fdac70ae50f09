"""The video encoders and their options."""

from __future__ import annotations

from fractions import Fraction

ENCODERS = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1"}
# No frame is predicted from a later one: so the packets of the parts can be put one behind the other. On processors
# with AVX-512 x264 weighs flat blocks by what memory happens to hold, unless it has to agree with other processors;
# x265's own weighing of blocks (cutree) writes beyond the memory of pictures of some sizes.
_OPTIONS = {
    "h264": {"preset": "medium", "bf": "0", "x264-params": "cpu-independent=1"},
    "hevc": {"preset": "fast", "x265-params": "bframes=0:cutree=0:log-level=error"},
    "av1": {"preset": "8", "svtav1-params": "pred-struct=1"},
}
# Frames a second that encoders are told, at most: SVT-AV1 refuses more. Frames keep their times all the same.
MAX_RATE = Fraction(240)


def encoder_options(codec: str, quality: int) -> dict[str, str]:
    """Return FFmpeg's options for a codec of ENCODERS at a quality of 1 to 100."""
    return {**_OPTIONS[codec], "crf": str(_crf(codec, quality))}


def _crf(codec: str, quality: int) -> int:
    """Return the encoder's constant rate factor: 18 for H.264 at quality 75, at which no eye sees the difference."""
    crf = 51 - 0.44 * quality
    return round({"h264": crf, "hevc": crf + 3, "av1": crf * 63 / 51 + 4}[codec])
