"""Reading a caffemodel: the parameters of a Caffe network, by layer."""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from convert.wire import BYTES, EIGHT_BYTES, FOUR_BYTES, VARINT, Field, WireError, fields, signed, varints
from errors import UserError

# Field numbers of caffe.proto: the layers in NetParameter, and name, type and blobs in each format of a layer.
_V1_LAYERS, _NEW_LAYERS = 2, 100
_V0_LAYER = 1

MAX_AXES = 32  # of a blob, as in Caffe
# Numbers as NVIDIA's Caffe stores them: a type (double, float, float16, int, unsigned) and their bytes.
_RAW_TYPES = tuple(map(np.dtype, ("<f8", "<f4", "<f2", "<i4", "<u4")))
_RAW_TYPE, _RAW_DATA = 10, 12


@dataclass(frozen=True)
class _LayerFormat:
    name: int
    type: int
    blobs: int


_NEW = _LayerFormat(name=1, type=2, blobs=7)
_V1 = _LayerFormat(name=4, type=5, blobs=6)
_V0 = _LayerFormat(name=1, type=2, blobs=50)


@dataclass(frozen=True)
class ModelBlob:
    """A blob of a caffemodel: its dims as stored and its values, flat, a view of the file where that is possible.

    Files with the old fields num, channels, height, width have four dims, a bias 1 x 1 x 1 x n for instance. In those
    of C3D 1.0 a fifth, length, stands before the last two, and all later fields have numbers one higher.
    """

    dims: tuple[int, ...]
    values: np.ndarray

    def array(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return the values as float32 array of `shape`, without a copy where they are float32 in the file."""
        return self.values.astype(np.float32, copy=False).reshape(shape)


@dataclass
class ModelLayer:
    """A layer of a caffemodel."""

    name: str = ""
    blobs: list[ModelBlob] = field(default_factory=list)


def read_protobuf_model(path: Path) -> list[ModelLayer]:
    """Return the layers of a caffemodel of format V0, V1 or new, in the file's order.

    The file is mapped into memory and the blobs are views of it: they cost memory only when their values are used.
    Numbers may be packed or not, float or double (`double_data` goes before `data`, as in Caffe).

    Raises:
        WireError: the file is no protobuf message, or it is cut short.
        UserError: it has a blob with more or fewer numbers than its dims say.
    """
    with path.open("rb") as file:
        return parse_caffemodel(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))


def parse_caffemodel(content: memoryview) -> list[ModelLayer]:
    """Return the layers in the bytes of a caffemodel.

    Raises:
        WireError: the bytes are no protobuf message, or it is cut short.
        UserError: it contains no layers, or a blob whose numbers do not fit its dims.
    """
    layers = []
    for item in fields(content):
        if item.number == _NEW_LAYERS:
            layers.append(_read_layer(_message(item), _NEW))
        elif item.number == _V1_LAYERS:
            layers.append(_read_old_layer(_message(item)))
    if not layers:
        raise UserError("it contains no layers")
    return layers


def _message(item: Field) -> memoryview:
    if item.wire_type != BYTES or isinstance(item.value, int):
        raise WireError(f"field {item.number} has wire type {item.wire_type}, not {BYTES}")
    return item.value


def _read_old_layer(message: memoryview) -> ModelLayer:
    """Read a V1 layer, or the V0 layer inside it."""
    inner = [item for item in fields(message) if item.number == _V0_LAYER]
    return _read_layer(_message(inner[-1]), _V0) if inner else _read_layer(message, _V1)


def _read_layer(message: memoryview, layer_format: _LayerFormat) -> ModelLayer:
    layer = ModelLayer()
    messages = []
    for item in fields(message):
        if item.number == layer_format.name:
            layer.name = bytes(_message(item)).decode("utf-8", errors="replace")
        elif item.number == layer_format.blobs:
            messages.append(_message(item))
    for index, blob in enumerate(messages):
        try:
            layer.blobs.append(_read_blob(blob))
        except (WireError, UserError) as error:
            raise type(error)(f"layer {layer.name!r}, blob {index}: {error}") from error
    return layer


def _read_blob(message: memoryview) -> ModelBlob:
    dims: tuple[int, ...] = ()
    legacy: dict[int, int] = {}
    floats, doubles, raw_type, raw = [], [], 1, []
    for item in fields(message):
        match item.number, item.wire_type:
            case ((1 | 2 | 3 | 4), wire_type) if wire_type == VARINT:
                legacy[item.number] = signed(int(item.value))
            case 7, _ if 5 not in legacy:
                dims = _read_shape(_message(item))
            case 5, wire_type if wire_type == VARINT:
                legacy[5] = signed(int(item.value))
            case 6, _ if 5 in legacy:
                floats.append(_read_numbers(item, np.dtype("<f4"), FOUR_BYTES))
            case 5, _:
                floats.append(_read_numbers(item, np.dtype("<f4"), FOUR_BYTES))
            case 8, _:
                doubles.append(_read_numbers(item, np.dtype("<f8"), EIGHT_BYTES))
            case number, wire_type if (number, wire_type) == (_RAW_TYPE, VARINT):
                raw_type = int(item.value)
            case number, _ if number == _RAW_DATA:
                raw.append(_message(item))
    if legacy:
        dims = tuple(legacy.get(number, 0) for number in (1, 2, 3, 4, 5)[: 5 if 5 in legacy else 4])
    values = _raw_numbers(raw[-1], raw_type) if raw else _join(doubles or floats)
    if len(dims) > MAX_AXES or min(dims, default=1) < 0 or math.prod(dims) != len(values):
        stated = " x ".join(map(str, dims[: MAX_AXES + 1])) or "none"
        raise UserError(f"holds {len(values)} values, but its dims are {stated}")
    return ModelBlob(dims, values)


def _read_shape(message: memoryview) -> tuple[int, ...]:
    """Return the dims in a BlobShape, packed or not."""
    dims: list[int] = []
    for item in fields(message):
        if item.number == 1:
            dims += [int(item.value)] if item.wire_type == VARINT else varints(_message(item))
    return tuple(map(signed, dims))


def _read_numbers(item: Field, dtype: np.dtype, unpacked: int) -> np.ndarray:
    if item.wire_type not in (BYTES, unpacked) or isinstance(item.value, int):
        raise WireError(f"numbers of wire type {item.wire_type}")
    if len(item.value) % dtype.itemsize:
        raise WireError(f"{len(item.value)} bytes is not a multiple of {dtype.itemsize}")
    return np.frombuffer(item.value, dtype)


def _raw_numbers(data: memoryview, kind: int) -> np.ndarray:
    if kind >= len(_RAW_TYPES):
        raise UserError(f"has values of the unknown type {kind}")
    dtype = _RAW_TYPES[kind]
    if len(data) % dtype.itemsize:
        raise WireError(f"{len(data)} bytes is not a multiple of {dtype.itemsize}")
    return np.frombuffer(data, dtype)


def _join(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.float32), *parts])
