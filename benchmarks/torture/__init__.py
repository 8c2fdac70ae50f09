"""Attacks on the whole program: damaged and hostile files, damaged folders of runs, kills at any moment."""

import sys

from benchmarks.paths import ROOT

# The makers of damaged files are those of the tests.
sys.path.append(str(ROOT / "tests"))
