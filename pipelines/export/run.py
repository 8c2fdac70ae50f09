"""Writing an export and comparing it with the model, for every format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import keras
import numpy as np

from errors import UserError
from model.provenance import Provenance, sha256_of
from pipelines.export.check import Comparison, Run, compare, require_agreement, try_in_opencv
from pipelines.export.files import size_of, whole_or_nothing
from pipelines.export.plan import ExportPlan, make_plan
from pipelines.export.samples import Inputs, make_samples, read_calibration
from pipelines.export.settings import ExportSettings
from runtimes.graph import GraphError
from runtimes.loading import load_graph


@dataclass(frozen=True)
class ExportReport:
    """The result of an export.

    Attributes:
        output: the file or folder written.
        size: its size in bytes.
        sha256: its hash in hexadecimal (see model.provenance.sha256_of).
        plan: names and shapes of its inputs and outputs.
        sample: name of the input on which it was compared.
        calibrated_on: number of inputs from which the ranges of "int8" were determined; None without "int8".
        calibrated_kind: kind of these inputs, in the plural.
        comparisons: comparisons with the Keras model, the first one at the requested size.
        opencv: whether OpenCV can run an ONNX file, in words; None for other formats, or if OpenCV is not installed.
    """

    output: Path
    size: int
    sha256: str
    plan: ExportPlan
    sample: str
    calibrated_on: int | None
    calibrated_kind: str
    comparisons: list[Comparison]
    opencv: str | None


def run_export(
    model: keras.Model,
    target: Path,
    settings: ExportSettings,
    *,
    recorded: Mapping[str, np.ndarray],
    provenance: Provenance | None,
    bare: bool = False,
) -> ExportReport:
    """Write `model` to `target`, whole or not at all, and compare what came out with the model.

    Args:
        model: Functional or Sequential; its layers compute in float32.
        target: file or folder.
        settings: what is asked for.
        recorded: inputs to compare on, by name; empty for the program's own choice.
        provenance: where the model comes from, and the names of its styles.
        bare: see `make_plan`.

    Raises:
        ArgumentError: the settings do not fit the model.
        UserError: the model cannot be exported to this format, or the export differs from it.
    """
    calibrating = read_calibration(settings.calibration)
    plan = make_plan(model, settings, recorded=recorded or calibrating, bare=bare)
    samples = make_samples(model, plan, settings.calibration, recorded=recorded, calibrating=calibrating)
    batches = samples.batches()[: 1 if plan.format == "litert" else None]
    with whole_or_nothing(target) as temporary:
        write_export(model, temporary, plan, samples.calibration())
        if provenance:
            _module_of(plan.format).add_provenance(temporary, provenance)
        run = _load(temporary, plan)
        comparisons = compare(model, run, batches, plan)
        require_agreement(comparisons, plan)
        opencv = try_in_opencv(temporary, batches[0], run(*batches[0]), plan) if plan.format == "onnx" else None
    calibrated_on = samples.calibrated_on if plan.quantize == "int8" else None
    return ExportReport(
        target,
        size_of(target),
        sha256_of(target),
        plan,
        samples.name,
        calibrated_on,
        "pictures" if plan.makes_pictures else "samples",
        comparisons,
        opencv,
    )


class FormatModule(Protocol):
    """A module of `pipelines.export.formats`."""

    def write(self, model: keras.Model, path: Path, plan: ExportPlan, calibration: Iterable[Inputs]) -> None:
        """Write `model` to `path`; `calibration` yields inputs for "int8"."""

    def add_provenance(self, path: Path, provenance: Provenance) -> None:
        """Write the origin of the model into the metadata of the export at `path`."""


def write_export(model: keras.Model, path: Path, plan: ExportPlan, calibration: Iterable[Inputs] = ()) -> None:
    """Write `model` to `path`; `calibration` yields inputs for "int8"."""
    _module_of(plan.format).write(model, path, plan, calibration)


def _module_of(format: str) -> FormatModule:
    """Return the module of a format, whose packages are imported only now."""
    if format == "saved_model":
        from pipelines.export.formats import saved_model

        return saved_model
    if format == "onnx":
        from pipelines.export.formats import onnx

        return onnx
    from pipelines.export.formats import litert

    return litert


def _load(path: Path, plan: ExportPlan) -> Run:
    """Return the export in its runtime, with inputs and outputs in the order of the plan.

    Raises:
        UserError: the runtime refuses it.
    """
    try:
        graph = load_graph(path)
    except GraphError as error:
        raise UserError(f"the export {str(error).removeprefix(f'{path}: ')}") from error
    names = [tensor.name for tensor in plan.inputs]

    def run(*inputs: np.ndarray) -> list[np.ndarray]:
        outputs = graph.run(dict(zip(names, inputs, strict=True)))
        return [outputs[name] for name in plan.outputs]

    return run
