"""The errors of this room."""


class FilmError(Exception):
    """A film that cannot be read or written; the message is one line that names the file."""
