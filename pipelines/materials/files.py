"""The output folder of a material: a file for each map, the packed ones, material.gltf and report.json."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from errors import UserError
from images.data.exr import MAX_HALF
from images.data.writing import write_map
from images.formats import MAP_DEPTHS
from images.temporary_files import remove_stale, whole_files
from pipelines.materials.gltf import FILE, PACKED, material, packed
from pipelines.materials.material import Material
from pipelines.materials.settings import MaterialSettings
from pipelines.materials.surface import Maps, is_map, role_of
from pipelines.outputs import made_folder
from runs.lock import hold
from runs.store import read_json, write_json

REPORT = "report.json"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make the folder of a material, and keep other runs away from it inside.

    A new folder in which nothing was written goes again.

    Raises:
        UserError: another run is using it.
    """
    with made_folder(folder), hold(folder / ".lock"):
        remove_stale(folder)
        yield


def check_range(maps: Maps, settings: MaterialSettings) -> None:
    """Raise UserError where a map has numbers that the format of the files cannot hold."""
    for key, values in maps.items():
        bits = settings.bits_of(key)
        if settings.format != "exr":
            low, high, allowed = 0.0, 1.0, "0 to 1, exr any values"
        elif bits == 16:
            low, high, allowed = -MAX_HALF, MAX_HALF, f"-{MAX_HALF:g} to {MAX_HALF:g} in 16 bits, any values in 32"
        else:
            continue
        if values.min() < low or values.max() > high:
            raise UserError(
                f"`maps` {key}: its values range from {values.min():g} to {values.max():g}; `format` {settings.format} "
                f"allows {allowed}"
            )


def write_material(folder: Path, result: Material, settings: MaterialSettings) -> list[Path]:
    """Write everything, and return the files: they appear when all are written, the report last, or none does.

    Files of the material that was there before go, where this one has none of their names.

    Args:
        folder: where to, see `held`.
        result: the surface and what is known of it.
        settings: in which formats.
    """
    names = {key: f"{key}.{settings.format}" for key in result.maps}
    earlier = _earlier_files(folder)
    with whole_files(folder) as place:
        for key, values in result.maps.items():
            write_map(place / names[key], values, bits=settings.bits_of(key), is_color=role_of(key).is_color)
        name = folder.absolute().name
        further = [] if settings.material is None else _write_gltf(place, name, result, names)
        files = [*names.values(), *further, REPORT]
        write_json(place / REPORT, {"files": files, **_report(result, settings, names)})
        # Before the new files come: where case does not count, one of these may have the name of a new one.
        for name in earlier - set(files):
            (folder / name).unlink(missing_ok=True)
    return [folder / name for name in files]


def _earlier_files(folder: Path) -> set[str]:
    """Return the files that the report of an earlier material lists.

    The report may be somebody else's: only names that this program gives count.
    """
    try:
        listed = list(read_json(folder / REPORT)["files"])
    except (UserError, KeyError, TypeError):  # no report, or none of a material
        return set()
    return {name for name in listed if isinstance(name, str) and _is_own(name) and (folder / name).is_file()}


def _is_own(name: str) -> bool:
    stem, _, suffix = name.partition(".")
    return name in (FILE, f"{PACKED}.png") or (suffix in MAP_DEPTHS and is_map(stem))


def _write_gltf(place: Path, material_name: str, result: Material, names: Mapping[str, str]) -> list[str]:
    """Write the files of a glTF material, and return their names."""
    files = dict(names)
    if (values := packed(result.maps)) is not None:
        files[PACKED] = f"{PACKED}.png"
        write_map(place / files[PACKED], values, bits=8, is_color=False)
    write_json(place / FILE, material(material_name, result.maps, files, tileable=result.tileable))
    return [name for key, name in files.items() if key not in names] + [FILE]


def _origin(key: str, result: Material) -> str:
    """Return where a map of the result comes from, in words for the report."""
    if key not in result.guesses:
        return "synthesised from the source's map"
    has_height = any(role_of(other).name == "height" for other in result.maps.keys() - set(result.guesses))
    known = {"normal": "the height", "roughness": "the base colour and the height"} if has_height else {}
    return f"a guess from {known.get(key, 'the base colour')}, not measured"


def _report(result: Material, settings: MaterialSettings, names: Mapping[str, str]) -> dict[str, Any]:
    height, width = next(iter(result.maps.values())).shape[:2]
    maps = {
        key: {
            "file": name,
            "role": role_of(key).name,
            "values": "sRGB" if role_of(key).is_color and settings.format != "exr" else "linear",
            "bits": settings.bits_of(key),
            "origin": _origin(key, result),
        }
        for key, name in names.items()
    }
    scores = dataclasses.asdict(result.scores)
    scores["register"] = result.scores.register
    return {
        "width": width,
        "height": height,
        "tileable": result.tileable,
        "maps": maps,
        "scores": scores,
        "synthesis": {"iterations": result.iterations, "seconds": round(result.seconds, 1), "loss": result.loss},
    }
