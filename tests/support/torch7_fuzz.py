"""Damaged Torch7 files: mutations of real ones, and a run that reads them and prints their module trees.

`PYTHONPATH=.:tests python tests/support/torch7_fuzz.py --count 20000` fails at the first that ends in anything but
success or a clear error of one line, and prints outcomes, time and peak memory.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from convert.torch7.file.reader import read_t7
from convert.torch7.summary import summary
from errors import UserError
from support.damaged_files import run_many
from support.torch7_cases import SHIPPED_CASES
from support.torch7_writer import write_t7

INTS = (0, 1, -1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 255, 65536, 2**24, 2**31 - 1, -(2**31))
NUMBERS = (0.0, 1.0, -1.0, 0.5, 2.0, 3.0, 7.0, 64.0, 1e5, 2.0**31, 2.0**53, 1e300, float("inf"), float("nan"))
LONGS = (*INTS, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, -(2**63))
CUDA_HALF = {
    "torch.FloatStorage": "torch.CudaHalfStorage",
    "torch.FloatTensor": "torch.CudaHalfTensor",
}


def sound_files(largest: int = 14_000) -> list[bytes]:
    """Return the small model files that ship with the tests, and some of them in the other formats."""
    paths = [case.path for case in SHIPPED_CASES if case.path.stat().st_size <= largest]
    files = [path.read_bytes() for path in paths]
    for path in paths[::4]:
        if path.stem != "m_contiguous_copy":  # has functions, which are skipped and cannot be written again
            value = read_t7(path)
            files += [write_t7(value, mode="ascii"), write_t7(value, long_size=4)]
            files.append(write_t7(value, renamed=CUDA_HALF))
    return files


def mutations(data: bytes, seed: int) -> Iterator[bytes]:
    """Yield damaged copies of a file without end, the same ones for the same seed."""
    random_numbers = random.Random(seed)
    is_ascii = data[1:2] == b"\n"
    kinds = [_flip_bytes, _cut, _copy_block, _delete_block, _swap_blocks]
    kinds += 4 * [_change_line] if is_ascii else 2 * [_change_int, _change_length, _change_number]
    while True:
        damaged = bytearray(data)
        for _ in range(random_numbers.choice((1, 1, 1, 1, 2, 4))):
            if len(damaged) > 16:
                random_numbers.choice(kinds)(damaged, random_numbers)
        yield bytes(damaged)


def _flip_bytes(data: bytearray, numbers: random.Random) -> None:
    for _ in range(numbers.choice((1, 1, 1, 4))):
        data[numbers.randrange(len(data))] ^= numbers.choice((1, 2, 16, 128, 255, numbers.randrange(1, 256)))


def _change_int(data: bytearray, numbers: random.Random) -> None:
    """Overwrite four or eight bytes somewhere."""
    at = numbers.randrange(len(data) - 8)
    if numbers.random() < 0.5:
        struct.pack_into("<i", data, at, numbers.choice((*INTS, len(data))))
    else:
        struct.pack_into("<q", data, at, numbers.choice((*LONGS, len(data))))


def _change_length(data: bytearray, numbers: random.Random) -> None:
    """Change something that looks like a type, a length or a size: a small int."""
    start = numbers.randrange(len(data) - 8)
    for at in range(start, len(data) - 8):
        (value,) = struct.unpack_from("<i", data, at)
        if 0 < value < 4096:
            wide = not any(data[at + 4 : at + 8]) and numbers.random() < 0.3
            new = numbers.choice((value - 1, value + 1, value * 2, *INTS, *(LONGS if wide else ())))
            struct.pack_into("<q" if wide else "<i", data, at, new)
            return


def _change_number(data: bytearray, numbers: random.Random) -> None:
    """Change a Lua number: the size of a kernel, a stride, a dimension, a constant."""
    places = [match.start() + 4 for match in re.finditer(rb"\x01\x00{3}(?=.{7}[?@\xbf\xc0])", data, re.DOTALL)]
    if places:
        at = numbers.choice(places)
        (value,) = struct.unpack_from("<d", data, at)
        struct.pack_into("<d", data, at, numbers.choice((value + 1, value - 1, -value, *NUMBERS)))


def _change_line(data: bytearray, numbers: random.Random) -> None:
    """Change a number of an ascii file, or double or remove its line."""
    lines = list(re.finditer(rb"^-?\d+$", data, re.MULTILINE))
    if not lines:
        return
    line = numbers.choice(lines)
    text = b"%d" % numbers.choice((int(line[0]) - 1, int(line[0]) + 1, *LONGS))
    text = numbers.choice((text, text, text, b"", line[0] + b" 1", line[0] + b"\n" + line[0], b"nan", b"9" * 400))
    data[line.start() : line.end()] = text


def _cut(data: bytearray, numbers: random.Random) -> None:
    del data[numbers.randrange(1, len(data)) :]


def _block(data: bytearray, numbers: random.Random) -> slice:
    size = min(numbers.choice((1, 4, 8, 16, 64, 256, 1024)), len(data) // 2)
    start = numbers.randrange(len(data) - size)
    return slice(start, start + size)


def _copy_block(data: bytearray, numbers: random.Random) -> None:
    at = numbers.randrange(len(data))
    data[at:at] = data[_block(data, numbers)]


def _delete_block(data: bytearray, numbers: random.Random) -> None:
    del data[_block(data, numbers)]


def _swap_blocks(data: bytearray, numbers: random.Random) -> None:
    one = _block(data, numbers)
    start = numbers.randrange(len(data) - (one.stop - one.start))
    other = slice(start, start + one.stop - one.start)
    data[one], data[other] = data[other], data[one]


def read_and_print(path: Path) -> None:
    """Read a file and print its tree, as `--summary` does."""
    summary(read_t7(path)).encode("ascii")


def run(count: int, seed: int) -> dict[str, object]:
    """Read and print `count` damaged files; return what `run_many` does."""
    sources = [mutations(data, seed + i) for i, data in enumerate(sound_files())]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.t7"
        return run_many(count, lambda i: path.write_bytes(next(sources[i % len(sources)])), lambda: outcome(path))


def outcome(path: Path) -> str:
    """Return "success" or "clear error"; raise what is neither."""
    try:
        read_and_print(path)
    except UserError as error:
        message = str(error)
        if "\n" in message or str(path) not in message or len(message) > 600:
            raise AssertionError(f"not a clear error: {message[:2000]!r}") from error
        return "clear error"
    return "success"


def main() -> int:
    """Run the damaged files through the reader under a limit of memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--megabytes", type=int, help="limit of the address space")
    arguments = parser.parse_args()
    if arguments.megabytes:
        limit = arguments.megabytes << 20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    print(json.dumps(run(arguments.count, arguments.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
