"""Programs that torch.export wrote (.pt2): a graph of operators in JSON, and the weights beside it."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from convert.printable import printable
from convert.pytorch.archive import Archive
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.registry import call, known
from convert.pytorch.programs.sizes import computed
from convert.pytorch.programs.values import FreeSize, OperatorError, Value
from convert.pytorch.tensors import NUMPY_TYPES, FormatError, Storage, Tensor, TensorBudget

PROGRAM = "models/model.json"
WEIGHTS, CONSTANTS = "data/weights/", "data/constants/"
CONFIGS = {WEIGHTS: "model_weights_config.json", CONSTANTS: "model_constants_config.json"}
MAX_NODES = 20_000
MAX_NAMES = 8  # of operators in a message
KEYWORD = 2  # how an argument is given: by its name

# Of the conditions in a file, those that let a size take but a few values.
_QUOTIENT = r"(math\.trunc\([^=<>]*\)|\(L\['[^']*'\]\.size\(\)\[\d\] // \d+\)) == [1-9]\d*"
_LIMIT = re.compile(_QUOTIENT + r"|[^=<>]+ == [1-9]\d*\.\d+")

# The schema's numbers of types.
_KINDS = {
    1: "Byte",
    2: "Char",
    3: "Short",
    4: "Int",
    5: "Long",
    6: "Half",
    7: "Float",
    8: "Double",
    12: "Bool",
    13: "BFloat16",
}
# Checks of sizes, which say nothing about a network that was recorded.
_CHECKS = {"_assert_async", "_assert_scalar", "_assert_tensor_metadata", "sym_constrain_range_for_size"}
# Arithmetic with sizes.
_OPERATORS: Mapping[str, Callable[..., Any]] = {
    "_operator.add": operator.add,
    "_operator.sub": operator.sub,
    "_operator.mul": operator.mul,
    "_operator.floordiv": operator.floordiv,
    "_operator.truediv": operator.truediv,
    "_operator.mod": operator.mod,
    "_operator.neg": operator.neg,
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.trunc": int,
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch.sym_int": int,
    "torch.sym_float": float,
}
_COMPARISONS = {f"_operator.{name}" for name in ("eq", "ne", "ge", "gt", "le", "lt", "and_", "or_", "not_")}


@dataclass(frozen=True)
class ProgramInput:
    """An input of a program: its name, its sizes in PyTorch's order (None where they are free), and its type.

    The sizes are None where the file does not say them.
    """

    name: str
    sizes: tuple[int | None, ...] | None
    dtype: str


def listed(sizes: Sequence[int | None]) -> str:
    """Return sizes as a text, ? for a free one."""
    return " x ".join("?" if size is None else str(size) for size in sizes)


@dataclass(frozen=True, eq=False)
class ExportedProgram:
    """A program as the file has it.

    Attributes:
        inputs: in their order.
        tensors: parameters, buffers and constants, by their names in the graph.
        stored: number of tensors in the file.
        graph: the description of the graph.
        outputs: names of what it returns.
        limits: conditions that fix a quotient of a size, or a factor, of which the code made a Python number.
    """

    inputs: tuple[ProgramInput, ...]
    tensors: Mapping[str, Value]
    stored: int
    graph: Mapping[str, Any]
    outputs: tuple[str, ...]
    limits: tuple[str, ...]

    @property
    def weights(self) -> Mapping[str, tuple[int | None, ...]]:
        """Sizes of the tensors in PyTorch's order, by their names."""
        return {value.name: value.shape for value in self.tensors.values()}

    def operators(self) -> Iterator[tuple[str, bool]]:
        """Yield the operators in the order in which they run, each with whether it is supported."""
        for node in self.graph["nodes"]:
            yield node["target"].removeprefix("torch.ops."), _is_known(node["target"])

    def run(self, context: Context, inputs: Mapping[str, Value]) -> list[Value]:
        """Return what the program makes of its inputs, by their names.

        Raises:
            OperatorError: an operator is not supported, or not as it is used; the message names it.
        """
        if self.limits and any(None in value.shape[1:] for value in inputs.values()):
            raise OperatorError(f"is limited to sizes for which {printable(self.limits[0])}: give `input_shape`")
        missing = sorted({name for name, is_known in self.operators() if not is_known})
        if missing:
            listed = ", ".join(map(printable, missing[:MAX_NAMES]))
            more = f" and {len(missing) - MAX_NAMES} more" if len(missing) > MAX_NAMES else ""
            raise OperatorError(f"uses operators that are not supported: {listed}{more}")
        values: dict[str, Any] = {**self.tensors, **inputs}
        for node in self.graph["nodes"]:
            try:
                made = _run(context, node, values, self.graph["sym_int_values"])
            except OperatorError as error:
                target = node["target"].removeprefix("torch.ops.")
                raise type(error)(f"{printable(_name_of(node))} ({printable(target)}): {error}") from error
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise OperatorError(f"{printable(_name_of(node))}: not as torch.export writes it") from error
            values.update(made)
            self._note_pictures(context, made)
        return [values[name] for name in self.outputs]

    def _note_pictures(self, context: Context, made: Mapping[str, Any]) -> None:
        """Keep pictures of free sizes, to which others may be resized."""
        for name, value in made.items():
            if isinstance(value, Value) and value.rank == 4 and name in self.graph["tensor_values"]:
                height, width = map(_formula, self.graph["tensor_values"][name]["sizes"][2:])
                if height and width:
                    context.note_picture(value, (height, width))


def read_exported(path: Path) -> ExportedProgram:
    """Return the program in a .pt2 file.

    Raises:
        FormatError: it is damaged, or of another kind.
    """
    archive = Archive(path, PROGRAM)
    description = archive.read_json(PROGRAM)
    try:
        graph, signature = (description["graph_module"][key] for key in ("graph", "signature"))
        if len(graph["nodes"]) > MAX_NODES:
            raise FormatError(f"a program of {len(graph['nodes'])} operators")
        tensors = _tensors(archive)
        return ExportedProgram(
            inputs=tuple(_inputs(graph, signature)),
            tensors={name: tensors[stored] for name, stored in _stored_names(signature)},
            stored=len(tensors),
            graph=graph,
            outputs=tuple(_outputs(signature)),
            limits=tuple(filter(_LIMIT.fullmatch, description.get("guards_code", ()))),
        )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise FormatError(f"the member {PROGRAM}: not as torch.export writes it ({error!r:.80})") from error


def _tensors(archive: Archive) -> dict[str, Value]:
    """Return the weights and constants by their names in PyTorch."""
    found: dict[str, Tensor] = {}
    budget = TensorBudget()
    for folder, config in CONFIGS.items():
        if folder + config not in archive:
            continue
        for name, entry in archive.read_json(folder + config)["config"].items():
            if entry.get("use_pickle"):
                raise FormatError(f"the tensor {printable(name)} is pickled, which is not supported")
            found[name] = _tensor(archive, folder + entry["path_name"], entry["tensor_meta"], budget)
    return {name: Value(tensor.array(), name) for name, tensor in found.items()}


def _tensor(archive: Archive, member: str, meta: Mapping[str, Any], budget: TensorBudget) -> Tensor:
    if meta["dtype"] not in _KINDS:
        raise FormatError(f"the member {member} has numbers of a type that is not supported")
    kind = _KINDS[meta["dtype"]]
    data = archive.read(member)
    storage = Storage(kind, len(data) // NUMPY_TYPES[kind].itemsize, lambda: data)
    sizes, strides = (tuple(size["as_int"] for size in meta[key]) for key in ("sizes", "strides"))
    return budget.tensor(storage, meta["storage_offset"]["as_int"], sizes, strides)


def _inputs(graph: Mapping[str, Any], signature: Mapping[str, Any]) -> Iterator[ProgramInput]:
    for spec in signature["input_specs"]:
        if "user_input" not in spec:
            continue
        argument = spec["user_input"]["arg"]
        if "as_tensor" not in argument:
            raise FormatError("it takes something else than tensors")
        name = argument["as_tensor"]["name"]
        meta = graph["tensor_values"][name]
        sizes = tuple(size.get("as_int") for size in meta["sizes"])
        kind = _KINDS.get(meta["dtype"], "")
        yield ProgramInput(name, sizes, "float32" if kind in ("Half", "Float", "Double", "BFloat16") else "int32")


def _stored_names(signature: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the names in the graph and in PyTorch of what the file stores."""
    for spec in signature["input_specs"]:
        for kind in ("parameter", "buffer", "tensor_constant"):
            if kind in spec:
                yield spec[kind]["arg"]["name"], spec[kind][f"{kind}_name"]
        if not {"parameter", "buffer", "tensor_constant", "user_input"} & set(spec):
            raise FormatError(f"it takes something that is not supported: {printable(', '.join(spec))}")


def _outputs(signature: Mapping[str, Any]) -> Iterator[str]:
    for spec in signature["output_specs"]:
        if "user_output" not in spec:
            continue  # a buffer that training changes
        argument = spec["user_output"]["arg"]
        if "as_tensor" not in argument:
            raise FormatError("it returns something else than tensors")
        yield argument["as_tensor"]["name"]


def _name_of(node: Mapping[str, Any]) -> str:
    return node.get("name") or next(iter(_names(node["outputs"])), "?")


def _is_known(target: str) -> bool:
    name = _aten_name(target)
    if name is not None:
        return name in _CHECKS or known(name)
    return target in _OPERATORS or target in _COMPARISONS


def _aten_name(target: str) -> str | None:
    """Return the operator without its library and overload; None: it is of another library."""
    prefix = "torch.ops.aten."
    return target.removeprefix(prefix).split(".")[0] if target.startswith(prefix) else None


def _formula(size: Mapping[str, Any]) -> str:
    """Return how a free size is computed, "" for one that is known."""
    return size["as_expr"]["expr_str"] if "as_expr" in size else ""


def _run(
    context: Context, node: Mapping[str, Any], values: Mapping[str, Any], sizes: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a node makes, by its names; `sizes` tells how free sizes are computed."""
    target, name = node["target"], _aten_name(node["target"])
    if name in _CHECKS or target in _COMPARISONS:
        return {}
    arguments = [(entry["name"], entry.get("kind"), _value(entry["arg"], values)) for entry in node["inputs"]]
    if name is None:
        made = _calculated(target, [value for _, _, value in arguments])
    else:
        positional = [value for _, kind, value in arguments if kind != KEYWORD]
        keywords = {key: value for key, kind, value in arguments if kind == KEYWORD}
        made = call(context, name, positional, keywords)
    outputs = list(_names(node["outputs"]))
    if isinstance(made, FreeSize):
        made.formula = _formula(sizes.get(outputs[0], {}))
    if len(outputs) == 1 and not isinstance(made, (list, tuple)):
        return {outputs[0]: made}
    results = list(made) if isinstance(made, (list, tuple)) else [made]
    return dict(zip(outputs, results, strict=False))


def _calculated(target: str, numbers: Sequence[Any]) -> Any:
    """Return what arithmetic makes of numbers."""
    if any(isinstance(number, FreeSize) for number in numbers):
        return computed(target.rpartition(".")[2], *numbers)
    return _OPERATORS[target](*numbers)


def _names(outputs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the names of what a node makes."""
    for output in outputs:
        ((kind, value),) = output.items()
        if kind == "as_tensor":
            yield value["name"]
        elif kind == "as_tensors":
            yield from (one["name"] for one in value)
        elif kind in ("as_sym_int", "as_sym_bool", "as_sym_float"):
            yield value["as_name"]
        elif kind == "as_none":
            yield ""


def _value(argument: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """Return the value of an argument."""
    ((kind, value),) = argument.items()
    if kind not in _READ:
        raise OperatorError(f"an argument of the kind {printable(kind)} is not supported")
    return _READ[kind](value, values)


def _tensor_named(value: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    return values[value["name"]]


def _size(value: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    return values[value["as_name"]] if "as_name" in value else next(iter(value.values()))


def _optional(value: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    return None if "as_none" in value else _tensor_named(value["as_tensor"], values)


def _all(read: Callable[..., Any], value: Sequence[Any], values: Mapping[str, Any]) -> list[Any]:
    return [read(one, values) for one in value]


def _plain(value: Any, values: Mapping[str, Any]) -> Any:
    return value


def _type(value: int, values: Mapping[str, Any]) -> int:
    """Return the number of a type as operators have it, which begin to count one lower."""
    return 15 if value == 13 else value - 1


_READ: Mapping[str, Callable[..., Any]] = {
    "as_tensor": _tensor_named,
    "as_tensors": partial(_all, _tensor_named),
    "as_optional_tensor": _optional,
    "as_optional_tensors": partial(_all, _optional),
    "as_sym_int": _size,
    "as_sym_ints": partial(_all, _size),
    "as_sym_bool": _size,
    "as_sym_float": _size,
    "as_sym_floats": partial(_all, _size),
    "as_none": lambda value, values: None,
    "as_scalar_type": _type,
    **dict.fromkeys(("as_device", "as_layout", "as_memory_format"), lambda value, values: None),
    "as_float": lambda value, values: float(value),  # infinities are texts
    "as_floats": lambda value, values: list(map(float, value)),
    **dict.fromkeys(("as_int", "as_bool", "as_string", "as_ints", "as_bools", "as_strings"), _plain),
}
