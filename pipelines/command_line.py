"""What every script shares: defaults read from the library, errors in one line, exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable

from errors import UserError
from images.errors import ImageError


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
