"""Protobuf's wire format, scanned in place: no message is built and nothing is copied.

A caffemodel is a few hundred small fields around very large arrays. Protobuf's own parser copies these twice; here
they stay where they are, in a memory-mapped file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5

MAX_FIELDS = 1_000_000  # in one message; more are no caffemodel and would keep us busy for minutes

_WIDTHS = {EIGHT_BYTES: 8, FOUR_BYTES: 4}


class WireError(ValueError):
    """The bytes are no protobuf message, or one that was cut short."""


class Field(NamedTuple):
    """A field: its number, wire type and value, an int for VARINT or else the bytes themselves.

    Fixed-size fields that repeat right after each other (unpacked numbers) come as one, their bytes joined.
    """

    number: int
    wire_type: int
    value: int | memoryview


def fields(message: memoryview) -> Iterator[Field]:
    """Yield the fields of `message` in their order.

    Raises:
        WireError: a length or number reaches beyond the end, a wire type or field number does not exist, or there
            are more than MAX_FIELDS fields.
    """
    value: int | memoryview
    position = 0
    for _ in range(MAX_FIELDS):
        if position == len(message):
            return
        start = position
        key, position = varint(message, position)
        number, wire_type = key >> 3, key & 7
        if not number:
            raise WireError(f"field number 0 at byte {start}")
        if wire_type == VARINT:
            value, position = varint(message, position)
        elif wire_type == BYTES:
            value, position = _bytes(message, position)
        elif wire_type in _WIDTHS:
            value, position = _numbers(message, start, position, _WIDTHS[wire_type])
        else:
            raise WireError(f"wire type {wire_type} at byte {start}")
        yield Field(number, wire_type, value)
    raise WireError(f"more than {MAX_FIELDS} fields")


def varints(packed: memoryview) -> list[int]:
    """Return the packed integers in `packed`.

    Raises:
        WireError: the last one is cut short, or there are more than MAX_FIELDS.
    """
    values, position = [], 0
    while position < len(packed):
        value, position = varint(packed, position)
        values.append(value)
        if len(values) > MAX_FIELDS:
            raise WireError(f"more than {MAX_FIELDS} integers")
    return values


def signed(value: int) -> int:
    """Return the 64-bit integer `value` with its sign (protobuf writes int64 in two's complement)."""
    return value - 2**64 if value >= 2**63 else value


def varint(data: memoryview | bytes, position: int) -> tuple[int, int]:
    """Return the integer at `position` and where it ends.

    Raises:
        WireError: it is cut short, or has more than ten bytes.
    """
    value = 0
    for shift in range(0, 70, 7):
        if position == len(data):
            raise WireError(f"an integer is cut short at byte {position}")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (2**64 - 1), position
    raise WireError(f"an integer of more than ten bytes before byte {position}")


def _bytes(data: memoryview, position: int) -> tuple[memoryview, int]:
    length, position = varint(data, position)
    if length > len(data) - position:
        raise WireError(f"{length} bytes announced at byte {position}, {len(data) - position} left")
    return data[position : position + length], position + length


def _numbers(data: memoryview, start: int, position: int, width: int) -> tuple[memoryview, int]:
    """Return the bytes of the number at `position` and of those after it that have the same key before them."""
    if width > len(data) - position:
        raise WireError(f"a number is cut short at byte {position}")
    key_size = position - start
    size = key_size + width
    count = (len(data) - start) // size
    records = np.frombuffer(data[start : start + count * size], np.uint8).reshape(count, size)
    run = _run_length(records[:, :key_size])
    return np.ascontiguousarray(records[:run, key_size:]).data.cast("B"), start + run * size


def _run_length(keys: np.ndarray) -> int:
    """Return how many rows of `keys` equal the first, looking at no more than twice as many."""
    run = 1
    while run < len(keys):
        same = (keys[run : 2 * run] == keys[0]).all(axis=1)
        if not same.all():
            return run + int(same.argmin())
        run += len(same)
    return run
