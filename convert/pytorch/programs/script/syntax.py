"""Syntax of TorchScript's code: names, checks and plain computations."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from convert.printable import printable
from convert.pytorch.programs.script.functions import NUMBERS
from convert.pytorch.programs.values import OperatorError

_SIZES = {"dim", "len", "size"}


@dataclass
class Frame:
    """A call of a function of the program: its name, its variables, the line that it is at, and what it returns."""

    name: str
    variables: dict[str, Any] = field(default_factory=dict)
    line: int = 0
    result: Any = None

    def place(self) -> str:
        """Return where it is, for a message."""
        return f"{printable(self.name)}, line {self.line}"

    def error(self, message: object) -> OperatorError:
        """Return an error with the place."""
        return OperatorError(f"{self.place()}: {message}")

    def refused(self, node: ast.AST) -> OperatorError:
        """Return an error for syntax that TorchScript does not print."""
        return self.error(f"Python's {type(node).__name__}, which TorchScript does not print here")


def dotted(node: ast.expr) -> list[str]:
    """Return the names in "a.b.c"; of anything else nothing."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else []


def raises(statements: Sequence[ast.stmt]) -> bool:
    """Return whether statements end in an error in any case."""
    return any(map(_raises, statements))


def _raises(node: ast.stmt) -> bool:
    if isinstance(node, ast.If):
        return raises(node.body) and raises(node.orelse)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return dotted(node.value.func) == ["ops", "prim", "RaiseException"]
    return isinstance(node, ast.Raise)


def computes(statements: Sequence[ast.stmt]) -> bool:
    """Return whether statements do nothing but give names to what is computed of numbers and sizes."""
    return all(map(_computes, statements))


def _computes(node: ast.stmt) -> bool:
    if isinstance(node, ast.Pass):
        return True
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
        return False
    calls = [dotted(part.func) for part in ast.walk(node.value) if isinstance(part, ast.Call)]
    return all(len(call) == 2 and call[0] == "torch" and call[1] in (NUMBERS.keys() | _SIZES) for call in calls)
