"""Outputs that Torch7 computed with a network, and comparison with the converted network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convert.recorded import read_arrays
from errors import UserError

if TYPE_CHECKING:
    import keras

# Largest difference allowed, relative to the largest number of the reference. Torch7 itself in float32 and float64
# differs by up to 1e-5 on ill-conditioned networks; rounding weights to float16 costs far more.
TOLERANCE = {"float32": 1e-4, "float16": 5e-2}
# The same of networks that normalise with the statistics of the batch at hand: where these are of few pixels they
# amplify rounding, in Torch7 itself to 2e-4.
BATCH_STATISTICS_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Verification:
    """Differences between a network's output and a reference: the largest, and relative to the largest number."""

    maximum: float
    relative: float


@dataclass(frozen=True)
class Reference:
    """Arrays in Torch7's order: inputs and outputs, tables depth first, and the noise that the network drew."""

    inputs: Sequence[np.ndarray]
    outputs: Sequence[np.ndarray]
    noise: Sequence[np.ndarray]

    def batch(self, network: keras.Model) -> bool | None:
        """Return whether the first dimension of the arrays is the network's batch, None where they do not fit it."""
        given = [*self.inputs, *self.noise]
        if len(network.inputs) != len(given) or len(network.outputs) != len(self.outputs):
            return None
        missing = {
            len(tensor.shape) - x.ndim for tensor, x in zip(network.inputs[: len(self.inputs)], given, strict=False)
        }
        expected = {len(tensor.shape) - y.ndim for tensor, y in zip(network.outputs, self.outputs, strict=True)}
        if missing == expected == {0}:
            return True
        return False if missing == expected == {1} else None


def read_reference(path: Path) -> Reference:
    """Return the arrays `input` or `input_0`, ..., `output` or `output_0`, ..., and `noise_0`, ... of a file.

    Raises:
        UserError: the file holds no such arrays.
    """
    found = read_arrays(path, "verify", r"(input|output|noise)(_\d+)?")
    inputs, outputs, noise = (_numbered(found, kind) for kind in ("input", "output", "noise"))
    if not inputs or not outputs:
        raise UserError(f"`verify` {path}: lacks the arrays 'input' and 'output' (or input_0, output_0, ...)")
    return Reference(inputs, outputs, noise)


def _numbered(arrays: dict[str, np.ndarray], kind: str) -> list[np.ndarray]:
    if kind in arrays:
        return [arrays[kind]]
    names = [f"{kind}_{i}" for i in range(len(arrays))]
    return [arrays[name] for name in names if name in arrays]


def compare(network: keras.Model, reference: Reference) -> Verification:
    """Return how far a network is from a reference that fits it.

    Raises:
        UserError: the network does not take the inputs, or the shapes of the outputs are others.
    """
    import keras

    from convert.axes import array_to_source_order
    from pipelines.command_line import is_lack_of_memory

    batch = reference.batch(network)
    if batch is None:
        raise UserError(f"`verify`: {_misfit(network, reference)}")
    given = given_to(network, reference)
    try:
        made = network(given if len(given) > 1 else given[0])
    except Exception as error:  # Keras and its backends refuse sizes with exceptions of many kinds
        if is_lack_of_memory(error):
            raise
        raise UserError(f"`verify`: {_misfit(network, reference)}") from error
    outputs = [
        array_to_source_order(keras.ops.convert_to_numpy(y)) for y in (made if isinstance(made, list) else [made])
    ]
    expected = [y if batch else y[None] for y in reference.outputs]
    return _differences(outputs, expected)


def given_to(network: keras.Model, reference: Reference) -> list[np.ndarray]:
    """Return the reference's inputs, and its noise where the network takes it, as the network has them."""
    from convert.axes import array_from_source_order

    return [
        array_from_source_order(x if x.ndim == len(tensor.shape) else x[None]).astype(tensor.dtype)
        for tensor, x in zip(network.inputs, [*reference.inputs, *reference.noise], strict=False)
    ]


def _misfit(network: keras.Model, reference: Reference) -> str:
    own = [[tuple(tensor.shape) for tensor in tensors] for tensors in (network.inputs, network.outputs)]
    given = [[array.shape for array in arrays] for arrays in (reference.inputs, reference.outputs)]
    noise = f" and noise {[array.shape for array in reference.noise]}" if reference.noise else ""
    return (
        f"the network takes {own[0]} and returns {own[1]} (channels last), the reference holds {given[0]}{noise} "
        f"and {given[1]}"
    )


def _differences(outputs: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> Verification:
    maximum = largest = 0.0
    for output, wanted in zip(outputs, expected, strict=True):
        if output.shape != wanted.shape:
            raise UserError(
                f"`verify`: the network's output has the shape {output.shape}, the reference {wanted.shape}"
            )
        maximum = max(maximum, float(np.abs(output.astype(np.float64) - wanted).max(initial=0.0)))
        largest = max(largest, float(np.abs(wanted).max(initial=0.0)))
    return Verification(maximum, maximum / largest if largest else maximum)


def check(verification: Verification, dtype: str, *, batch_statistics: bool = False) -> Verification:
    """Return a verification whose difference is small enough for the storage type, and for how the network normalises.

    Raises:
        UserError: it is not.
    """
    allowed = max(TOLERANCE[dtype], BATCH_STATISTICS_TOLERANCE if batch_statistics else 0)
    if not verification.relative <= allowed:
        raise UserError(
            f"the network does not agree with the reference: max difference {verification.maximum:.3g}, relative "
            f"{verification.relative:.3g}, allowed {allowed:g}"
        )
    return verification
