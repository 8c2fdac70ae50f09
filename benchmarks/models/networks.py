"""The networks to try: cases with recorded outputs, published files, and whatever a folder holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convert.foreign import PYTORCH_KINDS, name_foreign_file

TORCH_SUFFIXES = {".t7", ".net", ".th", ".dat", ".ascii"}
PYTORCH_SUFFIXES = {".pth", ".pt", ".model", ".safetensors"}
CAFFE_SUFFIXES = {".caffemodel", ".h5"}
# What the papers and repositories of published networks tell and their files do not, by words in the files' names.
INPUT_SHAPES = {"cifar10": ["3x32x32"]}
# What is recorded and cannot be right, by case.
WRONG_REFERENCES = {"o_double_mlp": "the record is the negative of a logarithm of a softmax, which is never above 0"}


@dataclass(frozen=True)
class Network:
    """A network to try.

    Attributes:
        name: on the page, with the entry of a file of several networks.
        kind: "Torch7", "Caffe" or "PyTorch".
        source: the file.
        prototxt: description of a Caffe network, a file.
        options: of the import: arguments of `import_torch_model`, `import_pytorch_model` or `import_caffe_model`.
        reference: `.npz` file of recorded inputs and outputs, or None.
        allowed: difference from the recorded outputs that Torch7's own rounding explains, or None.
    """

    name: str
    kind: str
    source: Path
    prototxt: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    reference: Path | None = None
    allowed: float | None = None


def torch7_cases(folder: Path) -> Iterator[Network]:
    """Yield the cases that a `cases.json` lists, but those of published files."""
    for row in json.loads((folder / "cases.json").read_text()):
        if row.get("root") != "real":
            yield _torch7_case(row, folder / row["file"], folder)


def _torch7_case(row: Mapping[str, Any], source: Path, folder: Path) -> Network:
    reference = folder / f"{row['name']}.npz"
    options = {"image_io": "none", "noise": "input" if "noise" in row else "seed"}
    if "key" in row:
        options["entry"] = row["key"]
    return Network(row["name"], "Torch7", source, None, options, reference, _allowed(row))


def _allowed(row: Mapping[str, Any]) -> float:
    """Return the difference that rounding explains; see the description of the cases."""
    return 4 * (row["float64_diff"] or 0.0) + 4e-6 * max(1e-3, row["absmax"] or 0.0)


def caffe_cases(folder: Path) -> Iterator[Network]:
    """Yield the cases of a folder: each prototxt with a caffemodel and recorded blobs."""
    for reference in sorted(folder.glob("*.npz")):
        prototxt = reference.with_suffix(".prototxt")
        yield Network(reference.stem, "Caffe", reference.with_suffix(".caffemodel"), prototxt, {}, reference)


def found_networks(folder: Path, recorded: Path | None = None) -> Iterator[Network]:
    """Yield every network that lies in a folder, at any depth.

    Args:
        folder: of `.t7`, `.pth`, `.safetensors`, `.caffemodel` files and the like. What Torch7 or PyTorch computed is
            looked for beside each, as NAME.npz.
        recorded: a folder of Torch7's outputs with a `cases.json` that names files in `folder`, or None.
    """
    rows = _recorded_rows(recorded)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name in rows and recorded is not None:
            yield from (_published_torch7(name, row, path, recorded) for row in rows[name])
        elif path.suffix in CAFFE_SUFFIXES:
            yield Network(name, "Caffe", path, _prototxt_of(path), _known_options(path), _beside(path))
        elif path.suffix in TORCH_SUFFIXES | PYTORCH_SUFFIXES:
            kind = "PyTorch" if name_foreign_file(path) in PYTORCH_KINDS else "Torch7"
            yield Network(name, kind, path, None, _known_options(path), _beside(path))


def _recorded_rows(recorded: Path | None) -> dict[str, list[Mapping[str, Any]]]:
    rows: dict[str, list[Mapping[str, Any]]] = {}
    if recorded is not None:
        for row in json.loads((recorded / "cases.json").read_text()):
            if row.get("root") == "real":
                rows.setdefault(row["file"], []).append(row)
    return rows


def _published_torch7(name: str, row: Mapping[str, Any], path: Path, recorded: Path) -> Network:
    options: dict[str, Any] = {}
    if "key" in row:
        options["entry"] = row["key"]
    if row.get("training") and "noise" not in row:
        options["norm_statistics"] = "batch"
    title = f"{name} ({row['key']})" if "key" in row else name
    return Network(title, "Torch7", path, None, options, recorded / f"{row['name']}.npz", _allowed(row))


def _known_options(path: Path) -> dict[str, Any]:
    return next(({"input_shape": shapes} for word, shapes in INPUT_SHAPES.items() if word in path.name), {})


def _beside(path: Path) -> Path | None:
    reference = path.with_name(f"{path.name.partition('.')[0]}.npz")
    return reference if reference.is_file() else None


def _prototxt_of(path: Path) -> Path | None:
    """Return the prototxt beside a caffemodel whose name begins most like its own."""
    stem = path.name.partition(".")[0]
    found = sorted(path.parent.glob("*.prototxt"))
    return max(found, key=lambda prototxt: _common_start(prototxt.stem, stem), default=None)


def _common_start(one: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
