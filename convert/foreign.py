"""Recognising the kind of a model file from its first bytes, so that a message can name it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from convert.wire import WireError, varint
from images.folders import naming

HEAD_SIZE = 4096

TORCH7 = "a Torch7 file"
CAFFEMODEL = "a caffemodel"
PROTOTXT = "a prototxt"
KERAS = "a Keras model file"
HDF5 = "an HDF5 file"
PYTORCH_LEGACY = "a PyTorch file"
PYTORCH_ARCHIVE = "a PyTorch archive"
PYTORCH_PROGRAM = "an exported PyTorch program"
SAFETENSORS = "a safetensors file"
ONNX = "an ONNX model (stylize_tensorflow_graph.py runs it)"
LITERT = "a LiteRT model (stylize_tensorflow_graph.py runs it)"
PYTORCH_MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the number that the pickles of older files begin with
PYTORCH_KINDS: tuple[str | None, ...] = (PYTORCH_LEGACY, PYTORCH_ARCHIVE, SAFETENSORS)

# (offset, bytes there, kind)
_SIGNATURES = (
    (0, b"version https://git-lfs", "a Git LFS pointer (the file itself comes with `git lfs pull`)"),
    (0, b"\x89HDF\r\n\x1a\n", HDF5),
    (0, b"\x93NUMPY", "a NumPy array file"),
    (0, b"\x1f\x8b", "a gzip archive (unpack it first)"),
    (0, b"BZh", "a bzip2 archive (unpack it first)"),
    (0, b"\xfd7zXZ\0", "an xz archive (unpack it first)"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive (unpack it first)"),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (257, b"ustar", "a tar archive (unpack it first)"),
    (0, b"\x89PNG\r\n", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"GIF8", "a GIF picture"),
    (8, b"WEBP", "a WebP picture"),
    (0, b"II*\0", "a TIFF picture"),
    (0, b"MM\0*", "a TIFF picture"),
    (0, b"%PDF", "a PDF document"),
    (4, b"TFL3", LITERT),
    (8, b'{"', SAFETENSORS),
    (0, b"\x1bLua", "compiled Lua code"),
    (0, b"\x1bLJ", "compiled Lua code"),
)


def name_foreign_file(source: str | os.PathLike | bytes) -> str | None:
    """Return what a file is, None if unknown, for "model.t7 is a web page, not a Torch7 file".

    `source` is a path or the first bytes of a file (`HEAD_SIZE` of them are enough). The files the converters
    read are known as well: `TORCH7`, `CAFFEMODEL` and `PROTOTXT`. Looks at the first bytes alone, not at the
    file's name, and does not check the rest. Raises OSError, with the file's name, where it cannot be read.
    """
    head = source[:HEAD_SIZE] if isinstance(source, bytes) else _read_head(Path(source))
    if not head:
        return "empty"
    if len(head) >= 16 and not any(head):
        return "a row of zero bytes (an unfinished download?)"
    for offset, signature, kind in _SIGNATURES:
        if head.startswith(signature, offset):
            return kind
    for recognize in _RECOGNIZERS:
        if recognized := recognize(head):
            return recognized
    return None


def _read_head(path: Path) -> bytes:
    with naming(path), path.open("rb") as file:
        return file.read(HEAD_SIZE)


def _zip_member(head: bytes) -> str | None:
    """Tell zip archives apart by the name of their first member."""
    if not head.startswith(b"PK\x03\x04"):
        return None
    length = int.from_bytes(head[26:28], "little")
    name = head[30 : 30 + length]
    if name.endswith(b".npy"):
        return "a NumPy archive (npz)"
    if name in (b"metadata.json", b"config.json"):
        return KERAS
    if name == b"serialized_exported_program.json":
        return "an exported PyTorch program in the format before PyTorch 2.8 (torch.export.load and save renew it)"
    if re.search(rb"/(data/(weights|constants|sample_inputs)/.+|models/.+|archive_format|archive_version)$", name):
        return PYTORCH_PROGRAM
    if re.search(rb"/(data\.pkl|constants\.pkl|\.?version|\.format_version|byteorder|data/\d+|code/.+)$", name):
        return PYTORCH_ARCHIVE
    return "a zip archive"


def _torch7(head: bytes) -> str | None:
    """Recognise the type number at the start, a C int or in ascii a line, and the numbers after it."""
    if re.match(rb"[1-8]\n[-+.\w]+(\n|$)", head):
        return TORCH7
    kind = head[0]
    if head[1:4] != b"\0\0\0" or not 1 <= kind <= 8:
        return None
    # Tables and objects go on with two ints (number and length), strings with one: small ones.
    highest_bytes = head[7 : {1: 4, 2: 8}.get(kind, 12) : 4]
    return None if any(highest_bytes) else TORCH7


def _pickle(head: bytes) -> str | None:
    if PYTORCH_MAGIC in head[:32]:
        return PYTORCH_LEGACY
    return "a Python pickle" if re.match(rb"\x80[\x02-\x05]", head) else None


def _text(head: bytes) -> str | None:
    """Tell texts apart: web pages, XML, JSON, prototxt, others."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.search(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]", text):
        return None
    lower = text.lower()
    if lower.startswith((b"<!doctype html", b"<head", b"<body")) or b"<html" in lower:
        return "a web page (was the download a login or error page?)"
    if text.startswith(b"<"):
        return "an XML page (was the download an error message?)"
    if text.startswith(b"{") and b'"weight_map"' in text:
        return "the index of a network in several files (join their tensors in one .safetensors file)"
    if re.match(rb"\{\s*[\"}]|\[\s*[\[{\"\d]", text):
        return "a JSON text (was the download an error message?)"
    if re.search(rb"^\s*layers?\s*:?\s*\{|^\s*(input|net|train_net)\s*:\s*[\"']", text, re.MULTILINE):
        return PROTOTXT
    return "a text"


def _protobuf(head: bytes) -> str | None:
    """Tell ONNX, TensorFlow and Caffe apart by the first fields of their protobuf messages."""
    fields = _protobuf_fields(head)
    numbers = {number for number, _, _ in fields}
    match fields[:2]:
        case [(1, 0, _), (2, 2, text), *_] if not text.startswith(b"\x0a"):
            return ONNX
        case [(1, 0, _), (2, 2, _), *_]:
            return "a TensorFlow SavedModel"
        case [(1, 0, _), (3 | 4 | 5 | 7 | 8, _, _), *_]:
            return ONNX
        case [(1, 2, node), *_] if node.startswith(b"\x0a"):
            return "a TensorFlow graph"
        case [(1 | 2 | 100, 2, _), *_] if numbers & {2, 100} and numbers <= {*range(1, 9), 100}:
            return CAFFEMODEL
    return None


def _protobuf_fields(head: bytes) -> list[tuple[int, int, bytes]]:
    """Return number, wire type and first bytes of the fields of a message that start within `head`."""
    fields, position = [], 0
    while position < len(head):
        try:
            tag, start = varint(head, position)
            number, wire_type = tag >> 3, tag & 7
            value, end = varint(head, start)
        except WireError:  # cut off by the end of the head
            break
        if wire_type not in (0, 2) or not number:
            return []
        position = end + (value if wire_type == 2 else 0)
        fields.append((number, wire_type, head[end:position]))
    return fields


_RECOGNIZERS: tuple[Callable[[bytes], str | None], ...] = (_zip_member, _torch7, _pickle, _protobuf, _text)
