"""Errors that a user can mend; every folder may raise them and every script prints them in one line.

A message names a parameter in backquotes, as Python spells it: "`output_width` must be at least 1, not 0". Scripts
print its flag instead, --output-width (pipelines.command_line.run_script).
"""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterable

MAX_LISTED = 40  # names in a message; of more of them it has
MAX_SHOWN = 8


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
    shown = known if len(known) <= MAX_LISTED else [*known[:MAX_SHOWN], f"and {len(known) - MAX_SHOWN} more"]
    return f"unknown {kind} {name!r}{hint} (known: {', '.join(shown)})"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: "1 style", "2 styles"."""
    return f"{count:,} {noun if count == 1 else noun + 's'}"


# Where Keras' messages tell where, or begin with more than the reason, and where the reason ends.
WHERE = re.compile(r"Exception encountered when calling (\w+)\.call\(\)\.")
BEFORE_REASON = ("Exception encountered:", "Example error message for object")
AFTER_REASON = re.compile(
    r"Arguments received by|List of objects that could not be loaded|Full object config|config=\{|\[\[\{\{node"
)
# What TensorFlow tells of the nodes of a graph before the reason.
TRACE = re.compile(
    r"Graph execution error:\s*(?:Detected at node [^\n]*\n(?:<stack traces unavailable>\n|\s*File [^\n]*\n)*)+"
)
COLOR = re.compile(r"\x1b\[[0-9;]*m")
MAX_REASON = 300


def one_line(error: Exception) -> str:
    """Return why something failed in one line of MAX_REASON characters at most.

    Keras' and TensorFlow's messages go on for many lines, and some begin with where it happened.
    """
    text = TRACE.sub("", COLOR.sub("", str(error)))
    for label in BEFORE_REASON:
        text = text.rpartition(label)[2]
    text = AFTER_REASON.split(WHERE.sub(r"\1:", text))[0]
    text = text.replace("`", "'")  # their parameters are not this program's
    return textwrap.shorten(text, MAX_REASON, placeholder=" ...") or type(error).__name__
