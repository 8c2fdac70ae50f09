"""Writing an imported network, as a `.keras` file or as an export, with a record of its origin."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from choices import LAYOUTS
from errors import ArgumentError, unknown_name
from pipelines.export.export import require_packages
from pipelines.export.files import check_output, size_of, whole_or_nothing
from pipelines.export.settings import ExportSettings, format_of
from pipelines.outputs import check_file_output, check_not_read
from pipelines.startup import quiet_startup
from runtimes.terminal import printable

if TYPE_CHECKING:
    import keras
    import numpy as np

    from model.provenance import Provenance
    from model.saving import StorageType
    from pipelines.export.run import ExportReport

KERAS = ".keras"
RUNTIMES = {"saved_model": "TensorFlow's SavedModel", "litert": "LiteRT", "onnx": "ONNX Runtime"}
# What `dtype` float16 means where weights can be stored so.
FLOAT16 = {"litert": "float16"}


@dataclass(frozen=True)
class WrittenModel:
    """What an import wrote.

    Attributes:
        path: the file or folder.
        size: of it, in bytes.
        sha256: of it, in hexadecimal (see model.provenance.sha256_of).
        parity: how near the model in the runtime of its format is to the Keras model, in words, which outputs have
            other names there, and how OpenCV runs it; empty for `.keras`, which is that model.
        report: what the export did; None for `.keras`.
    """

    path: Path
    size: int
    sha256: str
    parity: tuple[str, ...] = ()
    report: ExportReport | None = None

    def lines(self) -> list[str]:
        """Return what a script tells of it."""
        return [
            printable(line)
            for line in (*self.parity, f"SHA-256 {self.sha256}", f"wrote {self.path}: {self.size:,} bytes")
        ]


def check_model_output(
    path: str | os.PathLike,
    inputs: Iterable[str | os.PathLike | None],
    *,
    dtype: str = "float32",
    layout: str = "nhwc",
    size: tuple[int, int] | None = None,
) -> None:
    """Check before any work that a model can be written to `path`: `.keras`, `.onnx`, `.tflite`, or a folder.

    Args:
        path: what to write.
        inputs: files that are read.
        dtype: storage of the weights.
        layout: of the inputs and outputs.
        size: height and width of pictures of any size; None: those of `ExportSettings`.

    Raises:
        ArgumentError: another suffix, no folder to write it in, what stands there is of another kind, the format
            does not store weights as `dtype`, or a picture of this `size` has no pixels.
        UserError: a package that the format needs is not installed.
    """
    target = Path(path)
    check_not_read(target, inputs)
    if layout not in LAYOUTS:
        raise ArgumentError(unknown_name("`layout`", layout, LAYOUTS))
    if target.suffix == KERAS:
        if size is not None:
            raise ArgumentError(f"`size`: only for .onnx, .tflite and SavedModel, not for `output` {target}")
        check_file_output(path)
        return
    settings = _export_settings(target, dtype, size, layout)
    check_output(path, suffix=settings.kind.suffix)
    require_packages(settings)


def _export_settings(path: Path, dtype: str, size: tuple[int, int] | None, layout: str) -> ExportSettings:
    format = format_of(path)
    if dtype == "float16" and format not in FLOAT16:
        raise ArgumentError(f"`dtype` float16 is for .keras and .tflite files, not for `output` {path}")
    quantize = FLOAT16[format] if dtype == "float16" else "none"
    return ExportSettings(format, quantize, size=ExportSettings.size if size is None else size, layout=layout)


def write_model(
    model: keras.Model,
    path: str | os.PathLike,
    provenance: Provenance,
    *,
    dtype: str = "float32",
    layout: str = "nhwc",
    size: tuple[int, int] | None = None,
    recorded: Sequence[np.ndarray] = (),
) -> WrittenModel:
    """Write an imported model, whole or not at all, as the suffix of `path` says.

    Args:
        model: Functional; with channels last.
        path: checked by `check_model_output`.
        provenance: where the model comes from; goes into the file's metadata.
        dtype: storage of the weights, "float32" or "float16".
        layout: "nchw" puts the channels of pictures and volumes first, as Torch and Caffe have them.
        size: height and width of pictures whose size the model leaves free: what LiteRT is made for and any export
            compared at, where nothing is recorded; None: those of `ExportSettings`.
        recorded: inputs to compare an export on, in the model's order, channels last; none for the program's choice.

    Raises:
        UserError: the model cannot be exported, or the export differs from it.
        OSError: the file cannot be written.
    """
    path = Path(path)
    bare = layout == "nchw" or provenance["convention"] == "none"
    if layout == "nchw":
        model, recorded = _channels_first(model, recorded)
    if path.suffix != KERAS:
        return _export(model, path, provenance, _export_settings(path, dtype, size, layout), recorded, bare=bare)
    from model.provenance import add_provenance, sha256_of
    from model.saving import save_model

    with whole_or_nothing(path) as temporary:
        with quiet_startup():  # Keras imports TensorFlow to save, where that is installed, on every backend
            save_model(model, temporary, dtype=cast("StorageType", dtype))
        add_provenance(temporary, provenance)
    return WrittenModel(path, size_of(path), sha256_of(path))


def _channels_first(model: keras.Model, recorded: Sequence[np.ndarray]) -> tuple[keras.Model, Sequence[np.ndarray]]:
    """Return the model and its inputs with the channels first."""
    from convert.axes import array_to_source_order
    from pipelines.export.layout import channels_first

    return channels_first(model), [array_to_source_order(array) for array in recorded]


def _export(
    model: keras.Model,
    path: Path,
    provenance: Provenance,
    settings: ExportSettings,
    recorded: Sequence[np.ndarray],
    *,
    bare: bool,
) -> WrittenModel:
    from pipelines.export.graph import require_tensorflow
    from pipelines.export.plan import follows_image_contract, input_names, output_names
    from pipelines.export.run import run_export

    require_tensorflow()
    names = input_names(model, makes_pictures=not bare and follows_image_contract(model))
    samples = dict(zip(names, recorded, strict=True)) if recorded else {}
    report = run_export(model, path, settings, recorded=samples, provenance=provenance, bare=bare)
    largest = max(report.comparisons, key=lambda comparison: comparison.relative)
    parity = (
        f"{RUNTIMES[settings.format]} on {report.sample}: max difference {largest.max_difference:.3g}, "
        f"relative {largest.relative:.3g}"
    )
    outputs = zip(output_names(model), report.plan.outputs, strict=True)
    renamed = [
        f"the output {name} is called {new} in the file: an input is called {name}"
        for name, new in outputs
        if name in names and new != name
    ]
    return WrittenModel(path, report.size, report.sha256, (parity, *renamed, *filter(None, [report.opencv])), report)


def parity_of(verification: Any) -> dict[str, float] | str:
    """Return what a file tells of its parity: the differences from the reference, if one was given."""
    if verification is None:
        return "not compared with the original"
    return {"max difference from the original": verification.maximum, "relative": verification.relative}
