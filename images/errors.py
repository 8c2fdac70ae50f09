"""The error of this room; it stands here so that images/ can be copied and used alone."""

from __future__ import annotations


class ImageError(ValueError):
    """A picture file that cannot be read or written; the message names the file and the reason."""
