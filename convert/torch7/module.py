"""One module of a Torch7 file, with its place in the tree and a record of the tensors that were read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convert.torch7.file.values import LuaTable, TorchObject, TorchStorage, TorchTensor
from convert.torch7.symbolic_values import Cell, Slices, Value
from errors import UserError

# Tensors that hold no parameter: results, gradients and scratch space that Torch7 leaves in a module.
BUFFERS = frozenset(
    {
        "output",
        "gradInput",
        "gradWeight",
        "gradBias",
        "gradWeightBuf",
        "gradWeightBuf2",
        "finput",
        "fgradInput",
    }
    | {"save_mean", "save_std", "save_var", "noise", "buffer", "addBuffer", "ones", "scale", "scaleT", "normalized"}
    | {"indices", "inShape", "outShape", "formatted_input", "randomSamples"}
    | {"maxVals", "maxIdx", "minVals", "minIdx", "mask", "x_diff", "y_diff"}
    | {"buffer2", "centered", "temp", "tempgrad", "cross", "paddedRatio", "accumRatio", "buff1", "buff2"}
    | {"shardBuffer", "extraBuffer", "zeroScalar"}
)

# Whose values are as large as weights can be; constants and limits may be larger.
WEIGHTS = frozenset({"weight", "bias", "running_mean", "running_var", "running_std"})
MAX_LEAVES = 10_000


class Module:
    """A Torch7 module at `path`, such as `modules[11].modules[0]` (children counted from 0).

    Every tensor must be read through `array` or be declared meaningless with `ignore`; `unread` names the others.
    """

    def __init__(self, source: TorchObject, path: str) -> None:
        self.source = source
        self.path = path
        self.read: dict[str, TorchTensor] = {}
        self._ignored: set[str] = set()

    @property
    def type_name(self) -> str:
        """The Torch7 class, such as `nn.SpatialConvolution`."""
        return self.source.type_name

    def fail(self, message: str) -> UserError:
        """Return an error that says where the module stands."""
        return UserError(f"{self.path or 'the network'} ({self.type_name}): {message}")

    def fail_at_dimension(self, field: str, dimension: int, sizes: Sequence[int | None]) -> UserError:
        """Return an error that says that a field leads to a dimension which the input does not have."""
        return self.fail(f"field {field} refers to dimension {dimension}; its input has {len(sizes)}, of sizes {sizes}")

    def get(self, name: str) -> Any:
        """Return a field as it is in the file, None where it is missing."""
        return self.source.get(name)

    def number(self, name: str, default: float | None = None) -> float:
        """Return a field that must be a number; a missing one takes the default, if there is one."""
        value = self.get(name)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(f"field {name} is {value!r}, expected a number")
        if not np.isfinite(value):
            raise self.fail(f"field {name} is {value}, expected a finite number")
        return value

    def integer(self, name: str, default: int | None = None, *, low: int = -(2**24), high: int = 2**24) -> int:
        """Return a field that must be a whole number from `low` to `high`."""
        value = self.number(name, default)
        if value != int(value) or not low <= value <= high:
            raise self.fail(f"field {name} is {value}, expected a whole number from {low} to {high}")
        return int(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a field as Lua would judge it: nil and false are false."""
        value = self.get(name)
        return default if value is None else value is not False

    def array(self, name: str) -> np.ndarray | None:
        """Return a parameter as an array, None where the module has none by that name, and note that it was read."""
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, TorchTensor):
            raise self.fail(f"field {name} is {value!r}, expected a tensor")
        if value.array.size == 0:
            return None
        self.read[name] = value
        return self._finite(name, value)

    def _finite(self, name: str, value: TorchTensor) -> np.ndarray:
        array = np.asarray(value.array, dtype=np.float64 if value.array.dtype == np.float64 else np.float32)
        if not np.isfinite(array).all():
            raise self.fail(f"{name} contains values that are not finite")
        if name in WEIGHTS:
            from model.untrusted.sizes import check_values  # loads Keras, which a summary does without

            try:
                check_values(name, array)
            except UserError as error:
                raise self.fail(str(error)) from error
        return array

    def storage_array(self, name: str, count: int) -> np.ndarray | None:
        """Return `count` numbers from the start of a tensor on, beyond its end where its storage goes on there."""
        value = self.get(name)
        if not isinstance(value, TorchTensor) or value.storage is None or value.stride[-1:] not in ((), (1,)):
            return None
        self.read[name] = value
        numbers = value.storage.array[value.offset : value.offset + count]
        return numbers.astype(np.float32) if numbers.size == count and np.isfinite(numbers).all() else None

    def required_array(self, name: str) -> np.ndarray:
        """Return a parameter that must be there."""
        array = self.array(name)
        if array is None:
            raise self.fail(f"{name} is missing or empty")
        return array

    def ignore(self, *names: str) -> None:
        """Declare that these fields have no meaning for the result."""
        self._ignored.update(names)

    def sizes(self, name: str) -> list[int]:
        """Return a field that is a storage or table of whole numbers."""
        value = self.get(name)
        if isinstance(value, TorchStorage):
            numbers = value.array.tolist()
        elif isinstance(value, TorchTensor):
            numbers = value.array.ravel().tolist()
        elif isinstance(value, LuaTable):
            numbers = value.sequence()
        else:
            raise self.fail(f"field {name} is {value!r}, expected a list of sizes")
        if not all(isinstance(number, int) and abs(number) <= 2**24 for number in numbers):
            raise self.fail(f"field {name} holds {numbers}, expected whole numbers")
        return numbers

    def children(self) -> list[Module]:
        """Return the modules of a container."""
        modules = self.get("modules")
        if not isinstance(modules, LuaTable):
            raise self.fail("a container without the table 'modules'")
        return [self.child(child, f"modules[{i}]") for i, child in enumerate(modules.sequence())]

    def child(self, source: Any, name: str) -> Module:
        """Return the module `source` that this one holds under `name`."""
        path = f"{self.path}.{name}" if self.path else name
        if not isinstance(source, TorchObject):
            raise UserError(f"{path}: {source!r} stands where a module is expected")
        return Module(source, path)

    def single(self, value: Value) -> Cell:
        """Return the value if it is one tensor."""
        if isinstance(value, Cell):
            return value
        raise self.fail("takes one tensor, but its input is a table")

    def table(self, value: Value) -> list[Value]:
        """Return the values of a table."""
        if isinstance(value, Cell):
            raise self.fail("takes a table, but its input is one tensor")
        if isinstance(value, Slices):
            raise self.fail("takes a table whose length depends on the size of the picture")
        return list(value)

    def item(self, value: Value, index: int) -> Value:
        """Return the element of a table at Lua's `index`, counted from 1 or from the end (negative)."""
        position = index - 1 if index > 0 else index
        if isinstance(value, Slices):
            return value.item(position)
        items = self.table(value)
        if not -len(items) <= position < len(items):
            raise self.fail(f"takes element {index} of a table that has {len(items)}")
        return items[position]

    def pair(self, value: Value) -> list[Value]:
        """Return the two elements of a table."""
        items = self.table(value)
        if len(items) != 2:
            raise self.fail(f"takes a table of 2 elements, but its input has {len(items)}")
        return items

    def first_items(self, value: Value, count: int) -> list[Value]:
        """Return the first `count` elements of a table."""
        return [self.item(value, i + 1) for i in range(count)]

    def cells(self, value: Value, count: int | None = None) -> list[Cell]:
        """Return the cells of a table of tensors, which has `count` of them or at least one."""
        cells = [self.single(item) for item in self.table(value)]
        if not cells or (count is not None and len(cells) != count):
            raise self.fail(f"takes a table of {count or 'some'} tensors, but its input has {len(cells)}")
        return cells

    def leaves(self, value: Value) -> list[Cell]:
        """Return the tensors of a table and of the tables in it, in order."""
        cells: list[Cell] = []
        stack = [value]
        while stack:
            item = stack.pop()
            if isinstance(item, Cell):
                cells.append(item)
            else:
                stack.extend(reversed(self.table(item)))
            # Tables can hold one table many times over, so that a small file could stand for endless lists.
            if len(cells) + len(stack) > MAX_LEAVES:
                raise self.fail(f"a table of more than {MAX_LEAVES} tensors")
        return cells

    def unread(self) -> list[str]:
        """Return the names of tensors that hold numbers and that nobody read."""
        return [
            name
            for name, value in self.source.fields.items()
            if isinstance(value, TorchTensor) and value.array.size > 0 and self._is_unread(name, value)
        ]

    def check_all_read(self) -> None:
        """Raise UserError where a tensor that holds numbers was not read."""
        unread = self.unread()
        if unread:
            raise self.fail(f"unused tensors: {', '.join(map(str, unread))}")

    def _is_unread(self, name: Any, tensor: TorchTensor) -> bool:
        if tensor.array.dtype.kind != "f":
            return False  # indices and masks; parameters are never whole numbers
        buffer = name in BUFFERS or (isinstance(name, str) and name.startswith(("_", "grad")))
        return not buffer and name not in self.read and name not in self._ignored
