"""What a script says where a package that it needs is not installed; imports almost nothing, to be there early."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


def tell_missing_packages() -> None:
    """Let a module that is not there end the program with one line in place of a traceback: exit code 1."""
    sys.excepthook = _tell


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        sys.__excepthook__(kind, error, trace)
        return
    script, module = Path(sys.argv[0]).name, error.name.partition(".")[0]
    sys.stderr.write(
        f"{script}: error: {sys.executable} has no Python package {module}; those of requirements.txt are needed\n"
    )
