"""Networks of other programs converted, compared with the truth and exported: the page docs/models.md."""

import sys

from benchmarks.paths import ROOT

# What writes caffemodels and computes in PyTorch is the tests'.
sys.path.append(str(ROOT / "tests"))
