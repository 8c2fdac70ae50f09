"""Picture formats, by file name; this module imports nothing, so that scripts can load it at once."""

from __future__ import annotations

# What files are called that can be read; a folder is searched for these.
READABLE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".heic", ".heif")
)
# The format that each suffix of an output file stands for.
WRITABLE_FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
# The formats of maps, which their suffixes are called like: bits of a channel, the usual ones first.
MAP_DEPTHS = {"png": (8, 16), "tiff": (8, 16), "exr": (16, 32)}
