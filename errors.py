"""Errors that a user can mend; every room may raise them and every script prints them in one line.

A message names a parameter in backquotes, as Python spells it: "`output_width` must be at least 1, not 0". Scripts
print its flag instead, --output-width (pipelines.command_line.run_script).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A run that cannot go on because of its input; the message names what is wrong and what is allowed.

    Scripts end with `exit_code`.
    """

    exit_code = 1


class ArgumentError(UserError):
    """An argument with a value that is not allowed."""

    exit_code = 2


def unknown_name(kind: str, name: object, known: Iterable[str]) -> str:
    """Return the message for a `name` that is not among the `known` ones, with the nearest of them."""
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {name!r}{hint} (known: {', '.join(known)})"


def first_line(error: Exception) -> str:
    """Return the first line of an error's message: TensorFlow's and Keras' go on for many."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
