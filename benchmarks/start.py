"""How long a whole process takes for its first picture, beside `import tensorflow` alone, and in how much memory.

`python -m benchmarks.start`: stylize_tensorflow.py and, with an exported ONNX file, stylize_tensorflow_graph.py on a
picture of 512 x 512 pixels. The processes take turns, with warm disks; figures are medians.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import alternate_processes, print_bars, print_table, run_process
from images.writing import write_image
from pipelines.model_library import find_model

SIZE = 512
IMPORT, KERAS, ONNX = "import tensorflow", "stylize_tensorflow.py", "stylize_tensorflow_graph.py, ONNX"
# What the program may take above `import tensorflow`, of that; seconds of the ONNX process; megabytes.
KERAS_BAR, ONNX_BAR, MEMORY_BAR = 0.25, 0.8, 800


def jobs(folder: Path, model: str) -> dict[str, list[str]]:
    """Return Python's arguments for each process, after writing its picture and its ONNX file into `folder`."""
    picture, exported = folder / "picture.png", folder / "model.onnx"
    write_image(picture, np.random.default_rng(0).random((SIZE, SIZE, 3), np.float32))
    run_process([
        "export_model.py", "--input", str(find_model(model)), "--output", str(exported), "--format", "onnx",
    ])  # fmt: skip
    given = ["--input", str(picture), "--output", str(folder / "out.png"), "--model"]
    return {
        IMPORT: ["-c", "import tensorflow"],
        KERAS: ["stylize_tensorflow.py", *given, model, "--overwrite"],
        ONNX: ["stylize_tensorflow_graph.py", *given, str(exported)],
    }


def measure(model: str, runs: int) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        taken = alternate_processes(jobs(Path(folder), model), runs)
    rows = [(name, f"{process.seconds:.2f}", f"{process.megabytes:.0f}") for name, process in taken.items()]
    print_table(f"One picture of {SIZE} x {SIZE}, whole process", ("process", "seconds", "MB"), rows)
    start = taken[IMPORT].seconds
    print_bars([
        (f"{KERAS} above {IMPORT}, of that", taken[KERAS].seconds / start - 1, KERAS_BAR),
        (f"{ONNX}, seconds", taken[ONNX].seconds, ONNX_BAR),
        (f"{KERAS}, MB", taken[KERAS].megabytes, MEMORY_BAR),
    ])  # fmt: skip


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="starry_night", metavar="NAME_OR_PATH", help="(default: %(default)s)")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    measure(arguments.model, arguments.runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
