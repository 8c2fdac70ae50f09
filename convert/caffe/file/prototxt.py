"""Reading a prototxt: the text that describes a Caffe network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from convert.caffe.file.schema import field_names, message_class
from convert.caffe.file.unknown_fields import LAYER, MAX_FIELDS, MAX_PARSED, idle_field, without_field
from convert.caffe.file.upgrade import upgrade
from convert.foreign import PROTOTXT, name_foreign_file
from errors import UserError, unknown_name
from images.folders import naming

MAX_TEXT = 8 * 2**20  # bytes; the prototxt of a network of a thousand layers has less than one million
# Keras builds chains of so many.
MAX_LAYERS = 2_000
MAX_WIRES = 20_000  # bottoms and tops in all
_V1_TYPE = re.compile(r'Enum type "caffe\.V1LayerParameter\.LayerType" has no value named (\w+)')
_WIRE = re.compile(r"\b(?:bottom|top)\s*:")


def read_prototxt(path: str | Path, ignored: list[str] | None = None) -> Any:
    """Return the network described by a prototxt as a NetParameter message in the new format.

    Reads protobuf's text format with all its liberties and the old formats V0 and V1 as well; see
    `convert.caffe.file.upgrade` for what becomes of them.

    Args:
        path: file of text in the prototxt format.
        ignored: see parse_prototxt().

    Raises:
        UserError: the file is missing, no prototxt, or one with a syntax error or a field that caffe.proto
            does not have (named with line and column).
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such prototxt file")
    kind = name_foreign_file(path)
    if kind not in (PROTOTXT, "a text", None):
        raise UserError(f"{path} is {kind}, not a prototxt{_exchanged(kind)}")
    if path.stat().st_size > MAX_TEXT:
        raise UserError(f"{path}: {path.stat().st_size} bytes are too many for a prototxt")
    with naming(path):
        text = path.read_bytes()
    try:
        return upgrade(parse_prototxt(text, ignored))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _exchanged(kind: str) -> str:
    return " (did you swap `prototxt` and `input`?)" if kind == "a caffemodel" else ""


def parse_prototxt(data: bytes, ignored: list[str] | None = None) -> Any:
    """Return the NetParameter message that the text `data` stands for, in whatever format it is.

    Bytes that are no UTF-8 (comments in old Chinese encodings, for instance) become replacement characters.

    Args:
        data: the text.
        ignored: gets the names of fields that Caffe does not have, MESSAGE.FIELD, where they change nothing of what a
            layer computes; None: they are errors as well.

    Raises:
        UserError: the text does not follow protobuf's text format or caffe.proto.
    """
    text = data.decode("utf-8-sig", errors="replace")
    if control := re.search(r"[\0-\x08\x0e-\x1f]", text):
        line = text.count("\n", 0, control.start()) + 1
        raise UserError(f"line {line} contains the control character {control[0]!r}, so it is not a text file")
    _check_counts(text)
    net = _parse(text, ignored)
    if not (net.layer or net.layers):
        raise UserError("it contains no layers")
    return net


def _check_counts(text: str) -> None:
    for what, pattern, most in (("layers", LAYER, MAX_LAYERS), ("bottoms and tops", _WIRE, MAX_WIRES)):
        number = sum(1 for _ in pattern.finditer(text))
        if number > most:
            raise UserError(f"has {number} {what}; at most {most} are allowed")


def _parse(text: str, ignored: list[str] | None) -> Any:
    """Return the message of `text`; fields to be ignored are blanked out one after the other.

    A layer of the format V1 whose type is not in the enumeration keeps its name, as one of the new format does.
    """
    left = min(MAX_FIELDS, MAX_PARSED // max(len(text), 1))
    while True:
        try:
            return text_format.Parse(text, message_class("NetParameter")())
        except (text_format.ParseError, ValueError) as error:
            unknown = _V1_TYPE.search(str(error)) if left else None
            if unknown is not None:
                text = re.sub(rf"\btype(\s*:\s*){unknown[1]}\b", rf'unknown_type\1"{unknown[1]}"', text)
            else:
                idle = idle_field(str(error), text) if left and ignored is not None else None
                if idle is None or ignored is None:
                    raise UserError(_explain(str(error))) from error
                name, start = idle
                ignored.append(name)
                text = without_field(text, start)
        left -= 1


def _explain(message: str) -> str:
    """Return protobuf's error message with the line in words and, for an unknown field, the nearest name."""
    place = re.match(r"(\d+):(\d+) : (.*)", message, re.DOTALL)
    where, what = (f"line {place[1]}, column {place[2]}: ", place[3]) if place else ("", message)
    field = re.search(r'Message type "caffe\.(\w+)" has no field named "(.*)"', what)
    if not field:
        return where + " ".join(what.split())[:300]
    if field[2] in ("layer", "layers"):
        return f"{where}a layer inside a layer: is a closing brace missing before it?"
    return f"{where}{unknown_name(f'field of {field[1]}', field[2][:80], field_names(field[1]))}"
