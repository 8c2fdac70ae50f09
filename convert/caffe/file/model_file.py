"""Reading the parameters of a Caffe network from either form of file."""

from __future__ import annotations

from pathlib import Path

from convert.caffe.file.caffemodel import ModelLayer, read_protobuf_model
from convert.caffe.file.hdf5 import read_hdf5_model
from convert.foreign import CAFFEMODEL, HDF5, name_foreign_file
from convert.wire import WireError
from errors import UserError
from images.folders import read_through


def read_caffemodel(path: str | Path) -> list[ModelLayer]:
    """Return the layers of a `.caffemodel` or `.caffemodel.h5`, in the file's order.

    Raises:
        UserError: the file is missing, no caffemodel, cut short, or has a blob with more or fewer numbers than its
            dims say.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such caffemodel file")
    kind = name_foreign_file(path)
    if kind not in (CAFFEMODEL, HDF5, None):
        hint = " (did you swap `prototxt` and `input`?)" if kind == "a prototxt" else ""
        raise UserError(f"{path} is {kind}, not a caffemodel{hint}")
    read_through(path)
    try:
        return read_hdf5_model(path) if kind == HDF5 else read_protobuf_model(path)
    except (WireError, UserError) as error:
        raise UserError(f"{path}: not a caffemodel, or a damaged or truncated one: {error}") from error
