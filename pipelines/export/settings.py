"""The settings of an export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from choices import LAYOUTS
from errors import ArgumentError, unknown_name

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Format:
    """An export format.

    Attributes:
        suffix: what its file is called; "" for a folder.
        packages: those that it needs beyond requirements.txt.
        max_difference: allowed between an export in float32 and the Keras model, relative to the largest value.
        quantizations: those of MIN_PSNR that it has.
    """

    suffix: str
    packages: tuple[str, ...]
    max_difference: float
    quantizations: tuple[str, ...]


FORMATS = {
    "saved_model": Format("", (), 1e-4, ("none",)),
    "litert": Format(".tflite", ("ai_edge_litert",), 1e-3, ("none", "float16", "dynamic", "int8")),
    "onnx": Format(".onnx", ("onnx", "onnxruntime", "tf2onnx"), 1e-4, ("none", "int8")),
}
# The peak signal-to-noise ratio in dB that an export must reach, by quantisation.
MIN_PSNR = {"none": 40.0, "float16": 40.0, "dynamic": 30.0, "int8": 30.0}
# The suffix of files of recorded arrays.
ARRAYS = ".npz"


@dataclass(frozen=True)
class ExportSettings:
    """What an export shall be.

    Attributes:
        format: one of FORMATS.
        quantize: one of the format's quantisations.
        calibration: folder of pictures, or `.npz` file of inputs.
        size: height and width of pictures whose size the model leaves free.
        input_shapes: of each input, in the model's order, without the batch; None for a size that stays as the model
            has it. Empty: all as the model has them.
        samples: `.npz` file of inputs to compare on.
        layout: "nchw" puts the channels of pictures and volumes first at the model's borders.

    Raises:
        ArgumentError: a value is not allowed, or does not go with the others.
    """

    format: str
    quantize: str = "none"
    calibration: Path | None = None
    size: tuple[int, int] = (512, 512)
    input_shapes: tuple[Shape, ...] = ()
    samples: Path | None = None
    layout: str = "nhwc"

    def __post_init__(self) -> None:
        for name, known in (("format", FORMATS), ("quantize", MIN_PSNR), ("layout", LAYOUTS)):
            if getattr(self, name) not in known:
                raise ArgumentError(unknown_name(f"`{name}`", getattr(self, name), known))
        if self.quantize not in self.kind.quantizations:
            having = " and ".join(name for name, kind in FORMATS.items() if self.quantize in kind.quantizations)
            raise ArgumentError(f"`quantize` {self.quantize} is only for `format` {having}, not for {self.format}")
        if min(self.size) < 1:
            raise ArgumentError(f"`size` {self.size[0]}x{self.size[1]}: height and width must be at least 1")
        for shape in self.input_shapes:
            if min((size for size in shape if size is not None), default=1) < 1:
                raise ArgumentError(f"`input_shape` {describe_shape(shape)}: sizes must be at least 1")

    @property
    def kind(self) -> Format:
        """What the format needs."""
        return FORMATS[self.format]


def format_of(path: Path) -> str:
    """Return the format that the suffix of `path` stands for; raise ArgumentError where it stands for none."""
    has_only_suffix = path.name == ".keras" or path.name in (kind.suffix for kind in FORMATS.values())
    for name, kind in FORMATS.items():
        if path.suffix == kind.suffix and not has_only_suffix:
            return name
    known = "must end in .keras, .onnx or .tflite, or have no suffix (a SavedModel folder)"
    raise ArgumentError(f"`output` {path}: {known}")


def describe_shape(shape: Shape) -> str:
    """Return a shape as it is written on the command line: 224x224x3, ? for a free size."""
    return "x".join("?" if size is None else str(size) for size in shape)
