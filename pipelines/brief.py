"""Cutting runs short, so that tests can run the commands of the documentation as they are written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

# Where this variable is set, sizes and iterations are cut to these numbers at most, and nothing else changes.
VARIABLE = "TEXTURE_NETS_BRIEF"
MAX_PIXELS = dict.fromkeys(("output_width", "output_height", "image_size", "style_size", "end_scale", "size"), 64)
MAX_ITERATIONS = {"max_iter": 2, "num_iterations": 2, "iterations": 1, "initial_iterations": 2}


def cut_short(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of options by name; where VARIABLE asks for it, sizes and iterations are cut."""
    limits = MAX_PIXELS | MAX_ITERATIONS if os.environ.get(VARIABLE) else {}
    return {name: _at_most(value, limits[name]) if name in limits else value for name, value in values.items()}


def _at_most(value: Any, maximum: int) -> Any:
    """Return a number, or each of several, cut to the maximum; what is not given stays."""
    if isinstance(value, tuple | list):
        return tuple(_at_most(entry, maximum) for entry in value)
    if isinstance(value, str) and value.isdecimal():
        return str(min(int(value), maximum))
    return min(value, maximum) if isinstance(value, int) else value
