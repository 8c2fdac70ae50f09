"""How long reading a caffemodel of VGG-19 (574 MB) takes, and how much memory, against Python's protobuf.

`python -m benchmarks.caffe_reading` makes the file in a temporary folder (random numbers, fully connected
layers included) and reads it in processes of their own, in turn: with protobuf, every field of caffe.proto declared and
each blob made a NumPy array; with this program, which maps the file and leaves the numbers where they are; and the same
with each array then copied once, as Keras does.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.measure import print_table

CHANNELS = (3, *[64] * 2, *[128] * 2, *[256] * 4, *[512] * 8)
PRODUCTS = ((25088, 4096), (4096, 4096), (4096, 1000))

REPORT = """
print(json.dumps({"seconds": time.perf_counter() - start, "numbers": numbers,
                  "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""
PROTOBUF = """
import json, resource, sys, time
import numpy as np
from convert.caffe.file.schema import message_class
net_class = message_class("NetParameter")
start = time.perf_counter()
net = net_class()
with open(sys.argv[1], "rb") as file:
    net.ParseFromString(file.read())
arrays = [np.array(blob.data).reshape(blob.shape.dim) for layer in net.layer for blob in layer.blobs]
numbers = sum(array.size for array in arrays)
"""
MAPPED = """
import json, resource, sys, time
import numpy as np
from convert.caffe.file.model_file import read_caffemodel
start = time.perf_counter()
layers = read_caffemodel(sys.argv[1])
arrays = [blob.array(blob.dims) for layer in layers for blob in layer.blobs]
numbers = sum(array.size for array in arrays)
"""
COPIED = MAPPED + "for array in arrays: np.array(array)\n"
JOBS = {"protobuf and np.array": PROTOBUF, "this program": MAPPED, "this program, and a copy of each": COPIED}


def write_vgg19(path: Path) -> None:
    """Write a caffemodel in VGG-19's shapes, in the layout of today's Caffe."""
    random_numbers = np.random.default_rng(0)
    with path.open("wb") as file:
        for name, shape in _shapes():
            blobs = (_field(7, _blob(random_numbers.random(size, np.float32))) for size in (shape, shape[:1]))
            file.write(_field(100, _field(1, name) + b"".join(blobs)))


def _blob(array: np.ndarray) -> bytes:
    dims = b"".join(map(_varint, array.shape))
    return _field(5, array.tobytes()) + _field(7, _field(1, dims))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    data = bytearray()
    while value >= 0x80:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def _shapes() -> Iterator[tuple[bytes, tuple[int, ...]]]:
    for index, (inputs, outputs) in enumerate(itertools.pairwise(CHANNELS)):
        yield b"conv%d" % index, (outputs, inputs, 3, 3)
    for index, (inputs, outputs) in enumerate(PRODUCTS):
        yield b"fc%d" % (6 + index), (outputs, inputs)


def measure(code: str, path: Path) -> dict[str, float]:
    """Return what a process with `code` says of itself."""
    command = [sys.executable, "-c", code + REPORT, str(path)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vgg19.caffemodel"
        # In a process of its own: a child counts its parent's memory as its own peak.
        writer = multiprocessing.get_context("spawn").Process(target=write_vgg19, args=(path,))
        writer.start()
        writer.join()
        size = path.stat().st_size / 1e6
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in JOBS}
        for run in range(arguments.runs + 1):
            for name, code in JOBS.items():
                found = measure(code, path)
                if run > 0:  # the first warms up the file cache
                    taken[name].append((found["seconds"], found["megabytes"]))
    medians = {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in taken.items()}
    seconds, megabytes = medians["protobuf and np.array"]
    rows = [
        (name, f"{s:.3f}", f"{s / seconds:.2f}", f"{mb:.0f}", f"{mb / megabytes:.2f}")
        for name, (s, mb) in medians.items()
    ]
    print_table(f"Reading a caffemodel of {size:.0f} MB", ("with", "seconds", "ratio", "peak MB", "ratio"), rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
