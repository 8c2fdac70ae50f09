"""Synthesising all maps of a surface together: from maps in memory, or from files into a folder."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from errors import ArgumentError, UserError
from pipelines.inputs import check_input_files
from pipelines.materials.material import Material
from pipelines.materials.settings import MaterialSettings, check_derivable, check_folder
from pipelines.materials.surface import Maps, checked, role_of, stacked, with_unit_normals
from pipelines.outputs import check_utf8
from pipelines.synthesis.settings import SynthesisSettings
from pipelines.synthesis.synthesize import synthesize_pictures
from runs.resuming import Note
from runtimes.terminal import raise_lost_interrupt

if TYPE_CHECKING:
    from pipelines.materials.scores import Scores
    from runs.progress import Observer

# Options of a synthesis that a material has no use for: its pictures are its maps, and there is no folder of the run.
WITHOUT = frozenset(
    ("source", "init", "guide", "count", "loop", "if_weight", "if_shift", "if_order", "if_distance_type", "if_octaves")
)
WITHOUT |= {"morph", "mask", "output", "output_prefix", "output_dir", "save_every", "source_scale", "source_width"}
# In the order in which they are looked for: which map a surface is known by.
LEADING = ("baseColor", "height", "normal", "roughness", "metallic", "ao", "emissive")
# A source with a smaller side has too few neighbourhoods to choose from, and a surface too few to be compared with it.
MIN_SIDE, MIN_OUTPUT_SIDE = 32, 16
# Small surfaces hold few of the source's pieces, and by chance unlike ones: of several the one is kept whose maps are
# most like the source's to each other.
MAX_TRIES, MAX_TRIED_PIXELS = 3, 256 * 256


def synthesize_material(
    maps: Mapping[str, np.ndarray],
    *,
    derive: Sequence[str] = (),
    observers: Sequence[Observer] = (),
    note: Note = lambda line: None,
    observe: Callable[[float], object] = lambda share: None,
    **options: Any,
) -> Material:
    """Synthesise all maps of a surface together, so that they stay in register; nothing is written.

    The texture of the leading map, the base colour where there is one, is synthesised; then all maps take their values
    from the same places of the source, those whose neighbourhoods look like it (see
    `pipelines.materials.transfer`). A base colour alone is synthesised and nothing else.

    Args:
        maps: floats (height, width) or (height, width, channels) by key, see `pipelines.materials.surface.ROLES`:
            colours sRGB-encoded, in [0, 1]; normals as (n + 1) / 2.
        derive: maps to guess from the base colour, of "normal", "roughness", "height".
        observers: told after every iteration; each may raise StopIteration to end the synthesis with its result.
        note: told what the user should know before the run begins.
        observe: told the share that is done of what follows the synthesis: the search for the places of all maps.
        options: further ones of `SynthesisSettings`, but for WITHOUT; a surface is tileable unless told otherwise.

    Raises:
        ArgumentError: a key or an option is not allowed, or a map is too small.
        UserError: maps do not fit each other or their keys, there are no weights, or the loss is not a number any
            more.
    """
    began = time.perf_counter()
    source = checked(maps)
    settings = _settings(options)
    _check(source, derive, settings)
    wraps = settings.tileable in ("y", "both"), settings.tileable in ("x", "both")
    guide = leading_picture(source)
    texture = synthesize_pictures([guide], observers=observers, note=note, **_given(settings))
    surface = _surface(source, guide, texture.pixels, wraps, settings.random_seed, observe)
    guesses = _derived(surface, derive, wraps)
    return Material(
        maps={**surface, **guesses},
        guesses=tuple(guesses),
        tileable=settings.tileable,
        scores=_scores(surface, source, wraps),
        iterations=texture.iterations,
        seconds=time.perf_counter() - began,
        loss=texture.loss,
    )


def _settings(options: Mapping[str, Any]) -> SynthesisSettings:
    """Return the settings of the synthesis: a surface repeats unless told otherwise."""
    settings = SynthesisSettings(**{"tileable": "both", **options})
    defaults = {field.name: field.default for field in dataclasses.fields(settings)}
    given = [f"`{name}`" for name in sorted(WITHOUT) if getattr(settings, name) != defaults[name]]
    if given:
        raise ArgumentError(f"a material is synthesised without {', '.join(given)}")
    return settings


def _given(settings: SynthesisSettings) -> dict[str, Any]:
    """Return the options of a synthesis of pictures in memory."""
    names = [field.name for field in dataclasses.fields(settings) if field.name not in WITHOUT]
    return {name: getattr(settings, name) for name in names}


def _check(source: Maps, derive: Sequence[str], settings: SynthesisSettings) -> None:
    height, width = next(iter(source.values())).shape[:2]
    if min(height, width) < MIN_SIDE:
        raise UserError(f"`maps` of {width} x {height} pixels are too small: at least {MIN_SIDE} x {MIN_SIDE}")
    for name, side in zip(("output_width", "output_height"), settings.size[::-1], strict=True):
        if side < MIN_OUTPUT_SIDE:
            raise ArgumentError(f"`{name}` must be at least {MIN_OUTPUT_SIDE} for a material, not {side}")
    check_derivable(derive, source.keys())


def leading_picture(maps: Maps) -> np.ndarray:
    """Return the map that a surface is known by as a picture (height, width, 3) in [0, 1]; data use the whole range."""
    key = min(maps, key=lambda key: LEADING.index(role_of(key).name))
    values = maps[key]
    if not role_of(key).is_color:
        values = (values - values.min()) / max(1e-6, float(np.ptp(values)))
    return np.broadcast_to(values, (*values.shape[:2], 3)).astype(np.float32)


def _surface(
    source: Maps,
    source_guide: np.ndarray,
    guide: np.ndarray,
    wraps: tuple[bool, bool],
    seed: int,
    observe: Callable[[float], object],
) -> dict[str, np.ndarray]:
    """Return all maps of a surface that looks like the guide."""
    from pipelines.materials.scores import gradient_correlations, largest_difference
    from pipelines.materials.tiles import well_cut
    from pipelines.materials.transfer import assembled, corresponding

    if len(source) == 1 and role_of(next(iter(source))).is_color:
        return dict.fromkeys(source, guide)
    tries = MAX_TRIES if guide.shape[0] * guide.shape[1] <= MAX_TRIED_PIXELS else 1
    found = []
    for number in range(tries):
        generator = np.random.default_rng([seed, number])
        watch = partial(_tell_part, observe, number, tries)
        maps = assembled(source, corresponding(stacked(source), source_guide, guide, wraps, generator, watch))
        found.append({key: _mended(key, values) for key, values in maps.items()})
    wanted = gradient_correlations(source)
    best = min(found, key=lambda maps: largest_difference(gradient_correlations(maps), wanted))
    return well_cut(best, [axis for axis in (0, 1) if wraps[axis]])


def _tell_part(observe: Callable[[float], object], number: int, parts: int, share: float) -> None:
    """Tell how much of several parts is done by the share of one of them."""
    observe((number + share) / parts)


def _mended(key: str, values: np.ndarray) -> np.ndarray:
    return with_unit_normals(values) if role_of(key).name == "normal" else values


def _derived(surface: Maps, names: Sequence[str], wraps: tuple[bool, bool]) -> dict[str, np.ndarray]:
    if not names:
        return {}
    from pipelines.materials.derive import derived

    return derived(surface, names, wraps)


def _scores(surface: Maps, source: Maps, wraps: tuple[bool, bool]) -> Scores:
    from pipelines.materials.scores import scores

    return scores(surface, source, wraps)


def make_material(
    settings: MaterialSettings,
    output: str | os.PathLike | None,
    observers: Sequence[Observer] = (),
    *,
    note: Note,
    observe: Callable[[float], object] = lambda share: None,
    sources: Sequence[str | os.PathLike] = (),
    **options: Any,
) -> tuple[Material, list[Path]]:
    """Synthesise the maps that the settings name into a folder; return the surface and the files.

    Args:
        settings: what is asked for.
        output: the folder; it is made where it is missing.
        observers: as for `synthesize_material`, like the others.
        note: as there.
        observe: as there.
        sources: in place of maps, the file of a base colour.
        options: as there.

    Raises:
        ArgumentError, UserError: see `synthesize_material`; or files would be written over, or another run is using
            the folder.
        ImageError: a file cannot be read or written.
    """
    from images.data.exr import library
    from pipelines.materials.files import check_range, held, write_material
    from pipelines.materials.inputs import read_maps

    paths = _paths(settings, sources)
    folder = check_folder(output, paths)
    if settings.format == "exr":
        library()
        check_utf8(folder, "a folder for OpenEXR files")
    maps = read_maps(paths)
    check_range(maps, settings)
    with held(folder):
        result = synthesize_material(
            maps, derive=settings.derive, observers=observers, note=note, observe=observe, **options
        )
        raise_lost_interrupt()
        return result, write_material(folder, result, settings)


def _paths(settings: MaterialSettings, sources: Sequence[str | os.PathLike]) -> dict[str, Path]:
    """Return the files of the maps: those of `maps`, or a single source, which is a base colour."""
    if sources and settings.maps:
        raise ArgumentError("`source` and `maps` exclude each other: a base colour is baseColor=FILE")
    if settings.maps:
        return settings.paths
    if len(sources) != 1:
        raise ArgumentError("a material needs `maps` KEY=FILE, or `source` FILE, a single base colour")
    check_input_files(source=sources)
    return {"baseColor": Path(sources[0])}
