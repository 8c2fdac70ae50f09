"""The colours of video: which matrix and range lie between a frame's YCbCr and RGB."""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from images.writing import to_bytes

# Codes of ITU-T H.273.
BT709, FCC, BT470BG, SMPTE170M, SMPTE240M, BT2020 = 1, 4, 5, 6, 7, 9
MATRICES = {
    BT709: Colorspace.ITU709,
    FCC: Colorspace.FCC,
    BT470BG: Colorspace.ITU601,
    SMPTE170M: Colorspace.ITU601,
    SMPTE240M: Colorspace.SMPTE240M,
    BT2020: Colorspace.BT2020,
}
# Transfer functions of high dynamic range.
HIGH_RANGES = {16: "PQ", 18: "HLG"}
# FFmpeg's formats of RGB, by whether there is transparency and more than 8 bits a channel.
RGB_FORMATS = {(False, False): "rgb24", (False, True): "rgb48le", (True, False): "rgba", (True, True): "rgba64le"}
# From this height on a film that does not tell its matrix is high definition, as players take it.
MIN_HD_HEIGHT = 720
# Exact rounding, and chroma interpolated at every pixel.
EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP


def matrix_of(code: int, height: int) -> int:
    """Return the code of the matrix of a film of `height` rows that tells `code`."""
    if code in MATRICES:
        return code
    return BT709 if height >= MIN_HD_HEIGHT else SMPTE170M


def bits_of(frame: av.VideoFrame) -> int:
    """Return the bits of a channel of a decoded frame."""
    return max(component.bits for component in frame.format.components)


def to_rgb(frame: av.VideoFrame, matrix: int) -> np.ndarray:
    """Return a decoded frame as float32 (height, width, 3), RGB in [0, 1], with 8 bits of precision, or 16.

    What is transparent lies on white.
    """
    deep = bits_of(frame) > 8
    has_alpha = any(component.is_alpha for component in frame.format.components)
    full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj") or frame.format.is_rgb
    converted = frame.reformat(
        format=RGB_FORMATS[has_alpha, deep],
        src_colorspace=MATRICES[matrix],
        src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=EXACT,
    )
    values = converted.to_ndarray().astype(np.float32) / np.float32(65535 if deep else 255)
    return 1 + values[..., 3:] * (values[..., :3] - 1) if has_alpha else values


def from_rgb(pixels: np.ndarray, matrix: int, pixel_format: str) -> av.VideoFrame:
    """Return RGB (height, width, 3) in [0, 1] as a frame of limited range in `pixel_format`, a YCbCr format."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(to_bytes(pixels)), format="rgb24")
    return frame.reformat(
        format=pixel_format,
        dst_colorspace=MATRICES[matrix],
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=EXACT,
    )
