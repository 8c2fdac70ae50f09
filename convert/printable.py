"""Names from files, escaped for the terminal."""

from __future__ import annotations

MAX_LENGTH = 80


def printable(name: str, max_length: int = MAX_LENGTH) -> str:
    """Return `name` with everything but printable ASCII escaped, cut to `max_length` characters of the name.

    A name from a file may hold anything, control sequences of terminals included.
    """
    cut = name if len(name) <= max_length else f"{name[:max_length]}..."
    return "".join(letter if " " <= letter <= "~" else ascii(letter)[1:-1] for letter in cut)
