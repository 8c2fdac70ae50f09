"""Building the Keras model of a program."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import keras

import convert.pytorch.programs.operators  # noqa: F401  registers the operators
from convert.axes import keras_shape
from convert.pytorch.archive import READING_ERRORS
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.exported import PROGRAM, ProgramInput, listed, read_exported
from convert.pytorch.programs.torchscript import CONSTANTS, read_torchscript
from convert.pytorch.programs.values import BatchNeeded, OperatorError, Value
from convert.pytorch.tensors import FormatError
from errors import ArgumentError, UserError


class Program(Protocol):
    """A program: what it takes, the number of its tensors in the file, and what runs it."""

    @property
    def inputs(self) -> tuple[ProgramInput, ...]:
        """The inputs in their order."""

    @property
    def stored(self) -> int:
        """Number of tensors in the file."""

    @property
    def weights(self) -> Mapping[str, tuple[int | None, ...]]:
        """Sizes of the tensors in PyTorch's order, by their names."""

    def operators(self) -> Iterator[tuple[str, bool]]:
        """Yield the operators, each with whether it is supported."""

    def run(self, context: Context, inputs: Mapping[str, Value]) -> list[Value]:
        """Return what the program makes of its inputs, by their names."""


@dataclass(frozen=True, eq=False)
class ProgramConversion:
    """A converted program.

    Attributes:
        model: the bare network; pictures and volumes have their channels last.
        kind: what the file is.
        tensors: number of tensors in the file.
        recorded: sizes of the inputs in the file, in PyTorch's order, None where they are free.
    """

    model: keras.Model
    kind: str
    tensors: int
    recorded: tuple[tuple[int | None, ...], ...]


def convert_program(path: Path, input_shapes: Sequence[tuple[int | None, ...]] = ()) -> ProgramConversion:
    """Return the network of a program as a Keras model.

    Args:
        path: a file of torch.export (.pt2) or an archive of TorchScript.
        input_shapes: of each input, in PyTorch's order without the batch, None where a size is to be free; none: those
            that the file has.

    Raises:
        UserError: the file cannot be read, or an operator is not supported; the message names it.
        ArgumentError: the shapes are not those of the inputs.
    """
    program, kind = read_program(path)
    try:
        shapes = _shapes(program, input_shapes)
        model = _model(program, shapes)
    except ArgumentError:
        raise
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return ProgramConversion(model, kind, program.stored, tuple(one.sizes or () for one in program.inputs))


_EXPORTED, _SCRIPT = "an exported program", "a TorchScript program"
_READERS: dict[str, Callable[[Path], Program]] = {_EXPORTED: read_exported, _SCRIPT: read_torchscript}


def read_program(path: Path) -> tuple[Program, str]:
    """Return the program in a file, and what it is.

    Raises:
        UserError: it cannot be read.
    """
    try:
        kind = _kind(path)
        return _READERS[kind](path), kind
    except READING_ERRORS as error:
        raise UserError(f"{path}: cannot be read as a program of PyTorch: {error}") from error


def _kind(path: Path) -> str:
    """Return what a file is, by the members of the archive.

    Raises:
        FormatError: it is of another kind.
    """
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith(f"/{PROGRAM}") for name in names):
        return _EXPORTED
    if any(name.endswith(f"/{CONSTANTS}") for name in names):
        return _SCRIPT
    if any(name.endswith("/model.json") for name in names):
        raise FormatError("a TorchScript archive of PyTorch 1.3 or older; load and save it with a newer PyTorch")
    raise FormatError("it holds no program")


def _model(program: Program, shapes: Sequence[tuple[int | None, ...]]) -> keras.Model:
    """Return the network, with the number of pictures that it was recorded with where it needs one."""
    try:
        return _build(program, shapes)
    except BatchNeeded:
        return _build(program, [(_batch(program) or 1, *shape[1:]) for shape in shapes])


def _build(program: Program, shapes: Sequence[tuple[int | None, ...]]) -> keras.Model:
    """Return the network for inputs of these shapes, in PyTorch's order with the batch."""
    inputs = [
        keras.Input(batch_shape=keras_shape(shape), dtype=one.dtype, name=one.name)
        for one, shape in zip(program.inputs, shapes, strict=True)
    ]
    named = {one.name: Value(tensor) for one, tensor in zip(program.inputs, inputs, strict=True)}
    made = program.run(Context(_batch(program), inputs[0], named), named)
    if any(value.is_constant for value in made):
        raise OperatorError("an output does not depend on the inputs")
    outputs = [value.tensor for value in made]
    return keras.Model(
        inputs if len(inputs) > 1 else inputs[0], outputs if len(outputs) > 1 else outputs[0], name="network"
    )


def _batch(program: Program) -> int:
    """Return the number of pictures that the program was recorded with, 0 where it is free in the file."""
    return next((one.sizes[0] for one in program.inputs if one.sizes and one.sizes[0] is not None), 0)


def _shapes(program: Program, given: Sequence[tuple[int | None, ...]]) -> list[tuple[int | None, ...]]:
    """Return the shapes of the inputs, with the batch.

    Raises:
        ArgumentError: there are not as many shapes as inputs, or not with as many sizes.
        UserError: the program takes nothing, or the file does not say the sizes.
    """
    if not program.inputs:
        raise UserError("the program takes no tensor")
    if not given:
        return [_with_free_batch(one) for one in program.inputs]
    if len(given) != len(program.inputs):
        raise ArgumentError(f"`input_shape`: the network has {len(program.inputs)} inputs, {len(given)} are given")
    for one, shape in zip(program.inputs, given, strict=True):
        if one.sizes is not None and len(shape) != len(one.sizes) - 1:
            raise ArgumentError(
                f"`input_shape`: the input {one.name} has {len(one.sizes) - 1} sizes: {listed(one.sizes[1:])}"
            )
    return [(None, *shape) for shape in given]


def _with_free_batch(one: ProgramInput) -> tuple[int | None, ...]:
    """Return the sizes of an input with any number of pictures.

    Raises:
        UserError: the file does not say them.
    """
    if one.sizes is None:
        raise UserError(f"the file has no sizes of its input {one.name}: give them as `input_shape`, without the batch")
    return (None, *one.sizes[1:]) if len(one.sizes) > 1 else one.sizes
