"""Damaged PyTorch and safetensors files: mutations of sound ones, and a run that lists or converts them.

`PYTHONPATH=.:tests python tests/support/pytorch_fuzz.py --count 20000` fails at the first that ends in anything but
success or a clear error of one line, and prints outcomes, time and peak memory. `--convert` converts each as well.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import struct
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from convert.pytorch.reader import read_pytorch
from convert.pytorch.state_dicts import find_state_dicts
from convert.pytorch.summary import summarize
from convert.pytorch.tensors import FormatError
from errors import UserError
from support.damaged_files import run_many

INTS = (0, 1, 2, 3, 127, 128, 255, 256, 65_535, 2**31 - 1, 2**32 - 1, 2**62, 2**64 - 1)


def sound_files() -> list[bytes]:
    """Return files of a small network and of a checkpoint, in all formats."""
    # Here and not above: what reads the files does without PyTorch, and its memory is measured.
    import torch
    from safetensors.torch import save as safetensors_bytes

    from support.pytorch_networks import TransformerNet, trained

    network = trained(TransformerNet(1, 1, last=3))
    checkpoint = {"epoch": 3, "state_dict": network.state_dict(), "optimizer": torch.optim.Adam(network.parameters())}
    checkpoint["optimizer"] = checkpoint["optimizer"].state_dict()
    odd = {"view": torch.arange(24.0).reshape(4, 6).t(), "half": torch.ones(3).half(), "list": [1, (2.5, "x", None)]}
    files = [safetensors_bytes(network.state_dict()), safetensors_bytes({"a": torch.ones(2, 3).bfloat16()})]
    for value in (network.state_dict(), checkpoint, odd):
        for options in ({}, {"_use_new_zipfile_serialization": False}, {"pickle_protocol": 4}):
            buffer = io.BytesIO()
            torch.save(value, buffer, **options)
            files.append(buffer.getvalue())
    return files


def generator_file() -> bytes:
    """Return the `.pth` file of a small generator of pictures."""
    import torch

    from support.pytorch_networks import TransformerNet

    buffer = io.BytesIO()
    torch.save(TransformerNet().state_dict(), buffer)
    return buffer.getvalue()


def mutations(data: bytes, seed: int) -> Iterator[bytes]:
    """Yield damaged copies of a file without end, the same ones for the same seed.

    Half of the zip files are damaged inside, with checksums that are right again.
    """
    numbers = random.Random(seed)
    while True:
        if data[:2] == b"PK" and numbers.random() < 0.7:
            yield _damaged_inside(data, numbers)
        else:
            yield _damaged(data, numbers)


def _damaged(data: bytes, numbers: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(numbers.choice((1, 1, 1, 2, 4))):
        if len(damaged) > 16:
            numbers.choice((_flip, _flip, _flip, _number, _cut, _copy, _delete))(damaged, numbers)
    return bytes(damaged)


def _damaged_inside(data: bytes, numbers: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = numbers.choice([name for name in members if name.endswith("data.pkl")] * 4 + list(members))
    members[name] = _damaged(members[name], numbers)
    result = io.BytesIO()
    compression = numbers.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(result, "w", compression) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return result.getvalue()


def _flip(data: bytearray, numbers: random.Random) -> None:
    # Mostly near the beginning, where names, sizes and calls stand.
    end = len(data) if numbers.random() < 0.3 else min(len(data), 6_000)
    data[numbers.randrange(end)] = numbers.choice((*b"(.])RbQtuq}cK\x80\x85\x86\x87", numbers.randrange(256)))


def _number(data: bytearray, numbers: random.Random) -> None:
    layout = numbers.choice(("<B", "<H", "<I", "<Q"))
    size = struct.calcsize(layout)
    value = numbers.choice(INTS) % 256**size
    struct.pack_into(layout, data, numbers.randrange(len(data) - size), value)


def _cut(data: bytearray, numbers: random.Random) -> None:
    del data[numbers.randrange(1, len(data)) :]


def _block(data: bytearray, numbers: random.Random) -> slice:
    size = min(numbers.choice((1, 2, 4, 16, 64, 256)), len(data) // 2)
    start = numbers.randrange(len(data) - size)
    return slice(start, start + size)


def _copy(data: bytearray, numbers: random.Random) -> None:
    at = numbers.randrange(len(data))
    data[at:at] = data[_block(data, numbers)]


def _delete(data: bytearray, numbers: random.Random) -> None:
    del data[_block(data, numbers)]


def read_all(path: Path) -> None:
    """List the tensors of a file and read the numbers of each."""
    summarize(path).encode("ascii")
    for state in find_state_dicts(read_pytorch(path)):
        for tensor in state.tensors.values():
            try:
                tensor.array().sum()
            except FormatError as error:
                raise UserError(f"{path}: {error}") from error


def convert(path: Path) -> None:
    """Convert a file as well."""
    from convert.pytorch.network import convert_pytorch

    convert_pytorch(path)


def outcome(path: Path, convert_too: bool) -> str:
    """Return "success" or "clear error"; raise what is neither."""
    try:
        read_all(path)
        if convert_too:
            convert(path)
    except UserError as error:
        message = str(error)
        if "\n" in message or str(path) not in message or len(message) > 1000 or not message.isascii():
            raise AssertionError(f"not a clear error: {message[:2000]!r}") from error
        return "clear error"
    return "success"


def run(count: int, seed: int, folder: Path, *, convert_too: bool = False) -> dict[str, object]:
    """Read `count` damaged files in `folder`; return what `run_many` does."""
    sources = [mutations(data, seed + index) for index, data in enumerate(sound_files())]
    path = folder / "damaged.pth"
    return run_many(
        count, lambda i: path.write_bytes(next(sources[i % len(sources)])), lambda: outcome(path, convert_too)
    )


def main() -> int:
    """Read damaged files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--convert", action="store_true")
    parser.add_argument("--folder", type=Path, help="where to leave the file that fails")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = run(arguments.count, arguments.seed, arguments.folder or Path(folder), convert_too=arguments.convert)
        print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
