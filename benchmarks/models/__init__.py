"""Networks of other programs converted, compared with the truth and exported: the page docs/models.md."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# What writes caffemodels and computes in PyTorch is the tests'.
sys.path.append(str(ROOT / "tests"))
