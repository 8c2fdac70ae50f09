"""Building the Keras model of a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

import convert.pytorch.programs.operators  # noqa: F401  registers the operators
from convert.axes import keras_shape
from convert.pytorch.archive import READING_ERRORS
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.exported import ExportedProgram, ProgramInput, read_exported
from convert.pytorch.programs.values import BatchNeeded, OperatorError, Value
from errors import ArgumentError, UserError


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
        path: a .pt2 file.
        input_shapes: of each input, in PyTorch's order without the batch, None where a size is to be free; none: those
            that the file has.

    Raises:
        UserError: the file cannot be read, or an operator is not supported; the message names it.
        ArgumentError: the shapes are not those of the inputs.
    """
    program = read_program(path)
    shapes = _shapes(program, input_shapes)
    try:
        model = _build(program, shapes)
    except BatchNeeded:
        model = _build(program, [(_batch(program), *shape[1:]) for shape in shapes])
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return ProgramConversion(model, "an exported program", program.stored, tuple(one.sizes for one in program.inputs))


def read_program(path: Path) -> ExportedProgram:
    """Return the program in a file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return read_exported(path)
    except READING_ERRORS as error:
        raise UserError(f"{path}: cannot be read as an exported program: {error}") from error


def _build(program: ExportedProgram, shapes: Sequence[tuple[int | None, ...]]) -> keras.Model:
    """Return the network for inputs of these shapes, in PyTorch's order with the batch."""
    inputs = [
        keras.Input(batch_shape=keras_shape(shape), dtype=one.dtype, name=one.name)
        for one, shape in zip(program.inputs, shapes, strict=True)
    ]
    named = {one.name: Value(tensor) for one, tensor in zip(program.inputs, inputs, strict=True)}
    made = program.run(Context(_batch(program), inputs[0]), named)
    if any(value.is_constant for value in made):
        raise OperatorError("an output does not depend on the inputs")
    outputs = [value.tensor for value in made]
    return keras.Model(
        inputs if len(inputs) > 1 else inputs[0], outputs if len(outputs) > 1 else outputs[0], name="network"
    )


def _batch(program: ExportedProgram) -> int:
    """Return the number of pictures that the program was recorded with."""
    return next((one.sizes[0] for one in program.inputs if one.sizes and one.sizes[0] is not None), 1)


def _shapes(program: ExportedProgram, given: Sequence[tuple[int | None, ...]]) -> list[tuple[int | None, ...]]:
    """Return the shapes of the inputs, with the batch.

    Raises:
        ArgumentError: there are not as many shapes as inputs, or not with as many sizes.
        UserError: the program takes nothing.
    """
    if not program.inputs:
        raise UserError("the program takes no tensor")
    if not given:
        return [_with_free_batch(one.sizes) for one in program.inputs]
    if len(given) != len(program.inputs):
        raise ArgumentError(f"`input_shape`: the network has {len(program.inputs)} inputs, {len(given)} are given")
    for one, shape in zip(program.inputs, given, strict=True):
        if len(shape) != len(one.sizes) - 1:
            raise ArgumentError(f"`input_shape`: the input {one.name} has {len(one.sizes) - 1} sizes: {_listed(one)}")
    return [(None, *shape) for shape in given]


def _listed(one: ProgramInput) -> str:
    return " x ".join("?" if size is None else str(size) for size in one.sizes[1:])


def _with_free_batch(sizes: tuple[int | None, ...]) -> tuple[int | None, ...]:
    return (None, *sizes[1:]) if len(sizes) > 1 else sizes
