"""Reading the HDF5 form of a caffemodel, as Caffe's snapshots have it: data/LAYER/INDEX."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from convert.caffe.file.caffemodel import MAX_AXES, ModelBlob, ModelLayer
from errors import UserError
from model.untrusted.hdf5 import check_hdf5, open_hdf5


def read_hdf5_model(path: Path) -> list[ModelLayer]:
    """Return the layers of a `.caffemodel.h5`, in the file's order; a name may hold slashes.

    Raises:
        UserError: the file is damaged, leads elsewhere, or has no layers with blobs.
    """
    with open_hdf5(path) as file:
        check_hdf5(file, path.stat().st_size)
        if not isinstance(file.get("data"), h5py.Group):
            raise UserError("it has no group 'data'")
        found: dict[str, dict[int, ModelBlob]] = {}
        file["data"].visititems(lambda name, item: _add(found, name, item))
    if not found:
        raise UserError("it has no layers with blobs")
    return [ModelLayer(name, [blobs[index] for index in sorted(blobs)]) for name, blobs in found.items()]


def _add(found: dict[str, dict[int, ModelBlob]], name: str, item: h5py.Group | h5py.Dataset) -> None:
    if not isinstance(item, h5py.Dataset):
        return
    layer, _, index = name.rpartition("/")
    if not layer or not index.isdecimal() or len(index) > 3 or len(item.shape) > MAX_AXES:
        raise UserError(f"data/{name} is not a blob of a layer")
    found.setdefault(layer, {})[int(index)] = ModelBlob(item.shape, np.asarray(item).ravel())
