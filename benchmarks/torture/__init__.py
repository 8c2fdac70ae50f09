"""Attacks on the whole program: damaged and hostile files, damaged folders of runs, kills at any moment."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# The makers of damaged files are those of the tests.
sys.path.append(str(ROOT / "tests"))
