"""The errors and the warning of this folder; they are defined here so that images/ can be copied without the rest."""

from __future__ import annotations


class ImageError(ValueError):
    """A picture file that cannot be read or written; the message names the file and the reason."""


class ProfileError(ValueError):
    """A colour profile that is broken or cannot be used for the picture; the message says why."""


class ImageWarning(UserWarning):
    """Something of a picture file that could not be used or kept; the message names the file."""
