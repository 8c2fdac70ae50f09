"""Where benchmarks find the program, and the folder of reference files: photos, paintings, textures and weights."""

from __future__ import annotations

import os
from pathlib import Path

from errors import UserError

ROOT = Path(__file__).resolve().parent.parent
SHARED_VARIABLE = "TEXTURE_NETS_SHARED"


def find_shared(given: Path | None = None) -> Path:
    """Return the folder of reference files: `given`, that of TEXTURE_NETS_SHARED, or ../shared.

    Raises:
        UserError: there is none.
    """
    shared = given or Path(os.environ.get(SHARED_VARIABLE, ROOT.parent / "shared"))
    if not shared.is_dir():
        raise UserError(f"{shared}: no such folder (of photos, paintings and weights, `shared`)")
    return shared
