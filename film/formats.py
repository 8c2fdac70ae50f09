"""Film formats, by file name."""

from __future__ import annotations

import os
import re
from fractions import Fraction
from pathlib import Path

from film.errors import FilmError
from images.folders import why_no_file

# Suffixes of containers that FFmpeg reads.
READABLE_CONTAINERS = frozenset(
    (
        *(".264", ".265", ".3g2", ".3gp", ".apng", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".h264", ".h265"),
        *(".hevc", ".ivf", ".m2ts", ".m2v", ".m4v", ".mj2", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
        *(".mts", ".mxf", ".nut", ".ogg", ".ogm", ".ogv", ".qt", ".rm", ".ts", ".vob", ".webm", ".wmv", ".y4m"),
    )
)
# Container to the codecs that it can hold.
WRITABLE_CONTAINERS = {
    ".mp4": ("h264", "hevc", "av1"),
    ".m4v": ("h264", "hevc", "av1"),
    ".mov": ("h264", "hevc"),  # FFmpeg 8 writes no AV1 there
    ".mkv": ("h264", "hevc", "av1"),
    ".webm": ("av1",),
}
ANIMATIONS = {".gif": "GIF", ".webp": "WEBP"}
# Seconds of the unit in which an animation tells times, and the fewest of them that browsers show a frame.
TICKS = {"GIF": Fraction(1, 100), "WEBP": Fraction(1, 1000)}
MIN_TICKS = {"GIF": 2, "WEBP": 11}
MAX_QUALITY = 100
# Pillow's formats of numbered frames: those that hold a colour picture of any size. It knows the suffixes of many more,
# some of which it only reads.
FRAME_FORMATS = (
    "AVIF", "BMP", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "QOI", "SGI", "TGA", "TIFF", "WEBP",
)  # fmt: skip
NUMBERED = re.compile(r"%(0\d{1,2})?d")


def is_numbered(path: str | os.PathLike) -> bool:
    """Say whether a name stands for numbered frames, as `frames/%06d.png` does; a file that is called so does not."""
    return NUMBERED.search(Path(path).name) is not None and why_no_file(Path(path)) is not None


def is_film(path: str | os.PathLike) -> bool:
    """Say whether a file to be read is a film: a video, an animation of several frames, or numbered frames."""
    path = Path(path)
    suffix = path.suffix.lower()
    return is_numbered(path) or suffix in READABLE_CONTAINERS or (suffix in ANIMATIONS and _moves(path))


def plain_name(path: str | os.PathLike) -> str:
    """Return what FFmpeg is told of a file: with its folder, for it takes a name with a colon for an address."""
    return os.fspath(Path(path).absolute())


def is_film_name(path: str | os.PathLike) -> bool:
    """Say whether a name to be written is a film's; `.webp` may be a picture's as well."""
    return is_numbered(path) or Path(path).suffix.lower() in {*WRITABLE_CONTAINERS, *ANIMATIONS}


def is_animation(path: str | os.PathLike) -> bool:
    """Say whether a film is a GIF or WebP file, which is a picture too."""
    return Path(path).suffix.lower() in ANIMATIONS and not is_numbered(path)


def check_target(path: Path, *, codec: str, quality: int) -> None:
    """Raise FilmError unless such a film can be written."""
    suffix = path.suffix.lower()
    if not 1 <= quality <= MAX_QUALITY:
        raise FilmError(f"the quality must be 1 to {MAX_QUALITY}, not {quality}")
    if is_numbered(path):
        from PIL import Image  # see `_moves`

        if Image.registered_extensions().get(suffix) not in FRAME_FORMATS:
            raise FilmError(f"{path}: numbered frames are written as pictures (.png, .jpg, .webp, .tif)")
        return
    if suffix not in WRITABLE_CONTAINERS and suffix not in ANIMATIONS:
        known = ", ".join([*WRITABLE_CONTAINERS, *ANIMATIONS])
        raise FilmError(f"{path}: unknown film format (known: {known}, and frames/%06d.png)")
    if suffix in WRITABLE_CONTAINERS and codec not in WRITABLE_CONTAINERS[suffix]:
        known = ", ".join(WRITABLE_CONTAINERS[suffix])
        raise FilmError(f"{path}: a {suffix} file cannot contain {codec} (supported: {known})")


def _moves(path: Path) -> bool:
    """Say whether a GIF or WebP file has several frames; one that cannot be read counts as a picture."""
    from PIL import Image  # here since names alone are asked about before anything heavy is loaded

    try:
        with Image.open(path, formats=tuple(ANIMATIONS.values())) as image:
            return getattr(image, "n_frames", 1) > 1
    except Exception:  # of many kinds, in broken files, and DecompressionBombError
        return False
