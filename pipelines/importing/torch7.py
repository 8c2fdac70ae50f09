"""Importing a Torch7 network: file in, `.keras` file out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from errors import ArgumentError, UserError, unknown_name
from pipelines.importing.files import check_model_output
from pipelines.startup import quiet_startup

if TYPE_CHECKING:
    import keras

    from convert.torch7.network import Conversion

# Largest difference allowed by --verify, relative to the largest number of the reference. Torch7 itself in float32
# and float64 differs by up to 1e-5 on ill-conditioned networks; rounding weights to float16 costs far more.
IMAGE_IOS = ("auto", "texture-nets", "fast-neural-style", "none")
DTYPES = ("float32", "float16")
TOLERANCE = {"float32": 1e-4, "float16": 5e-2}


@dataclass(frozen=True)
class Verification:
    """Differences between a network's output and a reference: the largest, and relative to the largest number."""

    maximum: float
    relative: float


@dataclass(frozen=True)
class TorchImportReport:
    """What an import did; `image_io` is the convention that was used and `reason` why."""

    conversion: Conversion
    image_io: str
    reason: str
    parameters: int
    file_size: int
    verification: Verification | None


def import_torch_model(
    *,
    input: str | os.PathLike,
    output: str | os.PathLike,
    image_io: str = "auto",
    dtype: str = "float32",
    verify: str | os.PathLike | None = None,
) -> TorchImportReport:
    """Convert a Torch7 file to a `.keras` file.

    Args:
        input: `.t7` file: a network, or a checkpoint table with the network under `model`.
        output: `.keras` file to write. With image_io `none` its model is the bare network, which takes and returns
            NHWC where Torch7 has NCHW; else it follows the image contract (float32 RGB in [0, 1], NHWC).
        image_io: `auto`, `texture-nets`, `fast-neural-style` or `none`.
        dtype: storage of the weights in the file, `float32` or `float16`.
        verify: `.npz` file with the arrays `input` and `output` of the bare network in Torch7 (NCHW); nothing is
            written when the differences are above `TOLERANCE`.

    Raises:
        ArgumentError: an argument has a value that is not allowed.
        UserError: the file cannot be read or converted, does not agree with the reference, or a weight is NaN,
            infinite or beyond 1e10.
    """
    check_model_output(output)
    for name, value, known in (("--image-io", image_io, IMAGE_IOS), ("--dtype", dtype, DTYPES)):
        if value not in known:
            raise ArgumentError(unknown_name(name, value, known))
    reference = None if verify is None else _read_reference(Path(verify))
    with quiet_startup():
        from model.saving import save_model
    conversion, model, image_io, reason = _convert(input, image_io)
    network = conversion.model
    if dtype == "float16":
        _round_weights(network)
    verification = None if reference is None else _verify(network, *reference, tolerance=TOLERANCE[dtype])
    size = save_model(model, output, dtype=dtype)
    return TorchImportReport(conversion, image_io, reason, network.count_params(), size, verification)


def _convert(input: str | os.PathLike, image_io: str) -> tuple[Conversion, keras.Model, str, str]:
    """Return the conversion of a file, the model to save, and which image convention it follows and why."""
    from convert.torch7.file.reader import read_t7
    from convert.torch7.image_io import detect_image_io, wrap_network
    from convert.torch7.network import convert_network
    from model.untrusted.sizes import check_weights

    value = read_t7(input)
    try:
        conversion = convert_network(value)
        check_weights(conversion.model.variables)
        reason = "as asked for"
        if image_io == "auto":
            image_io, reason = detect_image_io(value, conversion.model, conversion.modules)
        return conversion, wrap_network(conversion.model, image_io), image_io, reason
    except UserError as error:
        raise UserError(f"{input}: {error}") from error


def _read_reference(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the arrays `input` and `output` of a reference file."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays["input"], arrays["output"]
    except (ValueError, KeyError, EOFError) as error:
        raise UserError(f"--verify {path}: not an .npz file with the arrays 'input' and 'output'") from error


def _round_weights(model: keras.Model) -> None:
    """Round the weights to what float16 storage keeps, so that a check before saving tells of the file."""
    with np.errstate(over="ignore"):  # what does not fit is refused when the file is written
        rounded = [weight.astype(np.float16).astype(np.float32) for weight in model.get_weights()]
    if all(np.isfinite(weight).all() for weight in rounded):
        model.set_weights(rounded)


def _verify(network: keras.Model, given: np.ndarray, expected: np.ndarray, *, tolerance: float) -> Verification:
    if isinstance(network.output, list):
        raise UserError("--verify needs a network with one output")
    import keras

    from convert.axes import array_from_source_order, array_to_source_order

    given = array_from_source_order(given).astype(np.float32)
    outputs = array_to_source_order(keras.ops.convert_to_numpy(network(given)))
    if outputs.shape != expected.shape:
        raise UserError(f"--verify: the network's output has the shape {outputs.shape}, the reference {expected.shape}")
    maximum = float(np.abs(outputs - expected).max(initial=0.0))
    largest = float(np.abs(expected).max(initial=0.0))
    relative = maximum / largest if largest else maximum
    if not relative <= tolerance:
        raise UserError(
            f"the network does not agree with the reference: max difference {maximum:.3g}, relative {relative:.3g}, "
            f"allowed {tolerance:g}"
        )
    return Verification(maximum, relative)
