"""PyTorch's pickles, read by an interpreter of our own that knows tensors, storages and containers and nothing else.

Python's own unpickler calls what a file names. This one calls nothing: what a pickle may name stands in the tables
below, anything else ends the reading. Opcodes are those of `pickletools`.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from convert.printable import printable
from convert.pytorch.tensors import MAX_AXES, OTHER_TENSORS, STORAGE_KINDS, FormatError, Storage, TensorBudget

MAX_OPCODES = 3_000_000  # a checkpoint of a large network with its optimiser has some ten thousand
MAX_ARGUMENTS = 16  # of a call

_MARK = object()


@dataclass(frozen=True)
class Name:
    """Something that a pickle names: a function, a class, a type."""

    name: str


@dataclass(frozen=True)
class Unread:
    """A value of no interest here, such as the options of a training."""


@dataclass(frozen=True)
class NumPyArray(Unread):
    """An array of NumPy, which is no tensor; its numbers are not read."""


class Container(dict):
    """A dict; `metadata` is what a state dict says of its modules' versions."""

    metadata: dict[str, Any]

    def __init__(self) -> None:
        super().__init__()
        self.metadata = {}


# How storages are found: what PyTorch calls a persistent id, a tuple that begins with "storage".
FindStorage = Callable[[tuple], Storage]


class Unpickler:
    """Reads one pickle.

    Args:
        find_storage: returns the storage that a persistent id means; None where there can be none.
    """

    def __init__(self, find_storage: FindStorage | None = None) -> None:
        self._find_storage = find_storage
        self._budget = TensorBudget()
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self.copied = 0

    def load(self, file: Any) -> Any:
        """Return the value of the pickle that begins at the position of `file`, a binary file in memory.

        Raises:
            FormatError: it is no pickle, or names something that is neither tensor nor storage nor container.
        """
        self._stack, self._memo = [], {}
        try:
            for number, (opcode, argument, _) in enumerate(pickletools.genops(file)):
                if number > MAX_OPCODES:
                    raise FormatError(f"a pickle of more than {MAX_OPCODES} steps")
                if opcode.name not in _STEPS:
                    raise FormatError(f"the pickle opcode {opcode.name}, which PyTorch does not write")
                _STEPS[opcode.name](self, argument)
            return self._pop()
        except FormatError:
            raise
        except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise FormatError(f"not a PyTorch pickle: {printable(' '.join(str(error).split()))}") from error

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise FormatError("a pickle with an invalid stack")
        return value

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop_to_mark(self) -> list[Any]:
        values: list[Any] = []
        while (value := self._stack.pop()) is not _MARK:
            values.append(value)
        return values[::-1]

    def _drop(self, _argument: Any) -> None:
        self._stack.pop()

    def _drop_to_mark(self, _argument: Any) -> None:
        self._pop_to_mark()

    def _name(self, module: str, name: str) -> None:
        full = f"{module}.{name}"
        if full in _NAMES:
            self._push(_NAMES[full])
        elif module in ("torch", "torch.cuda", "torch.storage") and name in STORAGE_KINDS:
            self._push(Name(name))
        elif module == "torch" and name in _DTYPES:
            self._push(Unread())
        else:
            raise FormatError(_refusal(full))

    def _stack_global(self, _argument: Any) -> None:
        name, module = self._pop(), self._pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise FormatError("a name that is not a string")
        self._name(module, name)

    def _persistent(self, _argument: Any) -> None:
        identity = self._pop()
        if not isinstance(identity, tuple) or len(identity) < 2:
            raise FormatError("an external object that is not a storage")
        if identity[0] == "module":
            raise FormatError(_refusal(str(getattr(identity[1], "name", "?"))))
        if identity[0] != "storage" or self._find_storage is None:
            raise FormatError("an external object that is not a storage")
        self._push(self._find_storage(identity))

    def _reduce(self, _argument: Any) -> None:
        arguments, called = self._pop(), self._pop()
        self._push(self._called(called, arguments, _CALLS))

    def _called(self, called: Any, arguments: Any, known: Collection[str]) -> Any:
        if not isinstance(called, Name) or called.name not in known:
            raise FormatError("a call to something that is not a PyTorch function")
        if not isinstance(arguments, tuple) or len(arguments) > MAX_ARGUMENTS:
            raise FormatError("a call without arguments")
        return _CALLS[called.name](self, *arguments)

    def _build(self, _argument: Any) -> None:
        state, value = self._pop(), self._stack[-1]
        self._set_state(value, state)

    def _set_state(self, value: Any, state: Any) -> None:
        if isinstance(value, Container):
            metadata = state.get("_metadata") if isinstance(state, dict) else None
            value.metadata = metadata if isinstance(metadata, dict) else {}
        elif not isinstance(value, Unread):
            raise FormatError("a state for something that has none")

    def _tensor(self, storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> Any:
        if not isinstance(storage, Storage) or type(offset) is not int or any(rest[2:]):  # negated or conjugated
            raise FormatError("a tensor that is not a plain view of a storage")
        return self._budget.tensor(storage, offset, _sizes(shape), _sizes(strides))

    def _typed(self, function: Any, _type: Any, arguments: Any, _state: Any) -> Any:
        """Return what `function` makes: a tensor of a subclass is pickled as a call within a call."""
        return self._called(function, arguments, ("tensor", "parameter"))

    def _set_item(self, _argument: Any) -> None:
        value, key = self._pop(), self._pop()
        self.fill(self._stack[-1], [key, value])

    def _set_items(self, _argument: Any) -> None:
        items = self._pop_to_mark()
        self.fill(self._stack[-1], items)

    @staticmethod
    def fill(target: Any, items: list[Any]) -> None:
        """Give the dict `target` the `items`, keys and values in turn."""
        if not isinstance(target, dict) or len(items) % 2:
            raise FormatError("items for something that is not a dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if _is_key(key):
                target[key] = value

    def _append(self, _argument: Any) -> None:
        value = self._pop()
        self._extend([value])

    def _appends(self, _argument: Any) -> None:
        self._extend(self._pop_to_mark())

    def _extend(self, values: list[Any]) -> None:
        if not isinstance(self._stack[-1], list):
            raise FormatError("items for something that is not a list")
        self._stack[-1].extend(values)

    def _put(self, index: int | None) -> None:
        value = self._stack[-1]
        if value is _MARK:
            raise FormatError("a pickle with an invalid stack")
        self._memo[len(self._memo) if index is None else int(index)] = value

    def _get(self, index: int) -> None:
        self._push(self._memo[int(index)])

    def _dict(self, _argument: Any) -> None:
        items = self._pop_to_mark()
        self._push(Container())
        self.fill(self._stack[-1], items)

    def _tuple_of(self, number: int) -> None:
        values = [self._pop() for _ in range(number)]
        self._push(tuple(values[::-1]))


def _refusal(name: str) -> str:
    if kind := OTHER_TENSORS.get(name):
        return f"it holds {kind} tensors, which are not supported; with PyTorch, save dense float ones instead"
    return (
        f"it names {printable(name)}, which is neither a tensor nor a container, and nothing that a file names is run: "
        "a whole pickled model? With PyTorch, save model.state_dict() instead"
    )


def _sizes(values: Any) -> tuple[int, ...]:
    """Return the sizes or strides of a tensor."""
    if (
        not isinstance(values, (tuple, list))
        or len(values) > MAX_AXES
        or any(type(value) is not int for value in values)
    ):
        raise FormatError("a tensor whose sizes are not integers")
    return tuple(values)


def _is_key(key: Any) -> bool:
    """Return whether `key` can be a dict's key at no more cost than its size; entries with others are left out."""
    if isinstance(key, int):
        return -(2**63) <= key < 2**63
    return isinstance(key, (str, bytes, float))


def _ordered_dict(unpickler: Unpickler, items: Any = ()) -> Container:
    """Return what OrderedDict makes of a list of pairs, as Python 2 pickled it."""
    result = Container()
    unpickler.copied += len(items)
    if unpickler.copied > MAX_OPCODES:
        raise FormatError("the same items over and over")
    for key, value in items:
        unpickler.fill(result, [key, value])
    return result


_DTYPES = {
    *("uint8", "int8", "int16", "short", "int32", "int", "int64", "long", "float16", "half", "bfloat16"),
    *("float32", "float", "float64", "double", "bool", "complex64", "complex128"),
}

# What a pickle may call. The functions make plain values; those of no interest make `Unread`.
_CALLS: dict[str, Callable[..., Any]] = {
    "tensor": Unpickler._tensor,
    "parameter": lambda _self, tensor, *_rest: tensor,
    "typed": Unpickler._typed,
    "dict": _ordered_dict,
    "defaultdict": lambda _self, *_rest: Container(),
    "size": lambda _self, sizes=(): _sizes(sizes),
    "unread": lambda _self, *_rest: Unread(),
    "array": lambda _self, *_rest: NumPyArray(),
}

_NAMES = {
    "collections.OrderedDict": Name("dict"),
    "collections.defaultdict": Name("defaultdict"),
    "torch._utils._rebuild_tensor": Name("tensor"),
    "torch._utils._rebuild_tensor_v2": Name("tensor"),
    "torch._utils._rebuild_parameter": Name("parameter"),
    "torch._utils._rebuild_parameter_with_state": Name("parameter"),
    "torch._tensor._rebuild_from_type_v2": Name("typed"),
    "torch.Tensor": Name("type"),
    "torch.nn.parameter.Parameter": Name("type"),
    "torch.Size": Name("size"),
    "numpy.core.multiarray._reconstruct": Name("array"),
    "numpy._core.multiarray._reconstruct": Name("array"),
    "numpy.ndarray": Name("type"),
}
# Numbers and options that training scripts keep beside the tensors.
_UNREAD = """_codecs.encode argparse.Namespace collections.Counter datetime.date datetime.datetime datetime.timedelta
    numpy._core.multiarray.scalar numpy.core.multiarray.scalar numpy.dtype pathlib.PosixPath pathlib.WindowsPath
    torch.device torch.torch_version.TorchVersion types.SimpleNamespace uuid.UUID"""
_NAMES |= dict.fromkeys(_UNREAD.split(), Name("unread"))
for _module in ("builtins", "__builtin__"):
    _NAMES |= {f"{_module}.{name}": Name("type") for name in ("dict", "list", "int")}
    _NAMES |= {
        f"{_module}.{name}": Name("unread")
        for name in ("bytearray", "complex", "frozenset", "range", "set", "slice", "xrange")
    }

_Step = Callable[[Unpickler, Any], None]


def _constant(value: Any) -> _Step:
    return lambda self, _argument: self._push(value)


def _given(self: Unpickler, argument: Any) -> None:
    self._push(argument)


_STEPS: dict[str, _Step] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda _self, _argument: None),
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"), _given),
    **dict.fromkeys(("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _given),
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"), _given),
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "MARK": _constant(_MARK),
    "EMPTY_DICT": lambda self, _argument: self._push(Container()),
    "EMPTY_LIST": lambda self, _argument: self._push([]),
    "EMPTY_TUPLE": _constant(()),
    "EMPTY_SET": lambda self, _argument: self._push(Unread()),
    "ADDITEMS": Unpickler._drop_to_mark,
    "TUPLE": lambda self, _argument: self._push(tuple(self._pop_to_mark())),
    "TUPLE1": lambda self, _argument: self._tuple_of(1),
    "TUPLE2": lambda self, _argument: self._tuple_of(2),
    "TUPLE3": lambda self, _argument: self._tuple_of(3),
    "LIST": lambda self, _argument: self._push(self._pop_to_mark()),
    "DICT": Unpickler._dict,
    "APPEND": Unpickler._append,
    "APPENDS": Unpickler._appends,
    "SETITEM": Unpickler._set_item,
    "SETITEMS": Unpickler._set_items,
    "POP": Unpickler._drop,
    "POP_MARK": Unpickler._drop_to_mark,
    "DUP": lambda self, _argument: self._push(self._stack[-1]),
    "PUT": Unpickler._put,
    "BINPUT": Unpickler._put,
    "LONG_BINPUT": Unpickler._put,
    "MEMOIZE": Unpickler._put,
    "GET": Unpickler._get,
    "BINGET": Unpickler._get,
    "LONG_BINGET": Unpickler._get,
    "GLOBAL": lambda self, argument: self._name(*argument.split(" ", 1)),
    "STACK_GLOBAL": Unpickler._stack_global,
    "BINPERSID": Unpickler._persistent,
    "REDUCE": Unpickler._reduce,
    "NEWOBJ": Unpickler._reduce,
    "BUILD": Unpickler._build,
}
