"""The maps of a surface: names, numbers of channels, and meaning of the values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from errors import ArgumentError, UserError, unknown_name

# How far the channels of a map that is grey may lie apart: JPEG moves them a little.
MAX_CHANNEL_DIFFERENCE = 4 / 255
# Blue of normals that lie in the surface; tangent-space normals point out of it, and have more.
MIN_BLUE = 0.5
# Standard deviation below which a map counts as constant: a level of 8 bits; of heights, whose unit may be anything,
# relative to their largest number where that is below 1.
MIN_DEVIATION = 1 / 255

# Names of normals whose y points down the picture, as in DirectX and Unreal; all others point up it, as in OpenGL.
DIRECTX_NORMALS = ("normaldx", "nor_dx")
# Maps that can be guessed from a photo.
DERIVABLE = ("normal", "roughness", "height")

Maps = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Role:
    """What a map is.

    Attributes:
        name: as glTF has it, or this program.
        channels: 1 or 3.
        is_color: whether it holds sRGB-encoded colours; else the numbers are data.
        synonyms: other names that engines and libraries of materials have for it, in lower case.
    """

    name: str
    channels: int = 1
    is_color: bool = False
    synonyms: tuple[str, ...] = ()


ROLES = {
    role.name: role
    for role in (
        Role("baseColor", 3, True, ("albedo", "diffuse", "color", "diff", "col")),
        Role("normal", 3, synonyms=("normalgl", "nor_gl", "nor", *DIRECTX_NORMALS)),
        Role("roughness", synonyms=("rough",)),
        Role("metallic", synonyms=("metalness", "metal")),
        Role("height", synonyms=("displacement", "disp", "bump")),
        Role("ao", synonyms=("ambientocclusion", "occlusion")),
        Role("emissive", 3, True, ("emission",)),
    )
}
_NAMES = {name: role for role in ROLES.values() for name in (role.name.lower(), *role.synonyms)}


def is_map(key: str) -> bool:
    """Say whether a map is called so."""
    return key.lower() in _NAMES


def role_of(key: str) -> Role:
    """Return what the map of a key is; upper and lower case are the same.

    Raises:
        ArgumentError: no map is called so.
    """
    role = _NAMES.get(key.lower())
    if role is None:
        known = [name for known in ROLES.values() for name in (known.name, *known.synonyms)]
        raise ArgumentError(unknown_name("map in `maps`", key, known))
    return role


def of_role(maps: Maps, name: str) -> np.ndarray | None:
    """Return the map of a role, or None where there is none."""
    return next((values for key, values in maps.items() if role_of(key).name == name), None)


def checked(maps: Maps) -> dict[str, np.ndarray]:
    """Return maps as float32 (height, width, channels of their roles), normals of unit length.

    Args:
        maps: (height, width), (height, width, 1) or (height, width, 3) by key.

    Raises:
        ArgumentError: a key is unknown, or two are the same map, or there is none.
        UserError: sizes differ, or a map has other channels or numbers than its role allows.
    """
    roles = {key: role_of(key).name for key in maps}
    if not roles:
        raise ArgumentError("`maps` is needed: KEY=FILE for each map of a surface")
    twice = sorted(key for key, name in roles.items() if list(roles.values()).count(name) > 1)
    if twice:
        raise ArgumentError(f"`maps`: {' and '.join(twice)} are the same map")
    _check_sizes(maps)
    return {key: _checked(key, np.asarray(values, np.float32)) for key, values in maps.items()}


def _check_sizes(maps: Maps) -> None:
    sizes = {key: values.shape[:2] for key, values in maps.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{key} {width} x {height}" for key, (height, width) in sizes.items())
        raise UserError(f"`maps`: the maps of a surface must have the same size, not {told}")


def _checked(key: str, values: np.ndarray) -> np.ndarray:
    role = role_of(key)
    values = values.reshape(*values.shape[:2], -1)
    if not np.isfinite(values).all():
        raise UserError(f"`maps` {key}: it contains NaN or infinite values")
    if role.is_color:
        return np.clip(np.broadcast_to(values, (*values.shape[:2], 3)), 0, 1)
    if role.channels == 3:
        return _normals(key, values)
    if not _is_grey(values):
        raise UserError(f"`maps` {key}: it must be grey, but its channels differ (are several maps packed into it?)")
    if role.name == "height":
        return values.mean(axis=2, keepdims=True)
    if values.min() < -MAX_CHANNEL_DIFFERENCE or values.max() > 1 + MAX_CHANNEL_DIFFERENCE:
        extent = f"from {values.min():g} to {values.max():g}"
        raise UserError(f"`maps` {key}: its values range {extent}; those of every map but the height must be 0 to 1")
    return np.clip(values, 0, 1).mean(axis=2, keepdims=True)


def _normals(key: str, values: np.ndarray) -> np.ndarray:
    if values.shape[2] != 3:
        raise UserError(f"`maps` {key}: a map of normals must have 3 channels, not {values.shape[2]}")
    if _is_grey(values):
        raise UserError(f"`maps` {key}: a map of normals must be in colours, but it is grey (is it a height?)")
    if values[..., 2].mean() < MIN_BLUE:
        raise UserError(
            f"`maps` {key}: its normals point into the surface, as its blue is {values[..., 2].mean():.2g} on average; "
            "blue must be z, from 0.5 to 1 (does it hold x and y alone?)"
        )
    return with_unit_normals(values)


def _is_grey(values: np.ndarray) -> bool:
    return bool(np.ptp(values, axis=2).max() <= MAX_CHANNEL_DIFFERENCE)


def with_unit_normals(values: np.ndarray) -> np.ndarray:
    """Return encoded normals (n + 1) / 2 with vectors of unit length; where there is no direction: straight up."""
    vectors = 2 * values - 1
    lengths = np.linalg.norm(vectors, axis=2, keepdims=True)
    upright = np.array([0, 0, 1], np.float32)
    unit = np.where(lengths > 1e-3, vectors / np.maximum(lengths, 1e-3), upright)
    return ((unit + 1) / 2).astype(np.float32)


def stacked(maps: Maps, like: Maps | None = None) -> np.ndarray:
    """Return all maps as channels of one array (height, width, channels), each map with mean 0 and variance 1.

    The variance is that of a map's channels together; maps that are constant are all 0.

    Args:
        maps: of a surface.
        like: the surface whose means and variances are meant; None: this one.
    """
    return np.concatenate([_standardized(key, values, (like or maps)[key]) for key, values in maps.items()], axis=2)


def least_deviation(key: str, values: np.ndarray) -> float:
    """Return the standard deviation up to which a map counts as constant."""
    unit = min(1.0, float(np.abs(values).max())) if role_of(key).name == "height" else 1.0
    return MIN_DEVIATION * unit


def _standardized(key: str, values: np.ndarray, like: np.ndarray) -> np.ndarray:
    mean = like.mean(axis=(0, 1))
    deviation = np.sqrt(np.square(like - mean).sum(axis=2).mean())
    is_constant = deviation <= least_deviation(key, like)
    return (0 * values if is_constant else (values - mean) / deviation).astype(np.float32)
