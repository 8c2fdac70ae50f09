"""Reading the two formats in which exported models are stored: messages of Protocol Buffers, tables of FlatBuffers."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from runtimes.graph import GraphError

# Types of Protocol Buffers on the wire.
VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5


def fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Yield the numbers and values of a message of Protocol Buffers: an int, or the bytes."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        kind = key & 7
        if kind == VARINT:
            value, position = _varint(message, position)
            yield key >> 3, value
            continue
        size = {EIGHT_BYTES: 8, FOUR_BYTES: 4}.get(kind)
        if kind == BYTES:
            size, position = _varint(message, position)
        if size is None or position + size > len(message):
            raise GraphError("damaged")
        yield key >> 3, message[position : position + size]
        position += size


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position == len(message):
            raise GraphError("damaged")
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7


class Table:
    """A table of a file of FlatBuffers: values by the numbers of their fields, which stand in the schema's order."""

    def __init__(self, content: bytes, place: int) -> None:
        self.content = content
        self.place = place
        self.directory = place - struct.unpack_from("<i", content, place)[0]
        self.end = struct.unpack_from("<H", content, self.directory)[0]

    def _at(self, field: int) -> int | None:
        """Return where a field's value is, None where the table has none."""
        entry = 4 + 2 * field
        offset = struct.unpack_from("<H", self.content, self.directory + entry)[0] if entry < self.end else 0
        return self.place + offset if offset else None

    def _target(self, place: int) -> int:
        return place + struct.unpack_from("<I", self.content, place)[0]

    def number(self, field: int, kind: str) -> int:
        """Return a whole number, 0 where there is none."""
        place = self._at(field)
        return 0 if place is None else struct.unpack_from(kind, self.content, place)[0]

    def table(self, field: int) -> list[Table]:
        """Return the table in a field, or nothing."""
        place = self._at(field)
        return [] if place is None else [Table(self.content, self._target(place))]

    def tables(self, field: int) -> list[Table]:
        """Return the tables in a field."""
        place = self._at(field)
        if place is None:
            return []
        start = self._target(place)
        count = struct.unpack_from("<I", self.content, start)[0]
        return [Table(self.content, self._target(start + 4 + 4 * i)) for i in range(count)]

    def array(self, field: int, kind: str) -> Any:
        """Return the numbers in a field, or no numbers."""
        import numpy as np

        place = self._at(field)
        if place is None:
            return np.zeros(0, kind)
        start = self._target(place)
        return np.frombuffer(self.content, kind, struct.unpack_from("<I", self.content, start)[0], start + 4)
