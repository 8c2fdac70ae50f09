"""The pictures that a synthesis is given: sources, a picture to start from, guides."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from errors import ArgumentError, UserError
from images.formats import READABLE_SUFFIXES
from images.reading import read_image
from images.resizing import resize
from pipelines.synthesis.settings import SynthesisSettings

# A label picture with more colours has most likely been through JPEG.
MAX_LABELS = 64


@dataclass(frozen=True, eq=False)
class SynthesisInputs:
    """Pictures in memory.

    Attributes:
        files: the sources' files.
        sources: for each a float32 array (height, width, 3) in [0, 1], resized as the settings ask.
        init: float32 (height, width, 3) of any size, or None.
        source_masks: for each region a bool array of the source's size; empty without guides.
        output_masks: for each region a bool array of any size; empty without guides.
    """

    files: list[Path]
    sources: list[np.ndarray]
    init: np.ndarray | None
    source_masks: list[np.ndarray]
    output_masks: list[np.ndarray]


def read_inputs(settings: SynthesisSettings) -> SynthesisInputs:
    """Read everything that the settings name.

    Raises:
        ArgumentError: a folder without pictures, guides that do not fit.
        ImageError: a picture cannot be read.
        UserError: no such file.
    """
    files = source_files(settings.source)
    sources = [_resized(read_image(path).pixels, settings) for path in files]
    init = None if settings.init is None else read_image(settings.init).pixels
    masks = _read_guides(settings, sources) if settings.guide else ([], [])
    return SynthesisInputs(files, sources, init, *masks)


def source_files(sources: Sequence[str | os.PathLike]) -> list[Path]:
    """Return the files among `sources` and the pictures in the folders among them (not in folders below), sorted.

    Raises:
        UserError: no such file or folder.
        ArgumentError: a folder without pictures.
    """
    files = []
    for path in map(Path, sources):
        if path.is_dir():
            found = sorted(p for p in path.iterdir() if p.suffix.lower() in READABLE_SUFFIXES and p.is_file())
            if not found:
                raise ArgumentError(f"--source {path}: no pictures in this folder")
            files += found
        elif path.exists():
            files.append(path)
        else:
            raise UserError(f"--source {path}: no such file or folder")
    return files


def _resized(pixels: np.ndarray, settings: SynthesisSettings) -> np.ndarray:
    height, width = pixels.shape[:2]
    if settings.source_width is not None:
        factor = settings.source_width / width
    elif settings.source_scale is not None:
        factor = settings.source_scale
    else:
        return pixels
    return resize(pixels, max(1, round(height * factor)), max(1, round(width * factor)))


def _read_guides(
    settings: SynthesisSettings, sources: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the masks of each region of the output, in the source and in the output."""
    if len(sources) != 1:
        raise ArgumentError(f"--guide needs a single source, not {len(sources)}")
    labels = [_read_labels(path) for path in settings.guide]
    colors = [{tuple(color) for color in np.unique(label.reshape(-1, 3), axis=0)} for label in labels]
    for path, found in zip(settings.guide, colors, strict=True):
        if len(found) > MAX_LABELS:
            raise ArgumentError(f"--guide {path}: {len(found)} colours; a label picture has at most {MAX_LABELS}")
    if missing := colors[1] - colors[0]:
        color = "/".join(map(str, min(missing)))
        raise ArgumentError(f"--guide: the colour {color} of {settings.guide[1]} is not in {settings.guide[0]}")
    height, width = sources[0].shape[:2]
    in_source = nearest(labels[0], height, width)
    regions = sorted(colors[1])
    source_masks = [(in_source == region).all(axis=-1) for region in regions]
    for region, mask in zip(regions, source_masks, strict=True):
        if not mask.any():
            raise ArgumentError(f"--guide: the region {'/'.join(map(str, region))} vanishes in the resized source")
    return source_masks, [(labels[1] == region).all(axis=-1) for region in regions]


def _read_labels(path: str | os.PathLike) -> np.ndarray:
    """Return a label picture as uint8 (height, width, 3)."""
    return np.round(read_image(path).pixels * 255).astype(np.uint8)


def nearest(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return `values` (rows, columns, ...) at another size, each pixel that of the nearest old one."""
    rows = (np.arange(height) + 0.5) * values.shape[0] // height
    columns = (np.arange(width) + 0.5) * values.shape[1] // width
    return values[rows.astype(int)[:, np.newaxis], columns.astype(int)]


def mirrored(values: np.ndarray, least: tuple[int, int]) -> np.ndarray:
    """Return `values` (rows, columns, ...), continued by mirroring at all sides where they are smaller than `least`."""
    missing = [max(0, wanted - side) for wanted, side in zip(least, values.shape, strict=False)]
    widths = [(count // 2, count - count // 2) for count in missing]
    return np.pad(values, [*widths, *[(0, 0)] * (values.ndim - 2)], mode="symmetric")
