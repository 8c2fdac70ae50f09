"""Damaged Caffe files: mutations of real ones, and a run that converts them.

`PYTHONPATH=.:tests python tests/support/caffe_fuzz.py --count 10000` fails at the first that ends in anything but
success or a clear error of one line, and prints outcomes, time and peak memory.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import keras

from convert.caffe.conversion import convert_caffe
from convert.caffe.file.model_file import read_caffemodel
from convert.caffe.summary import summarize
from errors import UserError
from support.caffe_cases import SHIPPED_CASES
from support.caffe_writer import caffemodel
from support.damaged_files import run_many

NUMBERS = ("0", "1", "-1", "2", "3", "7", "64", "100000", "2147483647", "4294967295", "-2147483648", "9" * 30, "1e38")
BYTES = (0, 1, 2, 8, 10, 0x22, 0x2D, 0x3A, 127, 128, 255)

Pair = tuple[bytes, bytes]


def sound_files(largest: int = 6_000) -> list[Pair]:
    """Return the small prototxts that ship with the tests, with their caffemodels, some in the old formats."""
    cases = [case for case in SHIPPED_CASES if case.caffemodel.stat().st_size <= largest]
    pairs = [(case.prototxt.read_bytes(), case.caffemodel.read_bytes()) for case in cases]
    for index, case in enumerate(cases):
        weights = {
            layer.name: [blob.array(blob.dims) for blob in layer.blobs] for layer in read_caffemodel(case.caffemodel)
        }
        form = ("V0", "V1", "new")[index % 3]
        pairs.append((case.prototxt.read_bytes(), caffemodel(weights, form=form, legacy=index % 2 == 0)))
    return pairs


def snapshots() -> list[Pair]:
    """Return the small prototxts that ship with the tests, with HDF5 snapshots of their numbers, some compressed."""
    cases = [case for case in SHIPPED_CASES if case.caffemodel.stat().st_size <= 6_000]
    return [
        (case.prototxt.read_bytes(), snapshot(case.caffemodel, "gzip" if index % 3 == 2 else None))
        for index, case in enumerate(cases)
    ]


def snapshot(path: Path, compression: str | None) -> bytes:
    """Return the numbers of a caffemodel as an HDF5 snapshot."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_group("data")
        for layer in read_caffemodel(path):
            for index, blob in enumerate(layer.blobs):
                name = f"data/{layer.name}/{index}"
                file.create_dataset(name, data=blob.array(blob.dims), compression=compression)
    return buffer.getvalue()


def mutations(pair: Pair, seed: int) -> Iterator[Pair]:
    """Yield damaged copies of a pair without end, the same ones for the same seed."""
    numbers = random.Random(seed)
    while True:
        prototxt, model = map(bytearray, pair)
        for _ in range(numbers.choice((1, 1, 1, 2, 4))):
            if numbers.random() < 0.5:
                numbers.choice((_change_number, _change_number, _change_word, _drop_word, _move_line, _damage_bytes))(
                    prototxt, numbers
                )
            else:
                numbers.choice((_damage_bytes, _damage_bytes, _cut, _copy_block, _delete_block))(model, numbers)
        yield bytes(prototxt), bytes(model)


def _replace(data: bytearray, pattern: bytes, text: str, numbers: random.Random) -> None:
    found = list(re.finditer(pattern, data))
    if found:
        match = numbers.choice(found)
        data[match.start() : match.end()] = text.encode()


def _change_number(data: bytearray, numbers: random.Random) -> None:
    _replace(data, rb"(?<=[ \[:,])-?[\d.]+", numbers.choice(NUMBERS), numbers)


def _change_word(data: bytearray, numbers: random.Random) -> None:
    """Put another word of the file, or junk, in the place of a word."""
    words = re.findall(rb"[\w\"']+", data) or [b"x"]
    junk = ("", "{", "}", ":", '"', "é\\", "layer", "nan", "true", "STOCHASTIC", "x" * 3000)
    text = numbers.choice(words).decode(errors="replace") if numbers.random() < 0.7 else numbers.choice(junk)
    _replace(data, rb"[\w\"']+", text, numbers)


def _drop_word(data: bytearray, numbers: random.Random) -> None:
    _replace(data, rb"\S+", "", numbers)


def _move_line(data: bytearray, numbers: random.Random) -> None:
    lines = data.split(b"\n")
    line = numbers.choice(lines)
    lines.insert(numbers.randrange(len(lines)), line)
    data[:] = b"\n".join(lines)


def _damage_bytes(data: bytearray, numbers: random.Random) -> None:
    for _ in range(numbers.choice((1, 1, 1, 4))):
        if data:
            at = numbers.randrange(len(data))
            data[at] = numbers.choice((*BYTES, data[at] ^ (1 << numbers.randrange(8)), (data[at] + 1) % 256))


def _cut(data: bytearray, numbers: random.Random) -> None:
    if data:
        del data[numbers.randrange(len(data)) :]


def _block(data: bytearray, numbers: random.Random) -> slice:
    size = min(numbers.choice((1, 2, 4, 16, 64, 256)), len(data) // 2)
    start = numbers.randrange(max(len(data) - size, 1))
    return slice(start, start + size)


def _copy_block(data: bytearray, numbers: random.Random) -> None:
    at = numbers.randrange(len(data) + 1)
    data[at:at] = data[_block(data, numbers)]


def _delete_block(data: bytearray, numbers: random.Random) -> None:
    del data[_block(data, numbers)]


def outcome(prototxt: Path, model: Path) -> str:
    """Return "success" or "clear error"; raise what is neither."""
    try:
        summarize(prototxt, model).encode()
        convert_caffe(prototxt, model)
    except UserError as error:
        message = str(error)
        if "\n" in message or not (str(prototxt) in message or str(model) in message):
            raise AssertionError(f"not a clear error: {message[:2000]!r}") from error
        return "clear error"
    return "success"


def run(count: int, seed: int, folder: Path) -> dict[str, object]:
    """Convert `count` damaged pairs in `folder`; return what `run_many` does."""
    sources = [mutations(pair, seed + index) for index, pair in enumerate(sound_files())]
    paths = folder / "damaged.prototxt", folder / "damaged.caffemodel"

    def write(number: int) -> None:
        for path, data in zip(paths, next(sources[number % len(sources)]), strict=True):
            path.write_bytes(data)
        if number % 200 == 199:
            keras.backend.clear_session()

    return run_many(count, write, lambda: outcome(*paths))


def main() -> int:
    """Convert damaged files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to leave the pair that fails")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(arguments.count, arguments.seed, arguments.folder or Path(folder))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
