"""The rule by which every long run resumes after an interruption.

The same command goes on with the interrupted run and says so once its state is read; a command with other options, or
with other files, is refused, and told which; `restart` starts over. What differs without changing the result, such as
how often a run saves, may differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from errors import ArgumentError

Note = Callable[[str], object]


@dataclass(frozen=True)
class Identity:
    """What makes a run the same run.

    Attributes:
        options: by name, as JSON has them; those alone that change the result.
        digests: of the files that it reads, by what they are.
    """

    options: Mapping[str, Any]
    digests: Mapping[str, str]


@dataclass(frozen=True)
class Found:
    """An interrupted run that is there.

    Attributes:
        identity: of it; what it does not know, such as options of a later version, may be anything.
        place: where it is, as a message calls it.
    """

    identity: Identity
    place: str


def check_resumable(asked: Identity, found: Found, named: Mapping[str, str], *, anew: str = "restart") -> None:
    """Check that a found run is the one that is asked for.

    Args:
        asked: the run that is asked for.
        found: the run that is there.
        named: how what a file is begins ("style 1"), to the option that names such files.
        anew: the parameter that starts over.

    Raises:
        ArgumentError: it has other options or files.
    """
    kept = found.identity
    different = {
        name: _shown(kept.options[name])
        for name, value in asked.options.items()
        if name in kept.options and kept.options[name] != value
    }
    changed = [file for file, value in asked.digests.items() if kept.digests.get(file, value) != value]
    for beginning, option in named.items():
        if files := ", ".join(file for file in changed if file.startswith(beginning)):
            different.setdefault(option, f"{files} changed")
    if different:
        names = ", ".join(f"`{name}` ({value})" for name, value in different.items())
        raise ArgumentError(
            f"{found.place}: there is an interrupted run with different values of {names}: use the same values to "
            f"resume it, or `{anew}` to start over"
        )


def tell_resumed(note: Note, iterations: int, place: object, *, unit: str = "iteration") -> None:
    """Say that an interrupted run goes on, once its state is read; nothing where it had done nothing.

    Args:
        note: told so.
        iterations: that it has done.
        place: where it is.
        unit: what `iterations` counts.
    """
    if iterations:
        note(f"resuming at {unit} {iterations} of the interrupted run in {place}")


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value in (None, "", [], {}):
        return "given" if value else "not given"
    if isinstance(value, Mapping):
        shown = {name: f"{part:g}" if isinstance(part, float) else _shown(part) for name, part in value.items()}
        return " ".join(f"{name}={part}" for name, part in shown.items())
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
