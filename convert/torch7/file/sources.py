"""The plain values of a Torch7 file, binary or ascii, each checked against the end of the file.

Layout as written by torch7's `THDiskFile.c` (little-endian): a C int for types, lengths and object numbers,
a C long (4 or 8 bytes) for sizes, strides and offsets of tensors. Ascii files hold one value or one array a
line; strings, bytes and chars stand there as they are.
"""

from __future__ import annotations

import mmap
import struct
from typing import Any

import numpy as np

# Torch's names of number types; "Long" is as long as the file's C long.
NUMPY_TYPES: dict[str, np.dtype[Any]] = {
    "Byte": np.dtype("<u1"),
    "Char": np.dtype("<i1"),
    "Short": np.dtype("<i2"),
    "Int": np.dtype("<i4"),
    "Long": np.dtype("<i8"),
    "Half": np.dtype("<f2"),
    "Float": np.dtype("<f4"),
    "Double": np.dtype("<f8"),
}


Data = bytes | mmap.mmap


class FormatError(Exception):
    """Something in a Torch7 file that cannot be; says at which byte."""

    def __init__(self, offset: int, found: str, expected: str) -> None:
        super().__init__(f"byte {offset}: found {found}, expected {expected}")


def _check_count(offset: int, count: int, room: int, what: str) -> None:
    """Raise where `count` units of data cannot stand in the `room` that is left."""
    if count < 0:
        raise FormatError(offset, f"the negative length {count} of {what}", "0 or more")
    if count > room:
        raise FormatError(offset, f"the end of the file inside {what} of length {count}", f"at most {room}")


class BinarySource:
    """A binary file whose C long has `long_size` bytes, 4 or 8; `offset` is where the next value stands."""

    def __init__(self, data: Data, long_size: int) -> None:
        self.data = data
        self.offset = 0
        self._long = {4: "i", 8: "q"}[long_size]
        self._types = NUMPY_TYPES | {"Long": np.dtype(f"<i{long_size}")}

    def _unpack(self, layout: str) -> tuple:
        start, end = self.offset, self.offset + struct.calcsize(layout)
        if end > len(self.data):
            raise FormatError(start, "the end of the file", f"a number of {end - start} bytes")
        self.offset = end
        return struct.unpack_from(layout, self.data, start)

    def read_int(self) -> int:
        """Return the next C int."""
        return self._unpack("<i")[0]

    def read_double(self) -> float:
        """Return the next C double."""
        return self._unpack("<d")[0]

    def read_longs(self, count: int) -> list[int]:
        """Return the next `count` C longs."""
        return list(self._unpack(f"<{count}{self._long}"))

    def skip_bytes(self, count: int, what: str) -> None:
        """Pass over `count` bytes; `what` names them in errors."""
        _check_count(self.offset, count, len(self.data) - self.offset, what)
        self.offset += count

    def read_bytes(self, count: int, what: str) -> bytes:
        """Return the next `count` bytes; `what` names them in errors."""
        start = self.offset
        self.skip_bytes(count, what)
        return self.data[start : self.offset]

    def read_array(self, kind: str, count: int) -> np.ndarray:
        """Return `count` numbers of a `kind` in `NUMPY_TYPES` as a read-only view of the file's bytes."""
        dtype, start = self._types[kind], self.offset
        _check_count(start, count, (len(self.data) - start) // dtype.itemsize, f"{kind} numbers")
        self.offset += count * dtype.itemsize
        return np.frombuffer(self.data, dtype=dtype, count=count, offset=start)


class AsciiSource:
    """An ascii file; `offset` is where the next value stands."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.offset = 0

    def _read_numbers(self, dtype: np.dtype, count: int) -> np.ndarray:
        """Return the `count` numbers of one line."""
        start, end = self.offset, self.data.find(b"\n", self.offset)
        if end < 0:
            end = len(self.data)
        self.offset = min(end + 1, len(self.data))
        tokens = self.data[start:end].split()
        if len(tokens) != count:
            raise FormatError(start, f"a line of {len(tokens)} values", f"a line of {count}")
        try:
            convert = float if dtype.kind == "f" else int
            with np.errstate(over="ignore"):  # numbers too large for the type become infinite, as in C
                return np.fromiter(map(convert, tokens), dtype=dtype, count=count)
        except (ValueError, OverflowError):
            found = f"the line {self.data[start:end][:40]!a}"
            raise FormatError(start, found, f"{count} {dtype.name} numbers") from None

    def read_int(self) -> int:
        """Return the next C int."""
        return int(self._read_numbers(NUMPY_TYPES["Int"], 1)[0])

    def read_double(self) -> float:
        """Return the next C double."""
        return float(self._read_numbers(NUMPY_TYPES["Double"], 1)[0])

    def read_longs(self, count: int) -> list[int]:
        """Return the next `count` C longs."""
        return self.read_array("Long", count).tolist()

    def skip_bytes(self, count: int, what: str) -> None:
        """Pass over `count` bytes and the newline after them, which 0 bytes do not have."""
        _check_count(self.offset, count, len(self.data) - self.offset, what)
        self.offset += count
        if count and self.offset < len(self.data):
            if self.data[self.offset] != ord("\n"):
                raise FormatError(self.offset, f"no newline after {what} of length {count}", "a newline")
            self.offset += 1

    def read_bytes(self, count: int, what: str) -> bytes:
        """Return the next `count` bytes; `what` names them in errors."""
        start = self.offset
        self.skip_bytes(count, what)
        return self.data[start : start + count]

    def read_array(self, kind: str, count: int) -> np.ndarray:
        """Return `count` numbers of a `kind` in `NUMPY_TYPES`, read-only."""
        dtype = NUMPY_TYPES[kind]
        if dtype.itemsize == 1:
            return np.frombuffer(self.read_bytes(count, f"{kind} numbers"), dtype=dtype)
        room = (len(self.data) - self.offset + 1) // 2  # each has a digit and a blank or newline
        _check_count(self.offset, count, room, f"{kind} numbers")
        array = self._read_numbers(dtype, count) if count else np.empty(0, dtype)
        array.flags.writeable = False
        return array


Source = BinarySource | AsciiSource
