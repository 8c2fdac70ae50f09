"""The settings of a material, beside those of a synthesis."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from errors import ArgumentError, unknown_name
from images.formats import MAP_DEPTHS
from options import check, described, option, refuse
from pipelines.materials.surface import DERIVABLE, DIRECTX_NORMALS, ROLES, role_of
from pipelines.outputs import check_folder_output
from runs.lock import check_replaceable

MATERIALS = ("gltf",)
# Stems of the files that are written, beside those of maps under other names.
WRITTEN = {*ROLES, "normalDX", "occlusionRoughnessMetallic", "material", "report"}


@described
@dataclass(frozen=True, kw_only=True)
class MaterialSettings:
    """The options of a material.

    Raises:
        ArgumentError: an option has a value that is not allowed.
    """

    maps: tuple[str, ...] = option(
        "maps of one surface, which are synthesised together and stay in register; keys: " + ", ".join(ROLES)
        + "; writes KEY.png each and report.json into the folder that --output names",
        default=(), count="+", metavar="KEY=FILE",
    )  # fmt: skip
    derive: tuple[str, ...] = option(
        f"maps to guess from the base colour (of --maps, or --source): {' '.join(DERIVABLE)}",
        default=(), count="+", commas=True, metavar="NAME",
    )  # fmt: skip
    material: str | None = option("also write a material of the maps: glTF 2.0 (material.gltf)", choices=MATERIALS)
    format: str = option("format of the maps", default="png", choices=tuple(MAP_DEPTHS))
    bits: int | None = option(
        "bits of a channel: 8 or 16 (png, tiff), 16 or 32 (exr)",
        kind=int, default_text="8, exr 16; heights 16, exr 32",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check(self)
        if not self.is_asked_for:
            refuse(self, ("format", "bits"), "needs `maps` or `derive`")
        depths = MAP_DEPTHS[self.format]
        if self.bits not in (None, *depths):
            allowed = " or ".join(map(str, depths))
            raise ArgumentError(f"`bits` must be {allowed} for `format` {self.format}, not {self.bits}")
        if self.material is not None and self.format != "png":
            raise ArgumentError(f"`material` {self.material} needs `format` png: glTF supports only PNG and JPEG")
        turned = [key for key in self.paths if key.lower() in DIRECTX_NORMALS]
        if self.material is not None and turned:
            raise ArgumentError(
                f"`material` {self.material} needs normals as in OpenGL: invert the green channel of `maps` "
                f"{turned[0]}, and name it normal"
            )
        check_derivable(self.derive, tuple(self.paths))

    @property
    def is_asked_for(self) -> bool:
        """Whether any option asks for a material."""
        return bool(self.maps or self.derive or self.material)

    @property
    def paths(self) -> dict[str, Path]:
        """Files of the maps by key.

        Raises:
            ArgumentError: a map is not KEY=FILE, its key is unknown, or it is there twice.
        """
        paths: dict[str, Path] = {}
        for text in self.maps:
            key, equals, path = text.partition("=")
            if not (key and equals and path):
                raise ArgumentError(f"`maps` {text!r} is not KEY=FILE, such as baseColor=stones.png")
            role_of(key)
            if key in paths:
                raise ArgumentError(f"`maps`: {key} is given twice")
            paths[key] = Path(path)
        return paths

    def bits_of(self, key: str) -> int:
        """Return the bits of a channel of a map: heights have the larger depth, or banks show in light."""
        usual, deep = MAP_DEPTHS[self.format]
        return self.bits or (deep if role_of(key).name == "height" else usual)


def check_derivable(names: Sequence[str], keys: Collection[str]) -> None:
    """Raise ArgumentError where maps cannot be guessed.

    Args:
        names: of the maps to guess.
        keys: of the maps that are there; none: a base colour is to come.
    """
    given = {role_of(key).name for key in keys}
    for name in names:
        if name not in DERIVABLE:
            raise ArgumentError(unknown_name("map in `derive`", name, DERIVABLE))
        if name in given or names.count(name) > 1:
            raise ArgumentError(f"`derive`: {name} is already given")
    has_origin = "baseColor" in given or ("height" in given and set(names) <= {"normal"})
    if names and given and not has_origin:
        raise ArgumentError("`derive` needs a base colour in `maps`: baseColor=FILE")


def check_folder(folder: str | os.PathLike | None, paths: Mapping[str, Path]) -> Path:
    """Return the folder of the results.

    Raises:
        ArgumentError: it is not given, is a file, or holds a map that would be written over.
        UserError: something else than a writable file stands in it where a map or the report will be written.
    """
    if folder is None:
        raise ArgumentError("a material needs `output` FOLDER")
    target = Path(folder)
    check_folder_output(target)
    inside = [path for path in paths.values() if Path(os.path.realpath(path)).parent == Path(os.path.realpath(target))]
    if inside:
        raise ArgumentError(f"`output` {target} holds {inside[0].name}, one of the input maps: choose another folder")
    check_replaceable(path for path in target.glob("*.*") if path.stem in {*WRITTEN, *paths})
    return target
