"""The networks that real Caffe computed: those that ship, and all where the shared folder is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from conftest import ROOT, shared_folder

from convert.axes import array_from_source_order

SHIPPED = ROOT / "tests" / "data" / "caffe"


@dataclass(frozen=True)
class Case:
    """A network and the values of its blobs in Caffe."""

    name: str
    folder: Path

    def __str__(self) -> str:
        return self.name

    @property
    def prototxt(self) -> Path:
        return self.folder / f"{self.name}.prototxt"

    @property
    def caffemodel(self) -> Path:
        return self.folder / f"{self.name}.caffemodel"

    @property
    def reference(self) -> Path:
        """The file with the arrays `input` or `input_NAME`, and `blob_NAME`, NCHW."""
        return self.folder / f"{self.name}.npz"

    def blobs(self) -> dict[str, np.ndarray]:
        with np.load(self.reference) as arrays:
            return {name.removeprefix("blob_"): arrays[name] for name in arrays.files if name.startswith("blob_")}

    def inputs(self) -> dict[str, np.ndarray]:
        """Return the inputs by name; "" is the name of a single one."""
        with np.load(self.reference) as arrays:
            names = [name for name in arrays.files if name.startswith("input_")] or ["input"]
            return {name.removeprefix("input").removeprefix("_"): arrays[name] for name in names}


def _cases(folder: Path) -> list[Case]:
    return [Case(path.stem, folder) for path in sorted(folder.glob("*.npz"))]


def _reference_folder() -> Path:
    shared = shared_folder()
    folder = shared / "fixtures" / "caffe" if shared else SHIPPED
    return folder if folder.is_dir() else SHIPPED


CASES = _cases(_reference_folder())
SHIPPED_CASES = _cases(SHIPPED)
BAD = _reference_folder() / "bad"


def nhwc(array: np.ndarray) -> np.ndarray:
    return array_from_source_order(array)


def compute(model: keras.Model, inputs: dict[str, np.ndarray], blobs: list[str]) -> dict[str, np.ndarray]:
    """Return the outputs of a converted model, in Keras' order of axes, by blob name."""
    given = {name: nhwc(array) for name, array in inputs.items()}
    outputs = model(given if len(given) > 1 else next(iter(given.values())))
    outputs = outputs if isinstance(outputs, dict) else {blobs[0]: outputs}
    return {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}
