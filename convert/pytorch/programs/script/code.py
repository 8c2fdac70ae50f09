"""The code of a TorchScript archive: files in Python's syntax, which are parsed and never run by Python."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable, Iterator

from convert.printable import printable
from convert.pytorch.programs.script.syntax import dotted
from convert.pytorch.programs.values import OperatorError

MAX_FILE = 1 << 22  # bytes of a file of code
MAX_CODE = 1 << 24  # bytes of all that is read


class Code:
    """Functions and classes by their full names; files are parsed when something in them is asked for.

    Args:
        read: returns the bytes of a member of the archive, by its name and the most bytes that it may have.
    """

    def __init__(self, read: Callable[[str, int], bytes]) -> None:
        self._read = read
        self._files: dict[str, dict[str, ast.FunctionDef | ast.ClassDef]] = {}
        self._left = MAX_CODE

    def function(self, name: str) -> ast.FunctionDef:
        """Return a function.

        Raises:
            OperatorError: there is none of that name.
        """
        found = self._definition(name)
        if not isinstance(found, ast.FunctionDef):
            raise OperatorError(f"the code has no function {printable(name)}")
        return found

    def method(self, kind: str, name: str) -> ast.FunctionDef:
        """Return a method of a class.

        Raises:
            OperatorError: there is no such class or method.
        """
        for one in self.record(kind).body:
            if isinstance(one, ast.FunctionDef) and one.name == name:
                return one
        raise OperatorError(f"the class {printable(kind)} has no method {printable(name)}")

    def record(self, kind: str) -> ast.ClassDef:
        """Return a class.

        Raises:
            OperatorError: there is none of that name.
        """
        found = self._definition(kind)
        if not isinstance(found, ast.ClassDef):
            raise OperatorError(f"the code has no class {printable(kind)}")
        return found

    def fields(self, kind: str) -> list[str] | None:
        """Return the names of the fields of a named tuple; None: the name is not that of one."""
        found = self._definition(kind)
        if not isinstance(found, ast.ClassDef) or not any(
            isinstance(base, ast.Name) and base.id == "NamedTuple" for base in found.bases
        ):
            return None
        return [
            one.target.id for one in found.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
        ]

    def calls(self, members: Iterable[str]) -> Iterator[list[str]]:
        """Yield the names of what files of code call, such as ["torch", "relu"], in the order in which they stand."""
        for member in members:
            for definition in self._parsed(member).values():
                yield from (dotted(node.func) for node in ast.walk(definition) if isinstance(node, ast.Call))

    def _definition(self, name: str) -> ast.FunctionDef | ast.ClassDef | None:
        module, _, last = name.rpartition(".")
        if module not in self._files:
            self._files[module] = self._parsed(f"code/{module.replace('.', '/')}.py")
        return self._files[module].get(last)

    def _parsed(self, member: str) -> dict[str, ast.FunctionDef | ast.ClassDef]:
        try:
            source = self._read(member, MAX_FILE)
            self._left -= len(source)
            if self._left < 0:
                raise OperatorError(f"more than {MAX_CODE} bytes of code")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of escapes in texts
                parsed = ast.parse(source)
        except OperatorError:
            raise
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = printable(str(error) or type(error).__name__)
            raise OperatorError(f"the code {printable(member)} cannot be read: {reason}") from error
        return {one.name: one for one in parsed.body if isinstance(one, (ast.FunctionDef, ast.ClassDef))}
