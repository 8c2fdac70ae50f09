"""Runs the code of a TorchScript program, statement by statement, with tensors of Keras.

The code is in Python's syntax; Python parses it but never runs it. What a name means stands in the tables here and in
the archive, everything else is refused, and so is all syntax that TorchScript does not print.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from convert.printable import printable
from convert.pytorch.programs.script.builtins import cast
from convert.pytorch.programs.script.calls import Named, Operators, Record
from convert.pytorch.programs.script.code import Code
from convert.pytorch.programs.script.forms import FORMS
from convert.pytorch.programs.script.functions import Number, of_containers, shown
from convert.pytorch.programs.script.objects import PROGRAM_NAMES, Heap, ScriptObject
from convert.pytorch.programs.script.syntax import Frame, computes, dotted, raises
from convert.pytorch.programs.sizes import chosen, has_batch
from convert.pytorch.programs.values import BatchNeeded, FreeSize, OperatorError

MAX_STEPS = 2_000_000  # statements and parts of them
MAX_CALLS = 60  # one within the other

_NUMBERS = {"inf": math.inf, "nan": math.nan}


class Interpreter:
    """Runs methods of the objects of an archive.

    Args:
        code: of the archive.
        heap: its objects.
        constants: the constants that the code names.
        operators: what runs operators.
    """

    def __init__(self, code: Code, heap: Heap, constants: Sequence[Any], operators: Operators) -> None:
        self._code = code
        self._heap = heap
        self._constants = constants
        self._operators = operators
        self._steps = 0
        self._calls = 0

    def method(self, owner: ScriptObject, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Return what a method of an object returns.

        Raises:
            OperatorError: the code cannot be run; the message tells where.
        """
        function = self._code.method(owner.kind, name)
        return self._function(f"{owner.kind}.{name}", function, [owner, *arguments], keywords)

    def _function(self, name: str, node: ast.FunctionDef, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        frame = Frame(name, line=node.lineno)
        if self._calls >= MAX_CALLS:
            raise frame.error(f"more than {MAX_CALLS} calls within each other")
        self._calls += 1
        self._bind(frame, node.args, arguments, keywords)
        self._block(node.body, frame)
        self._calls -= 1
        return frame.result

    def _bind(self, frame: Frame, names: ast.arguments, given: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        """Give the parameters of a function their values."""
        if names.vararg or names.kwarg or names.kwonlyargs or names.posonlyargs:
            raise frame.error("parameters that TorchScript does not print")
        known = [one.arg for one in names.args]
        if len(given) > len(known) or not set(keywords) <= set(known):
            raise frame.error("called with other arguments than it has")
        defaults = dict(zip(known[len(known) - len(names.defaults) :], names.defaults, strict=True))
        bound = {**dict(zip(known, given, strict=False)), **keywords}
        for name in known:
            if name not in bound and name not in defaults:
                raise frame.error(f"called without {printable(name)}")
            frame.variables[name] = bound[name] if name in bound else self._value(defaults[name], frame)

    def _step(self, frame: Frame) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise frame.error(f"more than {MAX_STEPS:,} steps")

    # Statements. They return whether the function returns.

    def _block(self, statements: Sequence[ast.stmt], frame: Frame) -> bool:
        for node in statements:
            self._step(frame)
            frame.line = node.lineno
            run = _STATEMENTS.get(type(node))
            if run is None:
                raise frame.refused(node)
            if run(self, node, frame):
                return True
        return False

    def _pass(self, node: ast.Pass, frame: Frame) -> bool:
        return False

    def _return(self, node: ast.Return, frame: Frame) -> bool:
        frame.result = None if node.value is None else self._value(node.value, frame)
        return True

    def _expression(self, node: ast.Expr, frame: Frame) -> bool:
        self._value(node.value, frame)
        return False

    def _assign(self, node: ast.Assign, frame: Frame) -> bool:
        if len(node.targets) != 1:
            raise frame.refused(node)
        self._put(node.targets[0], self._value(node.value, frame), frame)
        return False

    def _annotated(self, node: ast.AnnAssign, frame: Frame) -> bool:
        if node.value is not None:
            self._put(node.target, self._value(node.value, frame), frame)
        return False

    def _put(self, target: ast.expr, value: Any, frame: Frame) -> None:
        if isinstance(target, ast.Name):
            frame.variables[target.id] = value
        elif isinstance(target, ast.Attribute):
            owner = self._value(target.value, frame)
            if not isinstance(owner, ScriptObject):
                raise frame.error("sets an attribute of something that is no object")
            self._heap.change(owner, target.attr, value)
        elif isinstance(target, ast.Tuple):
            if not isinstance(value, (list, tuple)) or len(value) != len(target.elts):
                raise frame.error(f"needs {len(target.elts)} values, not {shown(value)}")
            for one, part in zip(target.elts, value, strict=True):
                self._put(one, part, frame)
        else:
            raise frame.refused(target)

    def _if(self, node: ast.If, frame: Frame) -> bool:
        condition = self._condition(node.test, frame)
        if isinstance(condition, FreeSize):
            return self._undecided(node, condition, frame)
        return self._block(node.body if condition else node.orelse, frame)

    def _condition(self, node: ast.expr, frame: Frame) -> bool | FreeSize:
        found = self._value(node, frame)
        try:
            return cast("bool", found)
        except OperatorError as error:
            raise frame.error(f"a condition {error}") from error

    def _undecided(self, node: ast.If, condition: FreeSize, frame: Frame) -> bool:
        """Run an `if` whose condition depends on a size that is free; checks of sizes are taken to hold."""
        if raises(node.body) != raises(node.orelse):
            return self._block(node.orelse if raises(node.body) else node.body, frame)
        unknown = frame.error("chooses by a size that is free: give it as `input_shape`")
        if not (computes(node.body) and computes(node.orelse)):
            raise unknown
        before = dict(frame.variables)
        self._block(node.body, frame)
        other, frame.variables = frame.variables, before
        self._block(node.orelse, frame)
        for name in set(other) | set(frame.variables):
            one, second = (found.get(name) for found in (other, frame.variables))
            if one is second:
                continue
            if not (isinstance(one, Number) and isinstance(second, Number)):
                raise unknown
            frame.variables[name] = chosen(condition, one, second)
        return False

    def _while(self, node: ast.While, frame: Frame) -> bool:
        while True:
            condition = self._condition(node.test, frame)
            if isinstance(condition, FreeSize):
                raise frame.error("a loop that depends on a size that is free")
            if not condition:
                return False
            if self._block(node.body, frame):
                return True

    def _for(self, node: ast.For, frame: Frame) -> bool:
        call = node.iter
        if not isinstance(call, ast.Call) or dotted(call.func) != ["range"] or len(call.args) != 1:
            raise frame.refused(node)
        count = self._value(call.args[0], frame)
        if type(count) is not int:
            error = frame.error(f"a loop over {shown(count):.40} numbers, which must be known")
            raise BatchNeeded(str(error)) if has_batch(count) else error
        for number in range(count):
            self._step(frame)
            self._put(node.target, number, frame)
            if self._block(node.body, frame):
                return True
        return False

    def _raise(self, node: ast.Raise, frame: Frame) -> bool:
        raise frame.error("the program raises an error")

    # Expressions.

    def _value(self, node: ast.expr, frame: Frame) -> Any:
        self._step(frame)
        evaluate = _EXPRESSIONS.get(type(node))
        if evaluate is None:
            raise frame.refused(node)
        return evaluate(self, node, frame)

    def _constant(self, node: ast.Constant, frame: Frame) -> Any:
        if not isinstance(node.value, (bool, int, float, str, type(None))):
            raise frame.refused(node)
        return node.value

    def _negative(self, node: ast.UnaryOp, frame: Frame) -> Any:
        number = self._value(node.operand, frame)
        if not isinstance(node.op, ast.USub) or isinstance(number, bool) or not isinstance(number, (int, float)):
            raise frame.refused(node)
        return -number

    def _name(self, node: ast.Name, frame: Frame) -> Any:
        if node.id in frame.variables:
            return frame.variables[node.id]
        if node.id in _NUMBERS:
            return _NUMBERS[node.id]
        raise frame.error(f"the unknown name {printable(node.id)}")

    def _list(self, node: ast.List, frame: Frame) -> list[Any]:
        return [self._value(one, frame) for one in node.elts]

    def _tuple(self, node: ast.Tuple, frame: Frame) -> tuple[Any, ...]:
        return tuple(self._value(one, frame) for one in node.elts)

    def _dict(self, node: ast.Dict, frame: Frame) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                raise frame.refused(node)
            of_containers("_set_item", [made, self._value(key, frame), self._value(value, frame)], {})
        return made

    def _subscript(self, node: ast.Subscript, frame: Frame) -> Any:
        items = self._value(node.value, frame)
        if not isinstance(items, (list, tuple, dict, str)):
            raise frame.error(f"an item of {shown(items):.40}")
        part = node.slice
        is_slice = isinstance(part, ast.Slice)
        nodes = [part.lower, part.upper, part.step] if isinstance(part, ast.Slice) else [part]
        places = [None if one is None else self._value(one, frame) for one in nodes]
        try:
            return of_containers("slice" if is_slice else "__getitem__", [items, *places], {})
        except OperatorError as error:
            raise frame.error(f"{error}") from error

    def _attribute(self, node: ast.Attribute, frame: Frame) -> Any:
        path = dotted(node)
        if path and path[0] not in frame.variables:
            return self._global(path, frame)
        return self._attribute_of(self._value(node.value, frame), node.attr, frame)

    def _attribute_of(self, owner: Any, name: str, frame: Frame) -> Any:
        if isinstance(owner, Record) and name in owner.names:
            return owner[owner.names.index(name)]
        if not isinstance(owner, ScriptObject) or not self._heap.has(owner, name):
            raise frame.error(f"there is no attribute {printable(name)}")
        return self._heap.attribute(owner, name)

    def _global(self, path: Sequence[str], frame: Frame) -> Any:
        if path[0] == PROGRAM_NAMES:
            return Named(".".join(path))
        if path[0] == "CONSTANTS" and len(path) == 2 and re.fullmatch(r"c\d{1,6}", path[1]):
            number = int(path[1][1:])
            if number < len(self._constants):
                return self._heap.value(self._constants[number])
        raise frame.error(f"the unknown name {printable('.'.join(path))}")

    # Calls.

    def _call(self, node: ast.Call, frame: Frame) -> Any:
        path = dotted(node.func)
        is_local = not path or path[0] in frame.variables
        if not is_local and len(path) == 1 and path[0] in FORMS:
            return FORMS[path[0]](node, frame, lambda one: self._value(one, frame))
        if not is_local and path == ["getattr"] and len(node.args) == 2:
            owner, name = (self._value(one, frame) for one in node.args)
            return self._attribute_of(owner, str(name), frame)
        arguments = [self._value(one, frame) for one in node.args]
        keywords = {one.arg: self._value(one.value, frame) for one in node.keywords if one.arg is not None}
        if len(keywords) != len(node.keywords):
            raise frame.refused(node)
        if is_local:
            return self._call_local(node.func, arguments, keywords, frame)
        if path[0] == PROGRAM_NAMES:
            return self._call_named(".".join(path), arguments, keywords)
        try:
            return self._operators.call(path, arguments, keywords)
        except OperatorError as error:
            raise type(error)(f"{frame.place()} ({printable('.'.join(path))}): {error}") from error

    def _call_local(self, node: ast.expr, arguments: list[Any], keywords: Mapping[str, Any], frame: Frame) -> Any:
        """Call a method of an object, or a function of the program that a variable is."""
        if isinstance(node, ast.Attribute):
            owner = self._value(node.value, frame)
            if not isinstance(owner, ScriptObject):
                raise frame.error(f"a method of {shown(owner):.40}")
            return self.method(owner, node.attr, arguments, keywords)
        called = self._value(node, frame)
        if not isinstance(called, Named):
            raise frame.error(f"a call of {shown(called):.40}")
        return self._call_named(called.name, arguments, keywords)

    def _call_named(self, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Call a function of the program, or make an object or named tuple."""
        if name.endswith(".__new__"):
            return ScriptObject(name.removesuffix(".__new__"))
        fields = self._code.fields(name)
        if fields is None:
            return self._function(name, self._code.function(name), arguments, keywords)
        return Record(arguments, fields)


_STATEMENTS: Mapping[type, Callable[[Interpreter, Any, Frame], bool]] = {
    ast.AnnAssign: Interpreter._annotated,
    ast.Assign: Interpreter._assign,
    ast.Expr: Interpreter._expression,
    ast.For: Interpreter._for,
    ast.If: Interpreter._if,
    ast.Pass: Interpreter._pass,
    ast.Raise: Interpreter._raise,
    ast.Return: Interpreter._return,
    ast.While: Interpreter._while,
}
_EXPRESSIONS: Mapping[type, Callable[[Interpreter, Any, Frame], Any]] = {
    ast.Attribute: Interpreter._attribute,
    ast.Call: Interpreter._call,
    ast.Constant: Interpreter._constant,
    ast.Dict: Interpreter._dict,
    ast.List: Interpreter._list,
    ast.Name: Interpreter._name,
    ast.Subscript: Interpreter._subscript,
    ast.Tuple: Interpreter._tuple,
    ast.UnaryOp: Interpreter._negative,
}
