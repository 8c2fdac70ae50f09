"""HDF5 files of weights: groups and datasets of numbers that lie in the file itself, and nothing else."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import h5py
import numpy as np

from errors import UserError

MAX_OBJECTS = 100_000
MAX_NESTING = 64
# Of all values beside the file: compressed files of real weights stay far below.
MAX_EXPANSION = 16
# As Keras stores bfloat16: two bytes without a meaning.
BFLOAT16 = np.dtype("V2")
LINKS = {h5py.h5l.TYPE_EXTERNAL: "an external link", h5py.h5l.TYPE_SOFT: "a soft link"}
FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_LZF, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}


@contextmanager
def open_hdf5(file: str | os.PathLike | BinaryIO) -> Iterator[h5py.File]:
    """Open an HDF5 file. Whatever h5py raises inside, where the file is damaged, becomes UserError."""
    try:
        with h5py.File(file, "r") as opened:
            yield opened
    # h5py turns errors of the HDF5 library into any of these.
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"the HDF5 file is damaged: {error}") from error


def check_hdf5(file: h5py.File, size: int) -> int:
    """Return how many numbers the datasets of `file` hold.

    Args:
        file: an open file.
        size: bytes of the file.

    Raises:
        UserError: it has links or datasets that lead outside or around, or more values than fit into it.
    """
    numbers = held = 0
    for objects, (place, item) in enumerate(_items(file, "", frozenset())):
        if objects >= MAX_OBJECTS:
            raise UserError(f"the file has more than {MAX_OBJECTS} groups and datasets")
        if isinstance(item, h5py.h5d.DatasetID):
            count, taken = _size_of(place, item)
            numbers += count
            held += taken
            if held > MAX_EXPANSION * size:
                raise UserError(f"dataset {place} of {item.shape} takes more memory than a file of this size can need")
    return numbers


def _items(
    group: h5py.Group, prefix: str, above: frozenset[int]
) -> Iterator[tuple[str, h5py.h5g.GroupID | h5py.h5d.DatasetID]]:
    """Yield all that lies under `group` with its place; `above` are the addresses of the groups that it lies in."""
    above |= {h5py.h5o.get_info(group.id).addr}
    for name in group:
        place, key = prefix + name, name.encode("utf-8", "surrogateescape")
        link = group.id.links.get_info(key).type
        if link != h5py.h5l.TYPE_HARD:
            raise UserError(f"{place} is {LINKS.get(link, 'a link of unknown kind')}, which is not followed")
        item = h5py.h5o.open(group.id, key)
        yield place, item
        if isinstance(item, h5py.h5g.GroupID):
            if len(above) > MAX_NESTING or h5py.h5o.get_info(item).addr in above:
                raise UserError(f"groups are nested more than {MAX_NESTING} levels deep, or within themselves")
            yield from _items(h5py.Group(item), f"{place}/", above)
        elif not isinstance(item, h5py.h5d.DatasetID):
            raise UserError(f"{place} is neither a group nor a dataset")


def _size_of(place: str, dataset: h5py.h5d.DatasetID) -> tuple[int, int]:
    """Return how many values a dataset has and the bytes that reading them takes.

    Raises:
        UserError: not all lie in this file, or they are no numbers.
    """
    properties = dataset.get_create_plist()
    if properties.get_layout() == h5py.h5d.VIRTUAL:
        raise UserError(f"dataset {place} is virtual: its values are in other datasets, which are not read")
    if properties.get_external_count():
        raise UserError(f"dataset {place} is in another file, which is not read")
    for number in range(properties.get_nfilters()):
        if properties.get_filter(number)[0] not in FILTERS:
            raise UserError(f"dataset {place} is compressed in a way that Keras does not use")
    space = dataset.get_space()
    if space.get_simple_extent_type() == h5py.h5s.NULL:
        raise UserError(f"dataset {place} is empty")
    count, width = space.get_simple_extent_npoints(), _width(place, dataset.dtype)
    # A chunk is unpacked as a whole, however little of it belongs to the dataset.
    chunk = math.prod(properties.get_chunk()) if properties.get_layout() == h5py.h5d.CHUNKED else 0
    return count, width * max(count, chunk)


def _width(place: str, dtype: np.dtype) -> int:
    if dtype.kind not in "fiub" and dtype != BFLOAT16:
        raise UserError(f"dataset {place} holds {dtype}, not numbers")
    return dtype.itemsize
