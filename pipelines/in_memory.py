"""The tasks on pictures in memory; files that a task needs are in a temporary folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from errors import ArgumentError
from pipelines.arguments import check_paths, check_shapes, check_texts, path_of, renamed
from pipelines.arrays import (
    PictureLike,
    all_pixels,
    as_pixels,
    check_observers,
    check_options,
    check_unmasked,
    height_and_width,
    pixel_pair,
    pixel_pairs,
    several_pictures,
    with_pixels,
    workplace,
)
from pipelines.materials.material import Material
from pipelines.startup import kept_settings, quiet_startup
from pipelines.synthesis.texture import Texture

if TYPE_CHECKING:
    import keras

    from pipelines.export.run import ExportReport
    from pipelines.stylization.generator import Stylizer
    from runs.progress import Observer

# Networks given by name or path that stay loaded and compiled.
MAX_LOADED = 4
# What the tasks call the sides of a result.
SIZE = {"output_height": "size", "output_width": "size"}


@kept_settings()
def stylize(
    pixels: np.ndarray,
    model: str | os.PathLike | keras.Model,
    precision: str | None,
    style: Mapping[str, float],
    masks: Any,
    **options: Any,
) -> np.ndarray:
    """Return a picture stylised, float32 (height, width, 3); a network named by its file stays loaded."""
    from images.color import LUMA
    from pipelines.stylization.stylize import stylize_pixels

    if not isinstance(style, Mapping):
        raise ArgumentError(f"`style` must be a dict, {{name: weight}}, not {style!r}")
    load = partial(_stylizer, model, precision)
    shares = [as_pixels(mask, "masks") @ LUMA for mask in several_pictures(masks, "masks")]
    if not shares:
        return stylize_pixels(pixels, model=load(style), **options)
    with quiet_startup():
        from pipelines.stylization.styles import masked
    with renamed(mask="masks"):
        return stylize_pixels(pixels, model=masked(load, style, shares), **options)


def _stylizer(model: str | os.PathLike | keras.Model, precision: str | None, style: Mapping[str, float]) -> Stylizer:
    """Return the network of a blend of styles."""
    from pipelines.model_library import find_model
    from pipelines.stylization.settings import StylizationSettings

    if not isinstance(model, str | os.PathLike):
        return _compiled(model, precision, style)
    path = find_model(path_of(model, "model")).absolute()
    settings = StylizationSettings(precision=precision or "float32", style=style)  # the cache takes no lists
    return _loaded(path, path.stat().st_mtime_ns, settings.precision, tuple(style.items()))


@lru_cache(MAX_LOADED)
def _loaded(path: Path, changed: int, precision: str, style: tuple[tuple[str, float], ...]) -> Stylizer:
    """Return the network of a file, kept until the file changes."""
    from pipelines.stylization.stylize import load_stylizer

    return load_stylizer(path, precision=precision, style=dict(style))


def _compiled(model: keras.Model, precision: str | None, style: Mapping[str, float]) -> Stylizer:
    """Return a Keras model as it is, ready to run."""
    with quiet_startup():
        from pipelines.stylization.styles import make_stylizer

    _check_model(model)
    if precision is not None:
        raise ArgumentError("`precision` is for models given by name or path: a Keras model has its own")
    return make_stylizer(model, precision=None, style=style)


@kept_settings()
def sample(model: str | os.PathLike, size: int | tuple[int, int], tileable: str, random_seed: int) -> np.ndarray:
    """Return a picture of a texture generator, float32 (height, width, 3)."""
    from pipelines.synthesis.sampling import sample_pictures

    height, width = height_and_width(size)
    with renamed(**SIZE):
        pictures = sample_pictures(
            _name_or_path(model), output_height=height, output_width=width, tileable=tileable, random_seed=random_seed,
            option="`model`",
        )  # fmt: skip
        return next(pictures)


@kept_settings()
def synthesize(
    sources: Any, size: int | tuple[int, int], observers: Sequence[Observer], options: Mapping[str, Any]
) -> Texture:
    """Return what a synthesis of a square, or of (height, width), made."""
    from pipelines.synthesis.settings import SynthesisSettings
    from pipelines.synthesis.synthesize import synthesize_pictures

    own = {"source", "output", "output_width", "output_height", "output_dir", "output_prefix", "save_every"}
    _check(options, SynthesisSettings, own)
    check_observers(observers)
    height, width = height_and_width(size)
    pictures = with_pixels(options, init=as_pixels, guide=pixel_pair, mask=as_pixels)
    values = {"output_height": height, "output_width": width, **pictures}
    with renamed(**SIZE):
        return synthesize_pictures(all_pixels(sources, "sources"), observers=observers, **values)


@kept_settings()
def synthesize_material(
    maps: Mapping[str, Any],
    size: int | tuple[int, int],
    derive: Sequence[str],
    observers: Sequence[Observer],
    options: Mapping[str, Any],
) -> Material:
    """Return the maps of a surface, all synthesised together."""
    from pipelines.materials.synthesize import WITHOUT
    from pipelines.materials.synthesize import synthesize_material as synthesize_maps
    from pipelines.synthesis.settings import SynthesisSettings

    _check(options, SynthesisSettings, {*WITHOUT, "output_width", "output_height"})
    check_observers(observers)
    if not isinstance(maps, Mapping):
        raise ArgumentError(f"`maps` must be a dict, {{key: picture}}, not {type(maps).__name__}")
    if not isinstance(derive, list | tuple):
        raise ArgumentError(f"`derive` must be several values, not {derive!r}")
    height, width = height_and_width(size)
    values = {key: _map(key, picture) for key, picture in maps.items()}
    given = {"output_height": height, "output_width": width, **with_pixels(options)}
    with renamed(**SIZE):
        return synthesize_maps(values, derive=derive, observers=observers, **given)


def _map(key: str, values: Any) -> np.ndarray:
    """Return a map: files are read by what the key says of them, and arrays are taken as they are."""
    from images.data.reading import data_of
    from pipelines.materials.inputs import read_map
    from pipelines.materials.surface import role_of

    if not isinstance(key, str):
        raise ArgumentError(f"`maps`: a key must be text, not {key!r}")
    role, name = role_of(key), f"maps[{key!r}]"
    if isinstance(values, str | os.PathLike):
        values = read_map(key, Path(path_of(values, "maps")))
    elif not isinstance(values, np.ndarray):
        pixels = as_pixels(values, name)  # checks its type too
        values = pixels if role.is_color else data_of(values, f"`{name}`")
    check_unmasked(values, name)
    is_shape = values.size > 0 and (values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (1, 3)))
    if not is_shape or not np.issubdtype(values.dtype, np.floating):
        raise ArgumentError(
            f"`maps` {key}: must be floats (height, width), (height, width, 1) or (height, width, 3), not "
            f"{values.dtype} {values.shape}"
        )
    if role.name != "height" and (values.min() < 0 or values.max() > 1):
        raise ArgumentError(f"`maps` {key}: must be in [0, 1], not from {values.min()!s} to {values.max()!s}")
    return values


@kept_settings()
def transfer(
    content: PictureLike, styles: Any, observers: Sequence[Observer], options: Mapping[str, Any]
) -> np.ndarray:
    """Return the result of a style transfer, float32 (height, width, 3)."""
    from pipelines.transfer.settings import TransferSettings
    from pipelines.transfer.transfer import transfer_pictures

    _check(options, TransferSettings, {"content", "styles", "output", "save_every"})
    check_observers(observers)
    values = with_pixels(options, init=_first_picture, masks=pixel_pairs)
    given = (as_pixels(content, "content"), all_pixels(styles, "styles"))
    return transfer_pictures(*given, observers=observers, **values).picture


def _first_picture(init: Any, name: str) -> Any:
    from pipelines.transfer.settings import INITS

    return init if isinstance(init, str) and init in INITS else as_pixels(init, name)


@kept_settings()
def train(
    style_image: PictureLike | Mapping[str, PictureLike],
    data: Any,
    observers: Sequence[Observer],
    options: Mapping[str, Any],
) -> keras.Model:
    """Return the generator that a training made."""
    from pipelines.training.settings import TrainingSettings
    from pipelines.training.train import train_on_pictures

    _check(options, TrainingSettings, {"style_image", "data"})
    check_observers(observers)
    if isinstance(style_image, Mapping):
        if not style_image:
            raise ArgumentError("`style_image` must have at least one picture")
        if wrong := [name for name in style_image if not isinstance(name, str) or not name]:
            raise ArgumentError(f"`style_image`: the name of a style must be text, not {wrong[0]!r}")
        style: Any = {name: as_pixels(picture, "style_image") for name, picture in style_image.items()}
    else:
        style = as_pixels(style_image, "style_image")
    photos = _photos(data, options.get("checkpoints_path"))
    return train_on_pictures(style, photos, observers=observers, **with_pixels(options))


def _photos(data: Any, checkpoints_path: str | os.PathLike | None) -> list[Path | np.ndarray]:
    """Return the photos in a folder, without a run's previews, or each picture that is given: files as their paths."""
    if data is None:
        return []
    if isinstance(data, str | os.PathLike) and Path(data).is_dir():
        from pipelines.training.train import photos_in

        return [*photos_in(data, checkpoints_path)]
    return [_photo(picture) for picture in several_pictures(data, "data")]


def _photo(picture: PictureLike) -> Path | np.ndarray:
    if not isinstance(picture, str | os.PathLike):
        return as_pixels(picture, "data")
    if not Path(picture).is_file():
        raise ArgumentError(f"`data` {picture}: no such file or folder")
    return Path(picture)


@kept_settings()
def import_torch(path: str | os.PathLike, image_io: str, options: Mapping[str, Any]) -> keras.Model:
    """Return the Keras model of a Torch7, PyTorch or safetensors file."""
    from pipelines.importing.programs import import_pytorch_program, is_pytorch_program
    from pipelines.importing.pytorch import import_pytorch_model, is_pytorch_file
    from pipelines.importing.torch7 import import_torch_model

    path_of(path, "path")
    check_texts(entry=options.get("entry"), input_shape=options.get("input_shape"))
    read: Any = import_torch_model
    allowed, convention = {"entry", "input_shape", "noise", "norm_statistics"}, {"image_io": image_io}
    if is_pytorch_program(path):
        read, allowed = import_pytorch_program, {"input_shape"}
    elif is_pytorch_file(path):
        read, allowed, convention = import_pytorch_model, {"entry"}, {}
    check_options(options, allowed)
    if not convention and image_io != "auto":
        raise ArgumentError("`image_io` is for Torch7 files and PyTorch programs; other networks have a fixed one")
    with workplace() as folder, renamed(input="path"):
        read(input=path, output=folder / "model.keras", **convention, **options)
        return load(folder / "model.keras")


@kept_settings()
def import_caffe(prototxt: str | os.PathLike, caffemodel: str | os.PathLike, options: Mapping[str, Any]) -> keras.Model:
    """Return the Keras model of a Caffe network."""
    from pipelines.importing.caffe import import_caffe_model

    check_options(options, {"until", "outputs", "pooling", "normalize", "input_shape", "raw_detections"})
    path_of(prototxt, "prototxt")
    path_of(caffemodel, "caffemodel")
    check_paths(normalize=options.get("normalize"))
    check_texts(**{name: options.get(name) for name in ("until", "outputs", "input_shape")})
    with workplace() as folder, renamed(input="caffemodel"):
        import_caffe_model(prototxt=prototxt, input=caffemodel, output=folder / "model.keras", **options)
        return load(folder / "model.keras")


@kept_settings()
def export(
    model: str | os.PathLike | keras.Model, path: str | os.PathLike, format: str | None, options: Mapping[str, Any]
) -> ExportReport:
    """Write a model in another format and return the report."""
    from pipelines.export.export import export_model

    check_options(options, {"quantize", "calibration", "size", "input_shape", "samples", "layout"})
    path_of(path, "path")
    check_paths(calibration=options.get("calibration"), samples=options.get("samples"))
    check_shapes(options.get("input_shape", ()), "input_shape")
    format = _format_of(Path(path)) if format is None else format
    if "size" in options:
        options = {**options, "size": height_and_width(options["size"])}
    if isinstance(model, str | os.PathLike):
        with renamed(input="model", output="path"):
            return export_model(input=path_of(model, "model"), output=path, format=format, **options)
    with quiet_startup():
        from model.saving import save_model
    _check_model(model)
    with workplace() as folder, renamed(output="path"):
        file = folder / "model.keras"
        save_model(model, file)
        return export_model(input=file, output=path, format=format, **options)


def _format_of(path: Path) -> str:
    """Return the format that the suffix of a path names: a folder has none."""
    from pipelines.export.settings import FORMATS

    suffixes = {kind.suffix: name for name, kind in FORMATS.items()}
    if path.suffix not in suffixes and not path.is_dir():
        known = " or ".join(suffix for suffix in suffixes if suffix)
        raise ArgumentError(f"`path` {path}: must end in {known}, or have no suffix (a SavedModel folder)")
    return suffixes.get(path.suffix, suffixes[""])


@kept_settings()
def load(name_or_path: str | os.PathLike) -> keras.Model:
    """Return the Keras model of a file, or of a name of those that ship."""
    from pipelines.model_library import find_model

    path = find_model(_name_or_path(name_or_path))
    with quiet_startup():
        from model.saving import load_model
    return load_model(path)


def _name_or_path(model: Any) -> str:
    return path_of(model, "model", kind="a name or a path")


def _check_model(model: Any) -> None:
    import keras

    if not isinstance(model, keras.Model):
        raise ArgumentError(f"`model` must be a name, a path or a Keras model, not {type(model).__name__}")


def _check(options: Mapping[str, Any], settings: type, own: set[str]) -> None:
    check_options(options, {field.name for field in fields(settings)} - own)
