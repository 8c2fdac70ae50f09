"""Finding VGG-19's weights, and loading them into a descriptor."""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np

from errors import ArgumentError, UserError
from images.folders import read_through, why_no_file
from layers.vgg_preprocessing import VGG_MEAN, VGGPreprocessing
from model.layer_names import keras_name
from model.saving import load_model
from model.untrusted.hdf5 import check_hdf5, open_hdf5
from model.untrusted.sizes import check_values

WEIGHTS_VARIABLE = "TEXTURE_NETS_VGG19"
DATA_DIR = "model_data"
# The file that keras.applications.VGG19(include_top=False) downloads, with the hash that it checks.
WEIGHTS_NAME = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
WEIGHTS_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg19/{WEIGHTS_NAME}"
WEIGHTS_HASH = "253f8cb515780f3b799900260a226db6"
WEIGHTS_MEGABYTES = 80
# Between the smallest and the largest value of a kernel; those of VGG-19 spread over more than 0.2.
MIN_SPREAD = 1e-10
# Looked for in the data folder, in this order.
VGG19_FILES = (WEIGHTS_NAME, "vgg19_weights_tf_dim_ordering_tf_kernels.h5", "vgg19.keras")


@dataclass(frozen=True)
class VGGWeights:
    """Weights of VGG-19 or VGG-16 that were read already, from a file of another program.

    Args:
        source: the file, for messages.
        convolutions: kernel (height, width, inputs, outputs) and bias of conv1_1 ..., for BGR pixels in 0..255 minus
            `mean`. The last ones of the network may be missing.
        blocks: the number of convolutions that the network has in each of its five blocks.
        mean: the mean pixel: blue, green, red.
        normalized: whether the mean activation of each filter over photos is 1.
    """

    source: str
    convolutions: Mapping[str, tuple[np.ndarray, np.ndarray]]
    blocks: tuple[int, ...]
    mean: tuple[float, float, float] = VGG_MEAN
    normalized: bool = False


def find_weights(
    path: str | os.PathLike | None = None,
    *,
    data_dir: str | os.PathLike = DATA_DIR,
    file_names: Sequence[str] = VGG19_FILES,
) -> Path:
    """Return the file of VGG-19's weights.

    In this order: `path`; the environment variable TEXTURE_NETS_VGG19; the first of `file_names` in
    `data_dir`; the file of keras.applications in Keras' cache, downloaded where it is not there yet.

    Raises:
        ArgumentError: `path` names no file.
        UserError: the variable names no file, or there are no weights and no network; the message tells the ways out.
    """
    if path is not None:
        if reason := why_no_file(Path(path), expected="a file"):
            raise ArgumentError(f"`weights` {reason}")
        return Path(path)
    if variable := os.environ.get(WEIGHTS_VARIABLE):
        if reason := why_no_file(Path(variable), expected="a file"):
            raise UserError(f"weights of {WEIGHTS_VARIABLE} {reason}")
        return Path(variable)
    for name in file_names:
        if (candidate := Path(data_dir, name)).is_file():
            return candidate
    return _download(data_dir)


def load_convolutions(model: keras.Model, weights: str | os.PathLike | VGGWeights) -> None:
    """Set kernels and biases of the convolutions conv1_1 ... of `model` from a file, layer by layer.

    Args:
        model: its convolutions have the descriptor's names; other layers of the file are not read.
        weights: an HDF5 file in Keras' layout (weights with or without the fully connected layers, or a whole
            model), or a `.keras` file (of this program's Caffe importer, say), whose layers are named
            conv1_1 ... or block1_conv1 ...; kernels for BGR pixels in 0..255 minus the mean, as Caffe and
            keras.applications have them. Or weights that were read already.

    Raises:
        UserError: the file is neither, or a layer is missing or holds other than a kernel and a bias of
            VGG-19's shapes, or a kernel of equal values, or a weight is NaN, infinite or beyond 1e10; the message
            names file and layer. Links and datasets that lie elsewhere are refused wherever they are in the file.
    """
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    names = [layer.name for layer in convolutions]
    path = Path(weights.source if isinstance(weights, VGGWeights) else weights)
    stored = _stored(weights, path, names)
    try:
        for layer, arrays in zip(convolutions, stored, strict=True):
            _set_weights(layer, arrays)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _stored(
    weights: str | os.PathLike | VGGWeights, path: Path, names: Sequence[str]
) -> Iterator[Sequence[np.ndarray]]:
    """Return the kernel and bias of each of the convolutions `names`."""
    if isinstance(weights, VGGWeights):
        return _of_weights(weights, names)
    if zipfile.is_zipfile(path):
        return _of_model(load_model(path), names)
    read_through(path)  # of what cannot be read is_zipfile says that it is none
    return _of_h5(path, names)


def _of_weights(weights: VGGWeights, names: Sequence[str]) -> Iterator[Sequence[np.ndarray]]:
    """Yield the weights of each of the convolutions `names`."""
    for name in names:
        if name not in weights.convolutions:
            raise UserError(f"its layers end with {list(weights.convolutions)[-1]}; {name} is needed")
        yield weights.convolutions[name]


def _set_weights(layer: keras.layers.Conv2D, arrays: Sequence[np.ndarray]) -> None:
    found, expected = ([tuple(array.shape) for array in group] for group in (arrays, layer.weights))
    if found != expected:
        raise UserError(f"layer {layer.name} has weights of shapes {found}, VGG-19's are {expected}")
    for array in arrays:
        check_values(f"layer {layer.name}", array)
    if (spread := float(np.ptp(arrays[0]))) < MIN_SPREAD:
        raise UserError(f"layer {layer.name} has a kernel whose values differ by {spread:.3g} at most")
    layer.set_weights(list(arrays))


def _download(data_dir: str | os.PathLike) -> Path:
    # Keras says nothing of the size before it begins.
    if not any(Path(home, "models", WEIGHTS_NAME).is_file() for home in _keras_homes()):
        with suppress(OSError, ValueError):  # standard error may be closed
            print(
                f"downloading the weights of VGG-19 ({WEIGHTS_MEGABYTES} MB, once) from {WEIGHTS_URL}",
                file=sys.stderr, flush=True,
            )  # fmt: skip
    try:
        return Path(keras.utils.get_file(WEIGHTS_NAME, WEIGHTS_URL, cache_subdir="models", file_hash=WEIGHTS_HASH))
    except Exception as error:  # where there is no network Keras raises bare Exception
        raise UserError(
            f"no VGG-19 weights: none given, {WEIGHTS_VARIABLE} is not set, none in {data_dir}, and the "
            f"download failed ({error}). Give a file as `weights` or in {WEIGHTS_VARIABLE}, or put "
            f"{WEIGHTS_NAME} into {data_dir}"
        ) from error


def _keras_homes() -> tuple[Path, ...]:
    """Return the folders in one of which Keras keeps what it downloads."""
    return (Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras"), Path(tempfile.gettempdir(), ".keras"))


def _of_h5(path: Path, names: Sequence[str]) -> Iterator[list[np.ndarray]]:
    """Yield the weights of each of the convolutions `names`."""
    if path.stat().st_size == 0:
        raise UserError("the file is empty")
    if not h5py.is_hdf5(path):
        raise UserError(
            "not an HDF5, .keras, PyTorch or safetensors file with VGG-19 weights (import_caffe_weights.py converts "
            ".caffemodel files)"
        )
    with open_hdf5(path) as file:
        check_hdf5(file, path.stat().st_size)
        groups = file.get("model_weights", file)
        if not isinstance(groups, h5py.Group):
            raise UserError("model_weights is not a group of layers")
        for name in names:
            stored = _stored_name(name, groups)
            try:
                yield [_values(groups[stored], key) for key in groups[stored].attrs["weight_names"]]
            except (KeyError, TypeError, AttributeError) as error:
                raise UserError(f"layer {stored} is not as Keras writes it ({error})") from error


def _values(group: h5py.Group, key: str | bytes) -> np.ndarray:
    dataset = group[key]
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind != "f":
        name = key.decode(errors="replace") if isinstance(key, bytes) else key
        raise TypeError(f"{name} does not contain floating-point numbers")
    return np.asarray(dataset)


def _of_model(model: keras.Model, names: Sequence[str]) -> Iterator[list[np.ndarray]]:
    """Yield the weights of each of the convolutions `names`."""
    layers = {layer.name: layer for layer in model.layers}
    for layer in layers.values():
        if isinstance(layer, VGGPreprocessing) and layer.mean != VGG_MEAN:
            raise UserError("its weights are for a different preprocessing; use the file from which it was converted")
    for name in names:
        yield [keras.ops.convert_to_numpy(weight) for weight in layers[_stored_name(name, layers)].weights]


def _stored_name(name: str, known: Collection[str]) -> str:
    """Return the name under which a file that holds the layers `known` has the convolution `name`."""
    for candidate in (name, keras_name(name)):
        if candidate in known:
            return candidate
    there = ", ".join(list(known)[:8]) or "none"
    raise UserError(f"it has no layer {name} or {keras_name(name)} (its layers: {there} ...)")
