"""Writes caffemodels in every format, by protobuf's own serialiser, and small networks for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from convert.caffe.file.schema import message_class

Weights = Mapping[str, Sequence[np.ndarray]]


def fill_blob(blob, array: np.ndarray, *, legacy: bool = False, double: bool = False) -> None:
    if legacy:
        dims = (1,) * (4 - array.ndim) + array.shape
        blob.num, blob.channels, blob.height, blob.width = dims
    else:
        blob.shape.dim.extend(array.shape)
        blob.shape.SetInParent()
    (blob.double_data if double else blob.data).extend(array.ravel().tolist())


def caffemodel(weights: Weights, *, form: str = "new", legacy: bool = False, double: bool = False) -> bytes:
    """Return the bytes of a caffemodel with these layers in the format V0, V1 or new.

    Numbers are unpacked: our schema declares no field as packed (`packed_caffemodel` does the others).
    """
    net = message_class("NetParameter")(name="written")
    for name, arrays in weights.items():
        if form == "new":
            layer = net.layer.add(name=name)
        else:
            layer = net.layers.add()
            layer = layer.layer if form == "V0" else layer
            layer.name = name
        for array in arrays:
            fill_blob(layer.blobs.add(), np.asarray(array), legacy=legacy, double=double)
    return net.SerializeToString()


def _varint(value: int) -> bytes:
    data = bytearray()
    while value >= 0x80:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def tagged(number: int, content: bytes) -> bytes:
    """Return a length-delimited field."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def packed_blob(array: np.ndarray) -> bytes:
    """Return a BlobProto as today's Caffe writes it: shape and data packed."""
    shape = tagged(1, b"".join(map(_varint, array.shape)))
    return tagged(5, array.astype("<f4").tobytes()) + tagged(7, shape)


def packed_caffemodel(weights: Weights) -> bytes:
    """Return the bytes of a caffemodel as today's Caffe writes it."""
    layers = (
        tagged(1, name.encode()) + b"".join(tagged(7, packed_blob(np.asarray(array))) for array in arrays)
        for name, arrays in weights.items()
    )
    return tagged(1, b"packed") + b"".join(tagged(100, layer) for layer in layers)


def c3d_caffemodel(weights: Weights) -> bytes:
    """Return the bytes of a caffemodel as C3D 1.0 writes it: V1 layers, five sizes, and the numbers behind them."""

    def blob(array: np.ndarray) -> bytes:
        dims = (1,) * (5 - array.ndim) + array.shape
        sizes = b"".join(_varint(number << 3) + _varint(size) for number, size in enumerate(dims, 1))
        return sizes + tagged(6, array.astype("<f4").tobytes())

    layers = (
        tagged(4, name.encode()) + b"".join(tagged(6, blob(np.asarray(array))) for array in arrays)
        for name, arrays in weights.items()
    )
    return b"".join(tagged(2, layer) for layer in layers)


def write_network(folder: Path, prototxt: str, weights: Weights | bytes = b"") -> tuple[Path, Path]:
    """Write a prototxt and its caffemodel and return their paths; a network without weights gets an empty layer."""
    data = weights if isinstance(weights, bytes) and weights else packed_caffemodel(weights or {"nothing": []})
    paths = folder / "network.prototxt", folder / "network.caffemodel"
    paths[0].write_text(prototxt)
    paths[1].write_bytes(data)
    return paths


def input_layer(name: str, shape: Sequence[int]) -> str:
    dims = " ".join(f"dim: {size}" for size in shape)
    return f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ {dims} }} }} }}\n'
