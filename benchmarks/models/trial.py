"""One network through the program: imported, compared with the truth, exported and run in each runtime."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.models.networks import Network
from errors import UserError

if TYPE_CHECKING:
    import keras

# Largest differences from the Keras model that count as agreement, relative to the largest value.
LIMITS = {"onnx": 1e-4, "litert": 1e-3}
SUFFIXES = {"onnx": ".onnx", "litert": ".tflite", "int8": ".tflite"}
PICTURE_SIZE = (128, 128)
FREE_SIZE = 16


@dataclass(frozen=True)
class Export:
    """What became of an export: its size in bytes and the largest difference relative to the largest value, or why not.

    `opencv` tells how OpenCV runs an ONNX file.
    """

    size: int = 0
    relative: float | None = None
    reason: str = ""
    opencv: str = ""


@dataclass(frozen=True)
class Trial:
    """What became of a network.

    Attributes:
        name: what the table calls the network.
        reason: why it does not convert, in a line; empty where it does.
        truth: what it was compared with, in words; empty where nothing was.
        difference: largest from the truth, absolute and relative to the largest value.
        agrees: whether that is rounding.
        exports: by format.
    """

    name: str
    reason: str = ""
    truth: str = ""
    difference: tuple[float, float] | None = None
    agrees: bool = True
    exports: Mapping[str, Export] = field(default_factory=dict)


def try_network(network: Network, formats: tuple[str, ...]) -> Trial:
    """Return what becomes of a network."""
    import keras

    keras.utils.clear_session()
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "network.keras"
        try:
            truth, difference, agrees = import_and_compare(network, saved)
        except UserError as error:
            return Trial(network.name, _told(error, network))
        samples = write_samples(network, saved, Path(folder) / "samples.npz")
        exports = {name: try_export(name, saved, samples, Path(folder)) for name in formats}
    return Trial(network.name, "", truth, difference, agrees, exports)


def _told(error: Exception, network: Network) -> str:
    """Return an error's text without the file's place."""
    places = [place for place in (network.source, network.prototxt) if place is not None]
    text = " ".join(str(error).split())
    for place in places:
        text = text.replace(f"{place}: ", "").replace(str(place), place.name)
    return text


def import_and_compare(network: Network, saved: Path) -> tuple[str, tuple[float, float] | None, bool]:
    """Import a network to a `.keras` file; return what it was compared with, the differences, and whether it agrees.

    Raises:
        UserError: it does not convert.
    """
    if network.kind == "Caffe":
        return _import_caffe(network, saved)
    if network.kind == "PyTorch":
        return _import_pytorch(network, saved)
    return _import_torch7(network, saved)


def _import_torch7(network: Network, saved: Path) -> tuple[str, tuple[float, float] | None, bool]:
    from pipelines.importing.torch7 import import_torch_model

    report = import_torch_model(input=network.source, output=saved, verify=network.reference, **network.options)
    if report.verification is None:
        return "", None, True
    found = report.verification.maximum, report.verification.relative
    return "Torch7, recorded", found, network.allowed is None or found[0] <= network.allowed


def _import_pytorch(network: Network, saved: Path) -> tuple[str, tuple[float, float] | None, bool]:
    from benchmarks.models.truths import compare_with_torch
    from pipelines.importing.pytorch import import_pytorch_model

    report = import_pytorch_model(input=network.source, output=saved, verify=network.reference, **network.options)
    if report.verification is not None:
        return "PyTorch, recorded", (report.verification.maximum, report.verification.relative), True
    found = compare_with_torch(network.source, report.conversion.model)
    return ("PyTorch", found, found[1] <= LIMITS["onnx"]) if found is not None else ("", None, True)


def _import_caffe(network: Network, saved: Path) -> tuple[str, tuple[float, float] | None, bool]:
    from benchmarks.models.truths import compare_with_opencv
    from convert.caffe.verification import TOLERANCE
    from pipelines.importing.caffe import import_caffe_model

    if network.prototxt is None:
        raise UserError("no prototxt lies beside it")
    files: dict[str, Any] = {"prototxt": network.prototxt, "input": network.source, "output": saved}
    report = import_caffe_model(**files, verify=network.reference, **network.options)
    if network.reference is None:
        truth, found = compare_with_opencv(network)
        return truth, found, found is None or found[1] <= TOLERANCE
    if report.written is None:
        worst = max(report.differences, key=lambda difference: difference.relative)
        return "Caffe, recorded", (worst.maximum, worst.relative), False
    worst = max(report.differences, key=lambda difference: difference.relative)
    return "Caffe, recorded", (worst.maximum, worst.relative), True


def write_samples(network: Network, saved: Path, path: Path) -> Path | None:
    """Write the recorded inputs, as the saved model takes them, to `path`; None where none fit it."""
    from model.saving import load_model
    from pipelines.export.plan import input_names

    if network.reference is None:
        return None
    model = load_model(saved)
    arrays = _recorded_inputs(network, model)
    if arrays is None:
        return None
    names = input_names(model, makes_pictures=False)
    return _save(path, names, arrays)


def _save(path: Path, names: Sequence[str], arrays: Sequence[np.ndarray]) -> Path:
    """Write arrays by their names."""
    named: dict[str, Any] = dict(zip(names, arrays, strict=True))
    np.savez(path, **named)
    return path


def _recorded_inputs(network: Network, model: keras.Model) -> list[np.ndarray] | None:
    """Return the recorded inputs in the order of the model's inputs, None where they are those of its inner network."""
    from convert.axes import array_from_source_order
    from pipelines.importing.torch7_reference import given_to, read_reference

    assert network.reference is not None
    if network.kind == "Torch7":
        reference = read_reference(network.reference)
        given = given_to(model, reference)
        is_bare = reference.batch(model) is not None
        return given if is_bare and network.options.get("image_io") == "none" else None
    with np.load(network.reference) as arrays:
        found = [arrays[name] for name in sorted(arrays.files) if name.startswith("input")]
    given = [array_from_source_order(array).astype(np.float32) for array in found]
    return given if len(given) == len(model.inputs) else None


def try_export(name: str, saved: Path, samples: Path | None, folder: Path) -> Export:
    """Export a saved model to "onnx", "litert" or "int8" and compare it."""
    from pipelines.export.export import export_model

    output = folder / f"{name}{SUFFIXES[name]}"
    options: dict[str, Any] = {"size": PICTURE_SIZE, "samples": samples}
    if name == "int8":
        options |= {"quantize": "int8", "calibration": samples or calibration_for(saved, folder)}
    try:
        report = export_model(input=saved, output=output, format="onnx" if name == "onnx" else "litert", **options)
    except UserError as error:
        return Export(reason=" ".join(str(error).replace(f"{saved}: ", "").split()))
    relative = max(comparison.relative for comparison in report.comparisons)
    return Export(report.size, relative, "", report.opencv or "")


def calibration_for(saved: Path, folder: Path) -> Path | None:
    """Return what int8 takes its ranges from: pictures of the program, random inputs, or for textures its own noise."""
    from model.noise import takes_noise
    from model.provenance import fitting_size_of, read_provenance
    from model.saving import load_model
    from pipelines.export.plan import follows_image_contract, input_names
    from pipelines.export.samples import PICTURES

    model, provenance = load_model(saved), read_provenance(saved)
    if takes_noise(model):
        return None
    if follows_image_contract(model) and (provenance or {}).get("convention") != "none":
        return PICTURES
    random = np.random.default_rng(1)
    fitting = fitting_size_of(provenance)
    arrays = [random.random((2, *_sizes(tensor.shape, fitting)), np.float32) for tensor in model.inputs]
    return _save(folder / "calibration.npz", input_names(model, makes_pictures=False), arrays)


def _sizes(shape: tuple[int | None, ...], fitting: int | None) -> list[int]:
    """Return the sizes of one input, without the batch; `fitting` is the one that fits, if only one does."""
    default = fitting or (PICTURE_SIZE[0] if len(shape) == 4 else FREE_SIZE)
    return [size or default for size in shape[1:]]
