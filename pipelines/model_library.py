"""Trained models by name or by path."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from errors import ArgumentError, unknown_name

PRETRAINED = Path(__file__).resolve().parent.parent / "model" / "pretrained"
# The programs that turn other files into .keras files.
IMPORTERS = {".t7": "import_torch_weights.py", ".caffemodel": "import_caffe_weights.py"}


def pretrained_models() -> dict[str, Path]:
    """Return the models that ship with the program: name -> file, in alphabetical order."""
    return {path.stem: path for path in sorted(PRETRAINED.glob("*.keras"))}


def makes_textures(path: Path) -> bool:
    """Say whether a model that ships takes noise and not a picture; Keras need not be loaded for it."""
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    return "noise" in json.dumps(config["config"]["input_layers"])


def find_model(name_or_path: str, *, option: str = "`model`") -> Path:
    """Return the `.keras` file that is meant: a file, or the name of a model that ships with the program.

    `option` is the argument that errors name.

    Raises:
        ArgumentError: there is no such file or name, or the file is of another kind.
    """
    path = Path(name_or_path)
    if path.suffix in IMPORTERS and path.exists():
        importer = IMPORTERS[path.suffix]
        raise ArgumentError(
            f"{option} {path}: not a Keras model; first run: "
            f"python {importer} --input {path} --output {path.with_suffix('.keras').name}"
        )
    if path.is_file() and path.suffix == ".keras":
        return path
    if path.exists():
        raise ArgumentError(f"{option} {path}: not a .keras file")
    known = pretrained_models()
    if name_or_path in known:
        return known[name_or_path]
    if path.suffix or len(path.parts) > 1:
        raise ArgumentError(f"{option} {path}: no such file")
    raise ArgumentError(f"{option}: {unknown_name('model', name_or_path, known)}")
