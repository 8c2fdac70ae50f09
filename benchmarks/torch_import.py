"""How long importing a Torch7 network takes, against importing TensorFlow and saving such a model.

`python -m benchmarks.torch_import MODEL.t7` (a full-width johnson file has 6.7 MB).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import alternate_processes, print_table

SAVE_ALONE = """
import sys
import tensorflow
from model.generators.registry import build_generator
build_generator("johnson").save(sys.argv[1])
"""


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        saved, imported = Path(folder) / "saved.keras", Path(folder) / "imported.keras"
        jobs = {
            "TensorFlow and saving alone": ["-c", SAVE_ALONE, str(saved)],
            "import_torch_weights.py": [
                "import_torch_weights.py", "--input", str(arguments.model), "--output", str(imported)
            ],
        }  # fmt: skip
        taken = alternate_processes(jobs, arguments.runs)
    alone = taken["TensorFlow and saving alone"].seconds
    rows = [
        (name, f"{process.seconds:.2f}", f"{process.seconds / alone:.2f}", f"{process.megabytes:.0f}")
        for name, process in taken.items()
    ]
    print_table(f"Import of {arguments.model.name}", ("what", "seconds", "ratio", "MB"), rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
