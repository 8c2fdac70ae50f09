"""The tree of modules in a Torch7 file as text, for any module types, without Keras.

Sizes are height x width; tensors have the sizes of the file. Parameters are what Torch7's
`Module:parameters()` returns: the tensors `weight` and `bias`. Numbers that several modules share count once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any

from convert.torch7.file.storages import TENSOR_KINDS
from convert.torch7.file.values import LuaFunction, LuaTable, TorchObject, TorchStorage, TorchTensor

# What a summary shows at most, so that no file can keep it busy: levels, lines, entries of a table or fields of
# a module, nodes of a graph, characters of a string.
MAX_DEPTH = 64
MAX_ROWS = 10_000
MAX_ENTRIES = 100
MAX_NODES = 1000
MAX_TEXT = 60
MAX_NUMBERS = 8  # of a list written in one line

# (name, fields of height and width)
_SIZES = (
    ("kernel", "kH", "kW"),
    ("stride", "dH", "dW"),
    ("padding", "padH", "padW"),
    ("dilation", "dilationH", "dilationW"),
    ("adjustment", "adjH", "adjW"),
)
_BORDERS = ("pad_l", "pad_r", "pad_t", "pad_b")
_PARAMETERS = ("weight", "bias")
# Results and scratch space, and the graph behind a gModule, whose modules are listed anyway.
_GRAPH = {"forwardnodes", "backwardnodes", "fg", "bg", "innode", "outnode"}
_HIDDEN = {"_type", "train", "output", "finput", "fgradInput", "modules"} | _GRAPH


def summary(value: Any) -> str:
    """Return the tree of modules, tables and tensors under `value`, as `read_t7` returns it, one a line.

    Each line has the place in its parent (modules count from 0), the type, sizes and other fields, and for
    modules the number of parameters in them. What stands in two places is described at the first. The text
    stays short whatever the value: very deep, long or wide parts are cut, which the text says.
    """
    tree = _Tree()
    parameters = tree.add(value, _Place("", "", 0))
    total = f"{tree.modules:,} modules, {parameters:,} parameters"
    if tree.is_full():
        return "\n".join([*tree.rows, "... (the rest is left out)", f"{total} in the part shown"])
    return "\n".join([*tree.rows, total])


@dataclass(frozen=True)
class _Place:
    """Where a value stands; `counted` says whether its parameters are among those of its parent."""

    label: str
    path: str
    depth: int
    counted: bool = True
    note: str = ""

    def inside(self, name: str, label: str, *, counted: bool = True, note: str = "") -> _Place:
        """Return the place of the child `name`."""
        path = f"{self.path}.{name}" if self.path else name
        return _Place(label, path, self.depth + 1, self.counted and counted, note)


class _Tree:
    """Collects the rows of a summary."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.modules = 0
        self._paths: dict[int, str] = {}
        self._counted: set[tuple] = set()

    def is_full(self) -> bool:
        """Return whether there is no room for another row."""
        return len(self.rows) >= MAX_ROWS

    def add(self, value: Any, place: _Place) -> int:
        """Add the rows of `value` and return the number of parameters in it."""
        if self.is_full():
            return 0
        row = len(self.rows)
        self.rows.append(f"{'  ' * place.depth}{place.label}{describe(value)}")
        if not isinstance(value, LuaTable | TorchObject) or _is_small_list(value):
            return 0
        parameters = 0
        if id(value) in self._paths:
            details = [f"shared, see {self._paths[id(value)]}"]
        elif place.depth >= MAX_DEPTH:
            details = ["deeper levels are left out"]
        else:
            self._paths[id(value)] = place.path or "the first line"
            if isinstance(value, LuaTable):
                parameters, details = self._add_entries(value, place)
            else:
                parameters, details = self._add_module(value, place)
        self.rows[row] = "; ".join(part for part in (self.rows[row], *details, place.note) if part)
        return parameters

    def _add_entries(self, table: LuaTable, place: _Place) -> tuple[int, list[str]]:
        """Add the entries of a table; return the number of parameters and what to say of the table."""
        parameters = 0
        for key, value in islice(table.items(), MAX_ENTRIES):
            name = _printable(key) if isinstance(key, str) else f"[{describe(key)}]"
            parameters += self.add(value, place.inside(name, f"{name}: "))
        return parameters, [f"the first {MAX_ENTRIES}"] if len(table) > MAX_ENTRIES else []

    def _add_module(self, module: TorchObject, place: _Place) -> tuple[int, list[str]]:
        """Add the children of a module; return the number of parameters and what to say of the module."""
        self.modules += place.counted
        parameters, tensors = self._count(module, place.counted)
        sources = _graph_sources(module)
        for i, child in enumerate(_sequence(module.get("modules"), MAX_ROWS)):
            note = sources.get(id(child), "")
            parameters += self.add(child, place.inside(f"modules[{i}]", f"[{i}] ", note=note))
        # A module with weights holds others for work alone, as the `bn` of InstanceNormalization.
        counted = not tensors and "modules" not in module.fields
        note = "" if counted else "not counted"
        for name, child in _other_children(module):
            parameters += self.add(child, place.inside(name, f"{name}: ", counted=counted, note=note))
        count = f"{parameters:,} parameters" if parameters else ""
        return parameters, [", ".join(_scalars(module)), ", ".join(tensors), count]

    def _count(self, module: TorchObject, counted: bool) -> tuple[int, list[str]]:
        """Return the number of parameters of a module itself and the names and sizes of its tensors."""
        parameters, texts = 0, []
        for name, tensor in _visible(module):
            if not isinstance(tensor, TorchTensor) or not tensor.array.size:
                continue
            texts.append(f"{name} {_shape(tensor)}")
            if counted and name in _PARAMETERS:
                identity = (id(tensor.storage), tensor.offset, tensor.size, tensor.stride)
                if identity in self._counted:
                    texts[-1] += " (shared)"
                else:
                    parameters += tensor.array.size
                self._counted.add(identity)
        return parameters, texts


def describe(value: Any) -> str:
    """Return a few words on a value: its type, and its size or what it is."""
    if isinstance(value, TorchTensor):
        return f"{value.type_name} {_shape(value)}"
    if isinstance(value, TorchStorage):
        return f"{value.type_name} of {value.array.size:,} numbers"
    if isinstance(value, TorchObject):
        return _printable(value.type_name)
    if isinstance(value, LuaFunction):
        return "a Lua function (never run)"
    if _is_small_list(value):
        return f"{{{', '.join(map(describe, value.values()))}}}"
    if isinstance(value, LuaTable):
        return f"a table of {len(value):,} entries"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nil"}[value]
    return f'"{_printable(value)}"' if isinstance(value, str) else f"{value:.7g}"


def _printable(text: str) -> str:
    """Return `text` cut and in plain ASCII, so that no terminal obeys or rejects it."""
    shown = "".join(c if " " <= c <= "~" else f"\\x{ord(c):02x}" for c in text[:MAX_TEXT])
    return shown + "..." * (len(text) > MAX_TEXT)


def _is_small_list(value: Any) -> bool:
    """Return whether a value is a table of a few numbers, strings and booleans at 1, 2 and so on."""
    if not isinstance(value, LuaTable) or not 0 < len(value) <= MAX_NUMBERS:
        return False
    return all(isinstance(item, int | float | str) for item in value.values()) and [*value] == [
        *range(1, len(value) + 1)
    ]


def _shape(tensor: TorchTensor) -> str:
    if not tensor.array.size:
        return "empty"
    kind = TENSOR_KINDS.get(tensor.type_name, tensor.type_name)
    return "x".join(map(str, tensor.size)) + f" {kind}" * (kind != "Float")


def _sequence(value: Any, most: int = MAX_NODES) -> Iterator[Any]:
    """Yield the values of a table at 1, 2 and so on, nothing for what is no table."""
    if isinstance(value, LuaTable):
        yield from (value[i] for i in takewhile(value.__contains__, range(1, most + 1)))


def _visible(module: TorchObject) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a module that say something of it, weights first."""
    yield from ((name, module.get(name)) for name in _PARAMETERS if name in module.fields)
    for name, value in islice(module.fields.items(), MAX_ENTRIES):
        hidden = not isinstance(name, str) or name in _HIDDEN or name.startswith(("grad", "_"))
        if not hidden and name not in _PARAMETERS:
            yield _printable(name), value


def _scalars(module: TorchObject) -> list[str]:
    """Return what the numbers, strings and small lists among the fields say."""
    fields = {name: value for name, value in _visible(module) if isinstance(value, int | float | str)}
    texts = []
    if {"nInputPlane", "nOutputPlane"} <= fields.keys():
        texts.append(f"{describe(fields.pop('nInputPlane'))} -> {describe(fields.pop('nOutputPlane'))}")
    for name, height, width in _SIZES:
        if {height, width} <= fields.keys():
            texts.append(f"{name} {describe(fields.pop(height))}x{describe(fields.pop(width))}")
    if set(_BORDERS) <= fields.keys():
        texts.append("left/right/top/bottom " + "/".join(describe(fields.pop(name)) for name in _BORDERS))
    texts += [f"{name} {describe(value)}" for name, value in fields.items()]
    texts += [f"{name} {text}" for name, value in _visible(module) if (text := _small_list(value))]
    return texts


def _small_list(value: Any) -> str:
    """Return the numbers of a short table or storage, such as the sizes of nn.View, or that this is a function."""
    if isinstance(value, TorchStorage) and 0 < value.array.size <= MAX_NUMBERS:
        return "x".join(map(describe, value.array.tolist()))
    return describe(value) if isinstance(value, LuaFunction) or _is_small_list(value) else ""


def _other_children(module: TorchObject) -> Iterator[tuple[str, Any]]:
    """Yield the objects, and the tables that hold some, that are fields of a module beside `modules`."""
    for name, value in _visible(module):
        entries = islice(value.values(), MAX_ENTRIES) if isinstance(value, LuaTable) else [value]
        if any(isinstance(entry, LuaTable | TorchObject) for entry in entries):
            yield name, value


def _graph_sources(module: TorchObject) -> dict[int, str]:
    """Return for the modules of an nngraph gModule, by identity, where their input comes from."""
    positions = {id(child): f"[{i}]" for i, child in enumerate(_sequence(module.get("modules")))}
    sources = {}
    for node in _sequence(module.get("forwardnodes")):
        data = _data(node)
        inputs = [_source(parent, positions) for parent in _sequence(data.get("mapindex"))]
        sources[id(data.get("module"))] = f"from {', '.join(inputs)}" if inputs else ""
    return sources


def _data(node: Any) -> LuaTable:
    data = node.get("data") if isinstance(node, TorchObject) else None
    return data if isinstance(data, LuaTable) else LuaTable()


def _source(data: Any, positions: dict[int, str]) -> str:
    """Return the name of the module whose output the node with `data` passes on, or that it is an input."""
    part = ""
    for _ in range(8):  # nodes that split an output have no module of their own
        if not isinstance(data, LuaTable) or id(data.get("module")) in positions:
            break
        if "selectindex" in data:
            part = f" output {describe(data['selectindex'])}"
        parent = next(_sequence(data.get("mapindex")), None)
        if parent is None:
            break
        data = parent
    name = positions.get(id(data.get("module"))) if isinstance(data, LuaTable) else None
    return f"{name or 'the input'}{part}"
