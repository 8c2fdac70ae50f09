"""Writing and loading `.keras` files: whole or not at all, in float32 or float16 storage."""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from pathlib import Path
from typing import Literal

import h5py
import keras
import numpy as np

import layers  # noqa: F401  registers the layers that saved models are made of
from compat import WeightsFile, deep_recursion, deferred_variables
from errors import ArgumentError, UserError, one_line
from images.folders import read_through
from images.temporary_files import whole_path
from model.untrusted.archive import WEIGHTS, ModelArchive, read_archive
from model.untrusted.config import check_config
from model.untrusted.hdf5 import check_hdf5, open_hdf5
from model.untrusted.sizes import check_feature_maps, check_weight_count, check_weights

StorageType = Literal["float32", "float16"]


def save_model(model: keras.Model, path: str | os.PathLike, *, dtype: StorageType = "float32") -> int:
    """Write `model` as a `.keras` file and return the file's size in bytes.

    With `dtype="float16"` the weights take half the space in the file; they are float32 variables again after
    loading, so the network still computes in float32, on rounded weights.

    Raises:
        ArgumentError: the path does not end in `.keras`.
        UserError: a weight does not fit into float16.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise ArgumentError(f"{path}: a Keras model file must end in .keras")
    with whole_path(path, ".keras") as temporary:  # Keras insists on the suffix
        with deep_recursion():
            model.save(temporary)
        if dtype == "float16":
            _store_in_half(temporary)
    return path.stat().st_size


def load_model(path: str | os.PathLike) -> keras.Model:
    """Load a `.keras` file that may come from anybody, in bounded time and memory; no code from the file runs.

    Raises:
        UserError: there is no such file; it is damaged; it holds other than layers of Keras and of this program, too
            many of them or too large ones; or a weight is NaN, infinite or beyond MAX_WEIGHT.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such model file")
    read_through(path)
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise UserError(
            f"{path}: not a .keras file (import_torch_weights.py and import_caffe_weights.py convert .t7 and "
            ".caffemodel files)"
        )
    try:
        return _load(read_archive(path))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except Exception as error:  # Keras raises anything for a configuration that does not fit together
        raise UserError(f"{path}: Keras cannot load this model: {one_line(error)}") from error


def _load(archive: ModelArchive) -> keras.Model:
    check_config(archive.config)
    numbers = _count_numbers(archive.weights)
    with warnings.catch_warnings(record=True) as told, deep_recursion():
        with deferred_variables() as variables:
            model = keras.saving.deserialize_keras_object({**archive.config, "compile_config": None}, safe_mode=True)
            check_weight_count(model.variables, variables, numbers)
            check_feature_maps(model)
        _set_weights(model, archive.weights)
    for warning in told:  # not those of files that are refused
        warnings.warn(warning.message, stacklevel=3)
    return model


def _count_numbers(weights: bytes) -> int:
    """Check the structure of an HDF5 file and return how many numbers it holds."""
    with open_hdf5(io.BytesIO(weights)) as file:
        return check_hdf5(file, len(weights))


def _set_weights(model: keras.Model, weights: bytes) -> None:
    model.load_weights(WeightsFile(weights))
    check_weights(model.variables)


def _store_in_half(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[WEIGHTS] = _halve_datasets(members[WEIGHTS])
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def _halve_datasets(data: bytes) -> bytes:
    """Return the HDF5 file `data` with every float32 dataset stored as float16."""
    result = io.BytesIO()
    with h5py.File(io.BytesIO(data), "r") as source, h5py.File(result, "w") as target:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                copied = target.create_dataset(name, data=_to_half(name, item[()]))
            else:
                copied = target.require_group(name)
            for key, value in item.attrs.items():
                copied.attrs[key] = value

        source.visititems(copy)
    return result.getvalue()


def _to_half(name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype != np.float32:
        return values
    largest = float(np.abs(values).max(initial=0.0))
    if largest > float(np.finfo(np.float16).max):
        raise UserError(f"weight {name} holds {largest:.3g}, beyond the range of float16 (65504); use float32")
    return values.astype(np.float16)
