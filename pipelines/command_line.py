"""What every script shares: defaults read from the library, errors in one line, exit codes."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from errors import ArgumentError, UserError, unknown_name
from images.errors import ImageError


class ArgumentParser(argparse.ArgumentParser):
    """argparse's parser, but wrong arguments raise ArgumentError: parse within `run_script` for its one line."""

    def error(self, message: str) -> NoReturn:
        """Raise ArgumentError where argparse would print its usage and end the program."""
        raise ArgumentError(message)

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> argparse.Namespace:
        """Parse; an unknown option is named with the nearest known one."""
        arguments, unknown = self.parse_known_args(args, namespace)
        if unknown:
            raise ArgumentError(unknown_name("argument", unknown[0], self._option_string_actions))
        return arguments


def defaults_of(function: Callable) -> dict[str, Any]:
    """Return the defaults of a pipeline function's arguments: the one place where they stand."""
    parameters = inspect.signature(function).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.default is not parameter.empty}


def run_script(name: str, run: Callable[[], int]) -> int:
    """Call `run` and return its exit code; what the user can mend is told in one line on standard error.

    Exit codes: 2 for bad arguments, 1 for a failed run, 130 after Ctrl-C (128 + SIGINT, as shells have it).
    """
    try:
        return run()
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
    except (UserError, ImageError, OSError) as error:
        print(f"{name}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return getattr(error, "exit_code", 1)
