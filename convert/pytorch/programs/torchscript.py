"""TorchScript archives (torch.jit.save): the objects of a module, its constants, and its code."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convert.printable import printable
from convert.pytorch.archive import Archive
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.exported import ProgramInput, listed
from convert.pytorch.programs.script.calls import Operators, is_supported
from convert.pytorch.programs.script.code import Code
from convert.pytorch.programs.script.interpreter import Interpreter
from convert.pytorch.programs.script.objects import (
    Heap,
    NamedTensor,
    ScriptObject,
    ScriptUnpickler,
    identity,
    named_tensors,
)
from convert.pytorch.programs.values import BatchNeeded, OperatorError, Value
from convert.pytorch.reader import MAX_PICKLE, archived_storages
from convert.pytorch.tensors import FormatError, Tensor

CONSTANTS, OBJECTS, TRACED = "constants.pkl", "data.pkl", "traced_inputs.pkl"
MAX_OUTPUTS = 256
COLOR_CHANNELS = 3


@dataclass(frozen=True, eq=False)
class ScriptProgram:
    """A program as the file has it.

    Attributes:
        inputs: the tensors that it takes, in their order.
        stored: number of tensors in the file.
        assumed: whether the sizes of the input are none of the file's.
        code: the archive's.
        root: the module.
        constants: that the code names.
        weights: sizes of the tensors in PyTorch's order, by their names.
        names: of tensors, by what tells them apart.
        files: of code.
    """

    inputs: tuple[ProgramInput, ...]
    stored: int
    assumed: bool
    code: Code
    root: ScriptObject
    constants: Sequence[Any]
    weights: Mapping[str, tuple[int, ...]]
    names: Mapping[tuple, str]
    files: Sequence[str]

    def operators(self) -> Iterator[tuple[str, bool]]:
        """Yield the operators that the code calls, each with whether it is supported.

        Raises:
            OperatorError: the code cannot be read.
        """
        for path in self.code.calls(self.files):
            if path[:1] in (["torch"], ["ops"]):
                yield ".".join(path), is_supported(path)

    def run(self, context: Context, inputs: Mapping[str, Value]) -> list[Value]:
        """Return what the program makes of its inputs, by their names.

        Raises:
            OperatorError: it cannot be converted; the message names the place in the code.
        """
        heap = Heap(self.names)
        interpreter = Interpreter(self.code, heap, self.constants, Operators(context, heap))
        try:
            return _outputs(interpreter.method(self.root, "forward", [inputs[one.name] for one in self.inputs], {}))
        except BatchNeeded:
            raise
        except OperatorError as error:
            if not self.assumed or any(inputs[one.name].shape != one.sizes for one in self.inputs):
                raise
            sizes = listed((self.inputs[0].sizes or ())[1:])
            hint = f"the file has no size of its input, {sizes} is assumed: `input_shape` gives another"
            raise OperatorError(f"{error} ({hint})") from error
        except FormatError as error:  # a tensor that is read only now
            raise OperatorError(str(error)) from error
        except RecursionError as error:
            raise OperatorError("the code is nested too deeply") from error


def _outputs(returned: Any) -> list[Value]:
    """Return the tensors in what a program returns."""
    found: list[Value] = []
    waiting, steps = [returned], 0
    while waiting:
        one = waiting.pop()
        steps += 1
        if isinstance(one, Value):
            found.append(one)
        elif isinstance(one, (list, tuple, dict)):
            waiting.extend(reversed(list(one.values()) if isinstance(one, dict) else one))
        elif one is not None:
            raise OperatorError("it returns something else than tensors")
        if steps > MAX_OUTPUTS:
            raise OperatorError(f"it returns more than {MAX_OUTPUTS} tensors")
    if not found:
        raise OperatorError("it returns no tensor")
    return found


def read_torchscript(path: Path) -> ScriptProgram:
    """Return the program in an archive of TorchScript.

    Raises:
        FormatError: it is damaged, or of another kind.
    """
    archive = Archive(path, CONSTANTS)
    root = _unpickled(archive, OBJECTS)
    constants = _unpickled(archive, CONSTANTS)
    if not isinstance(root, ScriptObject) or not isinstance(constants, (tuple, list)):
        raise FormatError("it holds no module")
    code = Code(archive.read)
    tensors = list(named_tensors(root))
    names: dict[tuple, str] = {}
    for one in tensors:
        names.setdefault(identity(one.tensor), one.name)
    parameters = list(_parameters(code, root))
    traced = _traced(archive) if TRACED in archive else []
    inputs = tuple(_inputs(parameters, traced, _assumed_sizes(tensors, constants) if len(parameters) == 1 else None))
    stored = set(names) | {identity(one) for one in constants if isinstance(one, Tensor)}
    assumed = len(traced) != len(parameters)
    weights = {names[identity(one.tensor)]: one.tensor.shape for one in tensors}
    files = [name for name in archive.names() if name.startswith("code/") and name.endswith(".py")]
    return ScriptProgram(inputs, len(stored), assumed, code, root, constants, weights, names, files)


def _unpickled(archive: Archive, name: str) -> Any:
    folder = name.removesuffix(".pkl") + "/"
    return ScriptUnpickler(archived_storages(archive, folder)).load(io.BytesIO(archive.read(name, MAX_PICKLE)))


def _parameters(code: Code, root: ScriptObject) -> Iterator[str]:
    """Yield the names of the tensors that the module takes; what has a default is left at it."""
    try:
        given = code.method(root.kind, "forward").args
    except OperatorError as error:
        raise FormatError(str(error)) from error
    required = given.args[1 : len(given.args) - len(given.defaults)]
    for number, one in enumerate(required, start=1):
        if not isinstance(one.annotation, ast.Name) or one.annotation.id != "Tensor":
            raise FormatError(f"it takes something else than tensors: {printable(one.arg)}")
        yield one.arg if re.fullmatch(r"[A-Za-z]\w*", one.arg, re.ASCII) else f"input_{number}"


def _traced(archive: Archive) -> list[Tensor]:
    """Return the inputs that a program was traced with."""
    found = _unpickled(archive, TRACED)
    given = found.get("forward") if isinstance(found, dict) else None
    return [one for one in given or () if isinstance(one, Tensor)]


def _inputs(
    names: Sequence[str], traced: Sequence[Tensor], assumed: tuple[int | None, ...] | None
) -> Iterator[ProgramInput]:
    for number, name in enumerate(names):
        if len(traced) == len(names):
            is_float = traced[number].storage.kind in ("Half", "Float", "Double", "BFloat16")
            yield ProgramInput(name, traced[number].shape, "float32" if is_float else "int32")
        else:
            yield ProgramInput(name, assumed, "float32")


def _assumed_sizes(tensors: Sequence[NamedTensor], constants: Sequence[Any]) -> tuple[int | None, ...] | None:
    """Return the sizes of pictures with the channels of the first convolution; None: there is no convolution."""
    for one in tensors:
        if len(one.tensor.shape) == 4 and one.name.endswith("weight"):
            is_transposed = "Transpose" in one.kind
            return None, one.tensor.shape[0 if is_transposed else 1], None, None
    kernels = [one for one in constants if isinstance(one, Tensor) and len(one.shape) == 4]
    return (None, kernels[0].shape[1], None, None) if kernels else None
