"""What an option is: described once, as metadata of a settings dataclass; parsers, checks and docstrings come from it.

    @described
    @dataclass(frozen=True, kw_only=True)
    class Settings:
        '''What is asked for.'''

        width: int = option("width in pixels", default=512, minimum=1, short="-w")

`check(settings)` raises ArgumentError for values that are not allowed; `pipelines.command_line.add_options` gives a
parser the options of a class.
"""

from __future__ import annotations

import dataclasses
import math
import os
import textwrap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

from errors import ArgumentError, unknown_name

C = TypeVar("C")
# The most iterations that a run may have: more than any machine makes, and few enough for shares of the work in floats.
MAX_ITERATIONS = 10**9
_METADATA = "option"
_KINDS: dict[type, tuple[type | tuple[type, ...], str]] = {
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    bool: (bool, "true or false"),
    str: ((str, os.PathLike), "text"),
    Path: ((str, os.PathLike), "a path"),
}


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of a task.

    Attributes:
        help: what it is, in a few words that make sense after its name; without its default.
        kind: type of a value: int, float, bool, str, or Path, for which strings stand too.
        short: short flag, or None.
        flag: long flag where it is not made of the name; without dashes: the name of a positional argument.
        numbers: whether whole numbers may stand in place of text.
        choices: values that are allowed; empty: any.
        minimum: least value that is allowed, or None.
        maximum: greatest value that is allowed where there is a least one, or None.
        above: value above which it must lie, or None.
        below: value below which it must lie, or None.
        count: None: a single value; a number: a tuple of as many; "+": a tuple of one or more; "?": a single value
            that may be left out.
        const: value where it is left out.
        repeated: whether the flag may be given again, each time with `count` values.
        commas: whether commas may separate the values of a tuple on the command line, as spaces do; not for names of
            files, which may contain them.
        metavar: how a help text calls a value, or several.
        default_text: how a help text tells the default; None: the default itself.
        command: whether the command line has the option; else only Python has.
        negatable: whether one of kind bool has both its flag and --no-FLAG.
    """

    help: str
    kind: type = str
    numbers: bool = False
    short: str | None = None
    flag: str | None = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    count: int | str | None = None
    const: Any = None
    repeated: bool = False
    commas: bool = False
    metavar: str | tuple[str, ...] | None = None
    default_text: str | None = None
    command: bool = True
    negatable: bool = False


def option(help: str, *, default: Any = None, **details: Any) -> Any:
    """Return a dataclass field that is an option; see `Option` for the details."""
    entry = Option(help=help, **details)
    return dataclasses.field(default=default, metadata={_METADATA: entry})


def options_of(cls: type) -> Iterator[tuple[str, Any, Option]]:
    """Yield (name, default, option) of every option of a dataclass, in their order."""
    for field in dataclasses.fields(cls):
        if _METADATA in field.metadata:
            yield field.name, field.default, field.metadata[_METADATA]


def check(settings: Any) -> None:
    """Check every option of a settings object: its type, its choices, its bounds.

    Scalars of NumPy become Python's: sums of small types overflow, and JSON takes none.

    Raises:
        ArgumentError: a value is not allowed; the message names the option and what is allowed.
    """
    for name, default, entry in options_of(type(settings)):
        value = getattr(settings, name)
        if value is not default:
            value = _without_numpy(value)
            object.__setattr__(settings, name, value)
            _check_value(name, value, entry)


def _without_numpy(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_without_numpy, value))
    is_scalar = type(value).__module__ == "numpy" and getattr(value, "shape", None) == ()
    return value.item() if is_scalar else value


def _check_value(name: str, value: Any, entry: Option) -> None:
    if entry.count in (None, "?") and not entry.repeated:
        _check_one(name, value, entry)
        return
    if not isinstance(value, tuple):
        raise ArgumentError(f"`{name}` must be several values, not {value!r}")
    for part in value:
        if entry.repeated:
            _check_value(name, part, dataclasses.replace(entry, repeated=False))
        else:
            _check_one(name, part, entry)
    if not entry.repeated and isinstance(entry.count, int) and len(value) != entry.count:
        raise ArgumentError(f"`{name}` must be {entry.count} values, not {len(value)}")


def _check_one(name: str, value: Any, entry: Option) -> None:
    types, words = _KINDS[entry.kind]
    if entry.numbers and _is_whole(value):
        return
    fits = isinstance(value, types) and (entry.kind is bool or not isinstance(value, bool))
    if not fits:
        raise ArgumentError(f"`{name}` must be {words}, not {value!r}")
    if entry.kind is Path and not os.fspath(value):
        raise ArgumentError(f"`{name}` is empty, not a path")
    if entry.kind is Path and "\0" in str(value):
        raise ArgumentError(f"`{name}` {value!r}: no file can have this name")
    if entry.choices and value not in entry.choices:
        raise ArgumentError(unknown_name(f"`{name}`", value, entry.choices))
    if entry.kind in (int, float):
        _check_bounds(name, value, entry)


def _is_whole(value: Any) -> bool:
    """Say whether a value is a whole number, of any type: 4e9 is one."""
    return isinstance(value, Integral | float) and not isinstance(value, bool) and value % 1 == 0


def _check_bounds(name: str, value: float, entry: Option) -> None:
    if value in (math.inf, -math.inf):
        raise ArgumentError(f"`{name}` must be a finite number, not {value}")
    if entry.minimum is not None and entry.maximum is not None:
        if not entry.minimum <= value <= entry.maximum:
            raise ArgumentError(f"`{name}` must be from {entry.minimum:g} to {entry.maximum:g}, not {value}")
    elif entry.minimum is not None and entry.below is not None:
        if not entry.minimum <= value < entry.below:
            bounds = f"at least {entry.minimum} and below {entry.below}"
            raise ArgumentError(f"`{name}` must be {bounds}, not {value}")
    elif entry.minimum is not None and not value >= entry.minimum:
        raise ArgumentError(f"`{name}` must be at least {entry.minimum}, not {value}")
    if entry.above is not None and not value > entry.above:
        raise ArgumentError(f"`{name}` must be above {entry.above}, not {value}")


def refuse(settings: Any, names: Collection[str], reason: str) -> None:
    """Refuse options that have no effect on what is asked for, where they have other values than their defaults.

    Args:
        settings: a settings object.
        names: of the options.
        reason: why they have no effect, in words that make sense after their names.

    Raises:
        ArgumentError: there are such options; the message names them all.
    """
    options = options_of(type(settings))
    given = [f"`{name}`" for name, default, _ in options if name in names and getattr(settings, name) != default]
    if given:
        raise ArgumentError(f"{' '.join(given)}: {reason}")


def described(cls: type[C]) -> type[C]:
    """Decorate a settings dataclass: the options' descriptions join its docstring."""
    lines = [f"{name}: {text_of(default, entry)}." for name, default, entry in options_of(cls)]
    entries = [textwrap.indent(textwrap.fill(line, 112, subsequent_indent="    "), "    ") for line in lines]
    cls.__doc__ = "\n".join([f"{(cls.__doc__ or '').strip()}", "", "Args:", *entries, ""])
    return cls


def text_of(default: Any, entry: Option) -> str:
    """Return an option's description with its choices and its default."""
    text = entry.help
    if entry.default_text is not None:
        return f"{text} (default: {entry.default_text})" if entry.default_text else text
    if default is None or default == () or isinstance(default, bool):
        return text
    shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
    return f"{text} (default: {shown})"


def to_json(settings: Any) -> dict[str, Any]:
    """Return the options of a settings object as JSON keeps them, paths absolute: it can be read from anywhere."""
    return {
        name: _as_json(getattr(settings, name), absolute=entry.kind is Path)
        for name, _, entry in options_of(type(settings))
    }


def from_json(cls: type[C], values: Mapping[str, Any]) -> C:
    """Return the settings that `to_json` kept; options that are not there have their defaults.

    Raises:
        ArgumentError: a value is not allowed, or there is no such option.
    """
    known = {name for name, _, _ in options_of(cls)}
    for name in values:
        if name not in known:
            raise ArgumentError(unknown_name("option", name, known))
    return cls(**{name: frozen(value) for name, value in values.items()})


def frozen(value: Any) -> Any:
    """Return a value with tuples in place of lists, within them too."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def _as_json(value: Any, *, absolute: bool) -> Any:
    if isinstance(value, tuple | list):
        return [_as_json(part, absolute=absolute) for part in value]
    if absolute and value is not None:
        return str(Path(value).absolute())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value
