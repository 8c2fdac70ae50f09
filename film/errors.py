"""The errors of this folder."""


class FilmError(Exception):
    """A film that cannot be read or written; the message is one line that names the file."""
