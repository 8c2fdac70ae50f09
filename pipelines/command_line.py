"""What every script shares: the parser, errors in one line with flags for parameters, signals, exit codes."""

from __future__ import annotations

import argparse
import inspect
import re
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from errors import ArgumentError, UserError, one_line, unknown_name
from images.errors import ImageError, ImageWarning
from options import Option, frozen, options_of, text_of
from pipelines.brief import cut_short
from pipelines.startup import in_script
from runtimes.interruption import INTERRUPTED
from runtimes.terminal import (
    discard_output,
    prepare_standard_streams,
    reason_of,
    signals_as_interrupts,
    tell,
)


class ArgumentParser(argparse.ArgumentParser):
    """argparse's parser, but wrong arguments raise ArgumentError: parse within `run_script` for its one line.

    An option of one value or more that is given again adds to what it has been given before.
    """

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.register("action", None, _Store)

    def error(self, message: str) -> NoReturn:
        """Raise ArgumentError where argparse would print its usage and end the program."""
        raise ArgumentError(message)

    def parse_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> Any:
        """Return a Namespace; an unknown option is named with the nearest known one, an empty text is refused."""
        defaults = {action.dest: action.default for action in self._actions if action.default is not argparse.SUPPRESS}
        self.set_defaults(**cut_short(defaults))
        arguments, unknown = self.parse_known_args(args, namespace)
        if unknown and not unknown[0].startswith("-"):
            raise ArgumentError(f"unknown argument {unknown[0]!r}: too many values, or one without its option")
        if unknown:
            raise ArgumentError(unknown_name("argument", unknown[0], self._option_string_actions))
        for action in self._actions:  # an empty path would be the working directory
            value = getattr(arguments, action.dest, None)
            # Of `--option=--` argparse makes an empty list.
            texts = [value, *value] if isinstance(value, list) else [value]
            if value not in (action.const, action.default) and ("" in texts or [] in texts):
                raise ArgumentError(f"`{action.dest}` is empty")
        return argparse.Namespace(**cut_short(vars(arguments)))


def add_options(parser: argparse.ArgumentParser | argparse._ArgumentGroup, cls: type) -> None:
    """Give `parser` the options that the dataclass `cls` describes, with their defaults."""
    for name, default, entry in options_of(cls):
        if entry.command:
            _add_option(parser, name, default, entry)


def _add_option(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, name: str, default: Any, entry: Option
) -> None:
    # argparse formats help texts with %.
    keywords: dict[str, Any] = {"help": with_flags(text_of(default, entry)).replace("%", "%%")}
    if entry.flag is not None and not entry.flag.startswith("-"):
        parser.add_argument(name, nargs=entry.count, metavar=entry.flag, **keywords)
        return
    flags = [entry.flag or flag(name), *([entry.short] if entry.short else [])]
    keywords |= {"dest": name, "default": default}
    if entry.kind is bool:
        if entry.negatable:
            parser.add_argument(
                f"--no-{flags[0][2:]}", action="store_false", **(keywords | {"help": argparse.SUPPRESS})
            )
        parser.add_argument(
            *flags, action="store_false" if default and not entry.negatable else "store_true", **keywords
        )
        return
    keywords |= {"type": str if entry.kind is Path else entry.kind, "metavar": "|".join(entry.choices) or entry.metavar}
    if entry.commas:
        keywords |= comma_list(entry.kind)
    elif entry.count is not None:
        keywords |= {"nargs": entry.count, "const": entry.const}
    if entry.repeated:
        keywords |= {"action": "append", "default": list(default)}
    parser.add_argument(*flags, **keywords)


def comma_list(kind: Callable[[str], Any]) -> dict[str, Any]:
    """Return argparse's keywords for an option with one value or more, which spaces or commas separate.

    Args:
        kind: makes a value of its text; str, int or float.
    """

    def read(text: str) -> list[Any]:
        try:
            return [kind(part.strip()) for part in text.split(",") if part.strip()]
        except ValueError as error:
            example = "256 384" if kind is int else "1 0.5 2"
            raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as {example}") from error

    return {"type": read, "nargs": "+", "action": _Joined}


class _Store(argparse.Action):
    """Stores the value of an option; of one value or more, those of all the times that it is given."""

    def __call__(self, parser: object, namespace: object, values: Any, option_string: str | None = None) -> None:
        before = getattr(namespace, self.dest, self.default)
        is_again = self.nargs == "+" and before is not self.default
        setattr(namespace, self.dest, before + values if is_again else values)


class _Joined(_Store):
    """Stores the values of all arguments of an option, each a list, as one tuple."""

    def __call__(self, parser: object, namespace: object, values: Any, option_string: str | None = None) -> None:
        joined = tuple(value for part in values for value in part)
        if not joined:
            raise argparse.ArgumentError(self, "no value is given")
        super().__call__(parser, namespace, joined, option_string)


def values_of(arguments: argparse.Namespace, cls: type) -> dict[str, Any]:
    """Return the arguments that are options of the dataclass `cls`; lists become tuples."""
    return {name: frozen(getattr(arguments, name)) for name, _, entry in options_of(cls) if entry.command}


def refuse_others(
    parser: argparse.ArgumentParser, arguments: argparse.Namespace, allowed: Collection[str], reason: str
) -> None:
    """Raise ArgumentError where arguments are given, other than their defaults, that are not `allowed`."""
    given = [name for name, value in vars(arguments).items() if frozen(value) != frozen(parser.get_default(name))]
    others = [f"`{name}`" for name in given if name not in allowed]
    if others:
        raise ArgumentError(f"{reason}: leave out {' '.join(others)}")


def spellings_of(*classes: type) -> dict[str, str]:
    """Return the flags of the options that are not made of the options' names, see `with_flags`."""
    return {name: entry.flag for cls in classes for name, _, entry in options_of(cls) if entry.flag is not None}


def defaults_of(function: Callable) -> dict[str, Any]:
    """Return the defaults of a pipeline function's arguments: the one place where they stand."""
    parameters = inspect.signature(function).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.default is not parameter.empty}


def parse_size(text: str) -> tuple[int, int]:
    """Return "HxW" as (height, width)."""
    sizes = re.fullmatch(r"([0-9]{1,9})[xX]([0-9]{1,9})", text)
    if sizes is None:
        raise argparse.ArgumentTypeError(f"{text!r:.60} is not HEIGHTxWIDTH, such as 512x512")
    return int(sizes[1]), int(sizes[2])


# A parameter's name as messages spell it: in backquotes.
PARAMETER = re.compile(r"`([a-z][a-z0-9_]*)`")


def flag(name: str) -> str:
    """Return how the command line spells the parameter `name`."""
    return "--" + name.replace("_", "-")


def with_flags(message: str, spellings: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return `message` with the flag in place of every parameter's name in backquotes.

    Args:
        message: text of an error, with parameters in backquotes.
        spellings: of the parameters whose flag is not their name, such as positional arguments.
    """
    return PARAMETER.sub(lambda match: spellings.get(match[1], flag(match[1])), message)


def run_script(name: str, run: Callable[[], int], *, spellings: Mapping[str, str] = MappingProxyType({})) -> int:
    """Call `run` and return its exit code; what the user can mend is told in one line on standard error.

    Below the scripts messages name parameters in backquotes (`output_width`); here they become flags. Characters that
    a terminal cannot show, or that would steer it, are told as escapes. SIGTERM and SIGHUP act like Ctrl-C.

    Exit codes: 2 for a wrong command line, with a path that does not exist for one; 1 for a run that failed; 130 after
    Ctrl-C (128 + SIGINT, as shells have it).

    Args:
        name: file name of the script, with which messages begin.
        run: what it does.
        spellings: see `with_flags`.
    """
    prepare_standard_streams()
    token = in_script.set(True)
    try:
        with signals_as_interrupts(), _image_warnings_in_one_line():
            code = run()
            sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        tell(f"{name}: interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # who read standard output, such as `head`, has seen enough
        discard_output()
        return 1
    except (UserError, ImageError, OSError) as error:
        tell(f"{name}: error: {with_flags(' '.join(reason_of(error).split()), spellings)}")
        return getattr(error, "exit_code", 1)
    except Exception as error:
        if not is_lack_of_memory(error):
            raise
        tell(f"{name}: error: there is not enough memory: {one_line(error)}")
        return 1
    finally:
        in_script.reset(token)


@contextmanager
def _image_warnings_in_one_line() -> Iterator[None]:
    """Tell what is left aside of pictures as the scripts' other lines, each once; those of libraries are not told.

    Nor do they end a run where PYTHONWARNINGS or Python's -W make errors of warnings. (Python's own filter for once
    forgets what was told wherever a library changes its filters.)
    """
    told: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        line = " ".join(str(message).split())
        if line not in told:
            told.add(line)
            tell(f"warning: {line}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", ImageWarning)
        warnings.showwarning = show
        yield


# How the libraries say that memory has run out: by these classes, or in these words. NumPy raises MemoryError.
OUT_OF_MEMORY_CLASSES = {"ResourceExhaustedError", "OutOfMemoryError"}
OUT_OF_MEMORY_WORDS = ("RESOURCE_EXHAUSTED", "can't allocate memory", "out of memory")


def is_lack_of_memory(error: Exception) -> bool:
    """Say whether memory, of the machine or of a GPU, has run out in NumPy, TensorFlow, PyTorch or JAX."""
    if isinstance(error, MemoryError) or type(error).__name__ in OUT_OF_MEMORY_CLASSES:
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in OUT_OF_MEMORY_WORDS)


def note(text: str) -> None:
    """Tell the user something on standard error: the value of the `note` parameters of the tasks."""
    tell(with_flags(text))
