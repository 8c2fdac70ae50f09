"""The impartial judge of textures: the statistics of Portilla & Simoncelli 2000, by the package plenoptic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from plenoptic.models import PortillaSimoncelli

from benchmarks.quality.lattice import luma

SCALES = 4
# Statistics that tie neighbouring scales together, which no loss of one scale can see.
CROSS_SCALE = ("cross_scale_correlation_magnitude", "cross_scale_correlation_real")


@dataclass(frozen=True)
class PortillaSimoncelliDistance:
    """How far the statistics of two pictures are apart, each relative to the source's.

    Attributes:
        whole: |s - s*| / |s*| of all statistics.
        cross_scale: the same of those in CROSS_SCALE.
    """

    whole: float
    cross_scale: float


def portilla_simoncelli_distance(picture: np.ndarray, source: np.ndarray) -> PortillaSimoncelliDistance:
    """Return the distance of two pictures (height, width, 3) in [0, 1], of any sizes; colours do not count."""
    found, wanted = map(_statistics, (picture, source))
    whole = [np.concatenate(list(values.values())) for values in (found, wanted)]
    across = [np.concatenate([values[name] for name in CROSS_SCALE]) for values in (found, wanted)]
    return PortillaSimoncelliDistance(_relative(*whole), _relative(*across))


def _statistics(picture: np.ndarray) -> dict[str, np.ndarray]:
    """Return the statistics of the luma by name; the picture is cut to what can be halved SCALES times."""
    gray = luma(picture)
    height, width = (size // 2**SCALES * 2**SCALES for size in gray.shape)
    model = PortillaSimoncelli((height, width), n_scales=SCALES)
    with torch.no_grad():
        found = model.convert_to_dict(model(torch.from_numpy(gray[:height, :width].copy())[None, None]))
    # Those that follow from others by symmetry are NaN.
    flat = {name: np.asarray(values).ravel() for name, values in found.items()}
    return {name: values[np.isfinite(values)] for name, values in flat.items()}


def _relative(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))
