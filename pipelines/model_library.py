"""Trained models by name or by path."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from errors import ArgumentError, unknown_name
from images.folders import why_no_file, why_unreachable
from pipelines.inputs import READ_HERE, check_local

# The layer that knows the styles of a network of several (layers.StyleWeights).
STYLE_WEIGHTS = "StyleWeights"
PRETRAINED = Path(__file__).resolve().parent.parent / "model" / "pretrained"
# The programs that turn other files into .keras files.
IMPORTERS = {".t7": "import_torch_weights.py", ".caffemodel": "import_caffe_weights.py"}


def pretrained_models() -> dict[str, Path]:
    """Return the models that ship with the program: name -> file, in alphabetical order."""
    return {path.stem: path for path in sorted(PRETRAINED.glob("*.keras"))}


def makes_textures(path: Path) -> bool:
    """Say whether a model that ships takes noise and not a picture; Keras need not be loaded for it."""
    return _takes_noise(_config(path))


def styles_within(path: Path) -> tuple[str, ...]:
    """Return the names of the styles of a model that ships, none where it has a single one; without Keras."""
    return _styles_in(_config(path))


def described_models() -> Iterator[str]:
    """Yield the names of the models that ship, each with what is to be known to use it."""
    for name, path in pretrained_models().items():
        config = _config(path)
        if styles := _styles_in(config):
            yield f"{name}  (several styles, --style NAME: {', '.join(styles)})"
        else:
            yield f"{name}  (a texture: synthesize.py --generator {name})" if _takes_noise(config) else name


def _takes_noise(config: Mapping[str, Any]) -> bool:
    return "noise" in json.dumps(config["input_layers"])


def _styles_in(config: Mapping[str, Any]) -> tuple[str, ...]:
    layers = [layer for layer in config["layers"] if layer["class_name"] == STYLE_WEIGHTS]
    return tuple(layers[0]["config"]["styles"]) if layers else ()


def _config(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))["config"]


def find_model(name_or_path: str, *, option: str = "`model`", textures: bool = False) -> Path:
    """Return the `.keras` file that is meant: a file, or the name of a model that ships with the program.

    `option` is the argument that errors name. Where there is no model of the name, they list the known ones: with
    `textures` those that make textures.

    Raises:
        ArgumentError: there is no such file or name, or the file is of another kind.
    """
    check_local(READ_HERE, **{option.strip("`"): name_or_path})
    path = Path(name_or_path)
    if reason := why_unreachable(path):
        raise ArgumentError(f"{option} {path}: {reason}")
    exists = path.exists()
    if path.suffix in IMPORTERS and exists:
        importer = IMPORTERS[path.suffix]
        raise ArgumentError(
            f"{option} {path}: not a Keras model; first run: "
            f"python {importer} --input {path} --output {path.with_suffix('.keras').name}"
        )
    if path.is_file() and path.suffix == ".keras":
        return path
    if exists:
        from convert.foreign import KERAS, name_foreign_file  # the converters are loaded with it

        if reason := why_no_file(path, expected="a .keras file"):
            raise ArgumentError(f"{option} {reason}")
        kind = name_foreign_file(path)
        if kind == KERAS:
            raise ArgumentError(f"{option} {path}: {kind}, whose name must end in .keras")
        raise ArgumentError(f"{option} {path}: not a .keras file{f', but {kind}' if kind else ''}")
    known = pretrained_models()
    if name_or_path in known:
        return known[name_or_path]
    if path.suffix or len(path.parts) > 1:
        raise ArgumentError(f"{option} {path}: no such file")
    listed = [name for name, file in known.items() if not textures or makes_textures(file)]
    raise ArgumentError(f"{option}: {unknown_name('model', name_or_path, listed)}")
