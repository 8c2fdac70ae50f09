"""The pictures that a synthesis is given: sources, a picture to start from, regions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from errors import ArgumentError
from images.errors import ImageError
from images.formats import READABLE_SUFFIXES
from images.picture import LUMA
from images.resizing import resize
from pipelines.inputs import check_input_files, pictures_in, read_opaque, read_sound
from pipelines.model_library import find_model
from pipelines.synthesis.sampling import sample_pictures
from pipelines.synthesis.settings import SynthesisSettings

# A label picture with more colours has most likely been through JPEG.
MAX_LABELS = 64
# Pixels a side of the sample that tells a generator's texture.
SAMPLE = 512


@dataclass(frozen=True, eq=False)
class SynthesisInputs:
    """Pictures in memory.

    Attributes:
        sources: for each a float32 array (height, width, 3) in [0, 1], resized as requested.
        init: float32 (height, width, 3) of any size, or None.
        source_masks: for each region a bool array of the source's size; empty without guides.
        output_masks: for each region a bool array of any size; empty without guides.
        is_morph: whether the output changes from the first of two sources to the second.
        mask: how much of the second source is wanted where, float32 (height, width) of any size in [0, 1], or None.
        files: by what they are, where the pictures were read from files.
    """

    sources: list[np.ndarray]
    init: np.ndarray | None
    source_masks: list[np.ndarray]
    output_masks: list[np.ndarray]
    is_morph: bool
    mask: np.ndarray | None
    files: dict[str, Path]

    @property
    def source_sizes(self) -> list[tuple[int, int]]:
        """(height, width) of each source."""
        return [source.shape[:2] for source in self.sources]


def read_inputs(settings: SynthesisSettings) -> SynthesisInputs:
    """Read everything that the settings name.

    Raises:
        ArgumentError: no source, no such file, a folder without pictures, guides that do not fit.
        ImageError: a picture cannot be read.
    """
    if not (settings.source or settings.morph):
        raise ArgumentError("`source` is needed: pictures of a texture, or folders of them")
    check_input_files(guide=settings.guide, morph=settings.morph, init=settings.init, mask=settings.mask)
    check_input_files(weights=settings.weights)
    if settings.morph is None:
        files, sources = zip(*read_sources(settings.source), strict=True)
        named = {f"source {i}": path for i, path in enumerate(files, start=1)}
    else:
        files = tuple(map(Path, settings.morph))
        sources = tuple(_read_texture(path, settings) for path in files)
        named = {f"texture {i}": path for i, path in enumerate(files, start=1)}
    guide = tuple(map(Path, settings.guide or ()))
    named |= {f"guide {i}": path for i, path in enumerate(guide, start=1)}
    others = {"picture to start from": settings.init, "mask": settings.mask}
    named |= {name: Path(path) for name, path in others.items() if path is not None}
    return make_inputs(
        sources,
        init=None if settings.init is None else read_opaque(settings.init),
        guide=[read_opaque(path) for path in guide] or None,
        is_morph=settings.morph is not None,
        mask=None if settings.mask is None else read_opaque(settings.mask),
        source_scale=settings.source_scale,
        source_width=settings.source_width,
        files=named,
    )


def make_inputs(
    sources: Sequence[np.ndarray],
    *,
    init: np.ndarray | None = None,
    guide: Sequence[np.ndarray] | None = None,
    is_morph: bool = False,
    mask: np.ndarray | None = None,
    source_scale: float | None = None,
    source_width: int | None = None,
    files: dict[str, Path] | None = None,
) -> SynthesisInputs:
    """Return the inputs that pictures in memory make.

    Args:
        sources: pictures of the texture, float32 (height, width, 3) in [0, 1].
        init: picture to start from, of any size, or None.
        guide: label pictures of the source and of the output, or None.
        is_morph: whether the output changes from the first of two sources to the second.
        mask: picture of where it does, black the first and white the second, or None.
        source_scale: factor by which the sources are resized, or None.
        source_width: width to which they are resized, or None.
        files: that the pictures were read from, by what they are.

    Raises:
        ArgumentError: guides that do not fit, a morph between other than two sources, or sources that would be too
            large.
    """
    if is_morph and len(sources) != 2:
        raise ArgumentError(f"`morph` needs two sources, not {len(sources)}")
    if mask is not None and not is_morph:
        raise ArgumentError("`mask` needs `morph`: it sets where the two textures are")
    resized = [_resized(source, source_scale, source_width) for source in sources]
    source_masks, output_masks = ([], []) if guide is None else _masks(guide, resized)
    shares = None if mask is None else mask @ LUMA
    return SynthesisInputs(resized, init, source_masks, output_masks, is_morph, shares, files or {})


def with_files(settings: SynthesisSettings) -> SynthesisSettings:
    """Return the settings with files in place of the names of generators, by which a run finds them from anywhere.

    Raises:
        ArgumentError: there is no such file or generator.
    """
    if settings.morph is None:
        return settings
    first, second = (
        Path(path) if _is_picture(path) else find_model(os.fspath(path), option="`morph`", textures=True)
        for path in settings.morph
    )
    return replace(settings, morph=(first, second))


def _is_picture(path: str | os.PathLike) -> bool:
    return Path(path).suffix.lower() in READABLE_SUFFIXES


def _read_texture(path: Path, settings: SynthesisSettings) -> np.ndarray:
    """Return the picture of a file, or a sample of a texture generator's."""
    if path.suffix != ".keras":
        return read_opaque(path)
    return next(sample_pictures(str(path), output_width=SAMPLE, random_seed=settings.random_seed, option="`morph`"))


def read_sources(sources: Sequence[str | os.PathLike]) -> list[tuple[Path, np.ndarray]]:
    """Return the files among `sources` and those in the folders among them (not in folders below), with their pixels.

    What cannot be read in a folder is left out, with a warning.

    Raises:
        ArgumentError: no such file, or a folder without pictures that can be read.
        ImageError: a file cannot be read.
    """
    there = [path for path in map(Path, sources) if os.path.lexists(path)]
    folders = {path: pictures_in(path, "source") for path in there if path.is_dir()}
    check_input_files(source=[path for path in sources if Path(path) not in folders])
    read = []
    for path in map(Path, sources):
        found = list(read_sound(folders[path])) if path in folders else [(path, read_opaque(path))]
        if not found:
            raise ArgumentError(f"`source` {path}: no picture in this folder can be read")
        read += found
    return read


def _resized(pixels: np.ndarray, scale: float | None, width: int | None) -> np.ndarray:
    rows, columns = pixels.shape[:2]
    factor = scale if width is None else width / columns
    if factor is None:
        return pixels
    try:
        return resize(pixels, max(1, round(rows * factor)), max(1, round(columns * factor)))
    except ImageError as error:
        raise ArgumentError(f"`{'source_scale' if width is None else 'source_width'}`: {error}") from error


def _masks(guide: Sequence[np.ndarray], sources: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the masks of each region of the output, in the source and in the output."""
    if len(sources) != 1:
        raise ArgumentError(f"`guide` needs a single source, not {len(sources)}")
    # As 8 bits a channel: these are the labels.
    labels = [np.round(picture * 255).astype(np.uint8) for picture in guide]
    colors = [{tuple(color) for color in np.unique(label.reshape(-1, 3), axis=0)} for label in labels]
    for place, found in zip(("source", "output"), colors, strict=True):
        if len(found) > MAX_LABELS:
            raise ArgumentError(
                f"`guide`: the label picture of the {place} has {len(found)} colours; at most {MAX_LABELS} are allowed"
            )
    if unknown := colors[1] - colors[0]:
        color = "/".join(map(str, min(unknown)))
        raise ArgumentError(f"`guide`: the colour {color} of the output's label picture is not in the source's")
    in_source = nearest(labels[0], *sources[0].shape[:2])
    regions = sorted(colors[1])
    source_masks = [(in_source == region).all(axis=-1) for region in regions]
    for region, mask in zip(regions, source_masks, strict=True):
        if not mask.any():
            raise ArgumentError(f"`guide`: the region {'/'.join(map(str, region))} vanishes in the resized source")
    return source_masks, [(labels[1] == region).all(axis=-1) for region in regions]


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
