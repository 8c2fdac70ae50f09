"""The errors and the warning of this folder; they are defined here so that images/ can be copied without the rest."""

from __future__ import annotations

import errno


class ImageError(ValueError):
    """A picture file that cannot be read or written; the message names the file and the reason."""


def reason(error: Exception) -> str:
    """Return why a file could not be read or written: one of the system's errors names neither number nor file."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def is_disk_full(error: BaseException | None) -> bool:
    """Say whether a file could not be written because there is no space left, or none that the user may take."""
    while error is not None and not (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
        error = error.__cause__
    return error is not None


class ProfileError(ValueError):
    """A colour profile that is broken or cannot be used for the picture; the message says why."""


class ImageWarning(UserWarning):
    """Something of a picture file that could not be used or kept; the message names the file."""
