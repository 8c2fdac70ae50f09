"""Reading untrusted Torch7 files (`.t7`).

The format is that of torch7's `File.lua`: each value is a type number and its data; tables, objects and
functions have a number of their own and are written in full once. No Lua code runs: functions are skipped.

Not built on the torchfile package, which reads recursively (deep files end in RecursionError), takes memory
before it looks at the file's size, views memory outside its buffers, misreads the oldest kind of function,
and knows neither ascii files nor half tensors. All that would remain of it are its type numbers. The tests
use it as an independent reading of sound files.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Generator
from pathlib import Path
from reprlib import repr as short_repr
from types import GeneratorType
from typing import Any

from convert.foreign import TORCH7, name_foreign_file
from convert.torch7.file.sources import AsciiSource, BinarySource, FormatError, Source
from convert.torch7.file.storages import MAX_DIMENSIONS, STORAGE_KINDS, TENSOR_KINDS, ElementBudget, view_tensor
from convert.torch7.file.values import LuaFunction, LuaTable, TorchObject, TorchStorage
from errors import UserError
from images.folders import read_through

NIL, NUMBER, STRING, TABLE, TORCH, BOOLEAN, FUNCTION, LEGACY_RECUR_FUNCTION, RECUR_FUNCTION = range(9)

# Bounds on the memory of files that hold little but tables: about 500 bytes each and 100 for every other value.
# Networks have some thousand tables and objects, the loss histories of checkpoints up to half a million numbers.
TWO_BODIES = ("nn.GPU", "nn.DataParallelTable")  # modules that write a table of cards before that of their fields
# Tables outside of Lua's memory (torch/tds), of which checkpoints hold vocabularies; the older names are of 2015.
HASHES = ("tds.Hash", "tds_hash")
VECTORS = ("tds.Vec", "tds_vec")
MAX_OBJECTS = 500_000
MAX_VALUES = 4_000_000
MAX_NAME_LENGTH = 200

# A container under way: yields to ask for the next value in the file, returns itself when complete.
Container = Generator[None, Any, Any]


def read_t7(path: str | Path) -> Any:
    """Return the value that the Torch7 file at `path` holds, as described in `convert.torch7.file.values`.

    Binary files with C longs of 8 or 4 bytes and ascii files are told apart by their content. The file must end
    where the value ends, as those that `torch.save` writes do.

    Raises:
        UserError: the file cannot be opened, is of another kind, or is damaged; names the byte offset, what
            stands there and what is expected.
    """
    data = _load(Path(path))
    sources: list[Source] = [BinarySource(data, 8), BinarySource(data, 4)]
    if data[1:2] == b"\n":
        sources = [AsciiSource(data)]
    failures: dict[int, str] = {}
    for source in sources:
        try:
            return _Reader(source).read_file()
        except FormatError as failure:
            failures.setdefault(source.offset, str(failure))
    # The wrong size of long fails at the first tensor; the reading that came further says what is wrong.
    raise UserError(f"{path}: {failures[max(failures)]}")


def _load(path: Path) -> mmap.mmap:
    """Return the content of the file at `path`, which looks like a Torch7 file; what is read of it takes memory."""
    try:
        if not path.is_file():
            found = "a folder" if path.is_dir() else "no such file"
            raise UserError(f"{path}: {found}, expected a Torch7 file")
        kind = name_foreign_file(path)
        if kind != TORCH7:
            raise UserError(f"{path} is {kind or 'of an unknown format'}, not a Torch7 file")
        read_through(path)
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


class _Reader:
    """Reads the values of one source with an explicit stack, so that no depth of nesting is too deep."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.budget = ElementBudget()
        self.objects: dict[int, Any] = {}
        self.values = 0
        self.begun = 0

    def read_file(self) -> Any:
        """Return the only value of the source."""
        value = self._read_with_parts()
        if self.source.offset < len(self.source.data):
            found = f"{len(self.source.data) - self.source.offset} bytes after the value"
            raise FormatError(self.source.offset, found, "the end of the file")
        return value

    def _read_with_parts(self) -> Any:
        """Return the next value with all values inside it."""
        stack: list[Container] = []
        value = self._read_value()
        while True:
            if isinstance(value, GeneratorType):
                stack.append(value)
                value = None
            elif not stack:
                return value
            try:
                stack[-1].send(value)
                value = self._read_value()
            except StopIteration as stop:
                stack.pop()
                value = stop.value

    def _read_value(self) -> Any:
        """Return the next value, or for one with values inside the Container that will read it."""
        self.values += 1
        place = self.source.offset
        if self.values > MAX_VALUES:
            raise FormatError(place, f"more than {MAX_VALUES:,} values", "a network")
        kind = self.source.read_int()
        if kind == NIL:
            return None
        if kind == NUMBER:
            number = self.source.read_double()
            return int(number) if abs(number) < 2**53 and number.is_integer() else number
        if kind == BOOLEAN:
            return self.source.read_int() == 1
        if kind == STRING:
            return self._read_string("a string")
        if kind == FUNCTION:
            self._count_object()
            return self._read_function(None)
        if kind in (TABLE, TORCH, RECUR_FUNCTION, LEGACY_RECUR_FUNCTION):
            return self._read_object(kind)
        raise FormatError(place, f"type number {kind}", "0 to 8")

    def _count_object(self) -> None:
        self.begun += 1
        if self.begun > MAX_OBJECTS:
            raise FormatError(self.source.offset, f"more than {MAX_OBJECTS:,} tables and objects", "a network")

    def _read_string(self, what: str, most: int | None = None) -> str:
        place = self.source.offset
        length = self.source.read_int()
        if most is not None and length > most:
            raise FormatError(place, f"{what} of length {length}", f"at most {most}")
        return self.source.read_bytes(length, what).decode("utf-8", "backslashreplace")

    def _read_object(self, kind: int) -> Any:
        """Return something that the file holds once and refers to by its number."""
        number = self.source.read_int()
        if number in self.objects:
            return self.objects[number]
        self._count_object()
        if kind == TABLE:
            return self._read_table(number)
        if kind != TORCH:
            return self._read_function(number)
        place = self.source.offset
        version, type_name = self._read_class()
        if type_name in STORAGE_KINDS:
            return self._read_storage(number, type_name)
        if type_name in TENSOR_KINDS:
            return self._read_tensor(number, type_name)
        if type_name in (*HASHES, *VECTORS):
            return self._read_tds(number, type_name)
        if type_name.startswith("tds.") or type_name.endswith(("Tensor", "Storage")):
            raise FormatError(place, f"an object of type {type_name!r}", "a type with a known layout")
        if type_name == "torch.Timer":  # writes nothing of itself
            self.objects[number] = TorchObject(type_name, version=version)
            return self.objects[number]
        return self._read_fields(number, type_name, version)

    def _read_class(self) -> tuple[int, str]:
        """Return class version and class name; the oldest files have the name alone."""
        place = self.source.offset
        text = self._read_class_name("a class name or version")
        if not text.startswith("V "):
            return 0, text
        if not re.fullmatch("V [0-9]{1,9}", text):
            raise FormatError(place, f"the class version {short_repr(text)}", "such as 'V 1'")
        return int(text[2:]), self._read_class_name("a class name")

    def _read_class_name(self, what: str) -> str:
        place = self.source.offset
        name = self._read_string(what, MAX_NAME_LENGTH)
        if not re.fullmatch("[ -~]+", name):
            raise FormatError(place, f"{short_repr(name)} as {what}", "printable characters")
        return name

    def _read_table(self, number: int) -> Container:
        place = self.source.offset
        size = self.source.read_int()
        if not 0 <= size <= len(self.source.data) - self.source.offset:
            raise FormatError(place, f"a table of {size} entries", "a table that fits the file")
        return self._fill_table(number, size)

    def _read_tds(self, number: int, type_name: str) -> Container:
        place = self.source.offset
        (size,) = self.source.read_longs(1)
        if not 0 <= size <= len(self.source.data) - self.source.offset:
            raise FormatError(place, f"a {type_name} of {size} entries", "as many as fit the file")
        return self._fill_table(number, size) if type_name in HASHES else self._fill_vector(number, size)

    def _fill_vector(self, number: int, size: int) -> Container:
        table = self.objects[number] = LuaTable()
        for i in range(size):
            value = yield
            if value is not None:
                table[i + 1] = value
        return table

    def _fill_table(self, number: int, size: int) -> Container:
        table = self.objects[number] = LuaTable()
        for _ in range(size):
            place = self.source.offset
            key = yield
            if key is None or key != key or key in table:  # key != key: not a number
                raise FormatError(
                    place,
                    f"the table key {short_repr(key)}",
                    "a new key, neither nil nor NaN",
                )
            value = yield
            if value is not None:
                table[key] = value
        return table

    def _read_function(self, number: int | None) -> Container:
        length = self.source.read_int()
        self.source.skip_bytes(length, "the code of a function")
        function = LuaFunction(length)
        if number is not None:
            self.objects[number] = function
        function.upvalues = yield
        return function

    def _read_fields(self, number: int, type_name: str, version: int) -> Container:
        place = self.source.offset
        result = self.objects[number] = TorchObject(type_name, version=version)
        fields = yield
        if type_name in TWO_BODIES and isinstance(fields, LuaTable) and "modules" not in fields:
            fields = yield  # the first table holds types and numbers of cards only
        if not isinstance(fields, LuaTable):
            raise FormatError(place, f"no table with the fields of {type_name!r}", "a table")
        result.fields = fields
        return result

    def _read_storage(self, number: int, type_name: str) -> TorchStorage:
        (count,) = self.source.read_longs(1)
        array = self.source.read_array(STORAGE_KINDS[type_name], count)
        self.budget.store(array.size)
        self.objects[number] = TorchStorage(type_name, array)
        return self.objects[number]

    def _read_tensor(self, number: int, type_name: str) -> Container:
        place = self.source.offset
        dimensions = self.source.read_int()
        if not 0 <= dimensions <= MAX_DIMENSIONS:
            raise FormatError(place, f"a {type_name} of {dimensions} dimensions", f"0 to {MAX_DIMENSIONS}")
        size, stride = self.source.read_longs(dimensions), self.source.read_longs(dimensions)
        (start,) = self.source.read_longs(1)
        storage = yield
        self.objects[number] = view_tensor(
            type_name,
            storage,
            size=size,
            stride=stride,
            storage_offset=start - 1,
            budget=self.budget,
            place=place,
        )
        return self.objects[number]
