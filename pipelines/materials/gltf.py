"""A glTF 2.0 material of a surface's maps, on a square that viewers show."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines.materials.surface import Maps, of_role, role_of
from version import VERSION

FILE, PACKED = "material.gltf", "occlusionRoughnessMetallic"
# Of WebGL, as glTF has them.
REPEAT, CLAMP_TO_EDGE, LINEAR, LINEAR_MIPMAP_LINEAR = 10497, 33071, 9729, 9987
FLOAT, UNSIGNED_SHORT, ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 5126, 5123, 34962, 34963
# A square of side 1 in the plane z = 0: corners, where they lie in the picture (its first row is on top), triangles.
CORNERS = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]], np.float32)
ATTRIBUTES: dict[str, tuple[str, np.ndarray]] = {
    "POSITION": ("VEC3", CORNERS),
    "NORMAL": ("VEC3", np.tile(np.array([0, 0, 1], np.float32), (4, 1))),
    "TANGENT": ("VEC4", np.tile(np.array([1, 0, 0, 1], np.float32), (4, 1))),
    "TEXCOORD_0": ("VEC2", np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)),
}
TRIANGLES = np.array([0, 1, 2, 0, 2, 3], np.uint16)


def packed(maps: Maps) -> np.ndarray | None:
    """Return occlusion, roughness and metallic as one picture (height, width, 3), as glTF wants them.

    What is not there is 1 (unoccluded), 1 (rough) and 0 (no metal); None where there is none of the three.
    """
    defaults = {"ao": 1.0, "roughness": 1.0, "metallic": 0.0}
    found = {name: of_role(maps, name) for name in defaults}
    size = next((values.shape[:2] for values in found.values() if values is not None), None)
    if size is None:
        return None
    return np.dstack([np.full(size, defaults[name]) if values is None else values for name, values in found.items()])


def material(name: str, maps: Maps, files: Mapping[str, str], *, tileable: str) -> dict[str, Any]:
    """Return the content of a glTF file.

    Args:
        name: of the material.
        maps: by key.
        files: names of the files of maps by key, and of the packed one, PACKED.
        tileable: directions in which the maps repeat: "none", "x", "y" or "both"; in others they end at their edges.
    """
    by_role = {role_of(key).name: file for key, file in files.items() if key != PACKED}
    textures = [by_role[role] for role in ("baseColor", "normal", "emissive") if role in by_role]
    textures += [files[PACKED]] if PACKED in files else []
    look: dict[str, Any] = {"name": name, "pbrMetallicRoughness": _reflectance(maps, by_role, files, textures)}
    if "normal" in by_role:
        look["normalTexture"] = _texture(by_role["normal"], textures)
    if "ao" in by_role:
        look["occlusionTexture"] = _texture(files[PACKED], textures)
    if "emissive" in by_role:
        look |= {"emissiveTexture": _texture(by_role["emissive"], textures), "emissiveFactor": [1, 1, 1]}
    if "height" in by_role:
        look["extras"] = {"height": by_role["height"]}  # glTF has no displacement
    asset = {"version": "2.0", "generator": f"Texture Nets for Keras {VERSION}"}
    return {"asset": asset} | _square(name, "normal" in by_role) | {
        "materials": [look],
        **({"textures": [{"sampler": 0, "source": i} for i in range(len(textures))]} if textures else {}),
        **({"images": [{"uri": file, "mimeType": "image/png"} for file in textures]} if textures else {}),
        **({"samplers": [_sampler(tileable)]} if textures else {}),
    }  # fmt: skip


def _reflectance(
    maps: Maps, by_role: Mapping[str, str], files: Mapping[str, str], textures: list[str]
) -> dict[str, Any]:
    found: dict[str, Any] = {"metallicFactor": 1.0 if of_role(maps, "metallic") is not None else 0.0}
    if "baseColor" in by_role:
        found["baseColorTexture"] = _texture(by_role["baseColor"], textures)
    if {"roughness", "metallic"} & set(by_role):
        found["metallicRoughnessTexture"] = _texture(files[PACKED], textures)
    return found


def _texture(file: str, textures: list[str]) -> dict[str, int]:
    return {"index": textures.index(file)}


def _sampler(tileable: str) -> dict[str, int]:
    along_x, along_y = (REPEAT if tileable in (axis, "both") else CLAMP_TO_EDGE for axis in ("x", "y"))
    return {"magFilter": LINEAR, "minFilter": LINEAR_MIPMAP_LINEAR, "wrapS": along_x, "wrapT": along_y}


def _square(name: str, has_normals: bool) -> dict[str, Any]:
    """Return the scene: one square with the material 0, with tangents where there are normals to turn by them."""
    used = {attribute: entry for attribute, entry in ATTRIBUTES.items() if has_normals or attribute != "TANGENT"}
    arrays = [*(array for _, array in used.values()), TRIANGLES]
    offsets = np.cumsum([0, *(array.nbytes for array in arrays)]).tolist()
    data = base64.b64encode(b"".join(array.tobytes() for array in arrays)).decode()
    views = [
        {"buffer": 0, "byteOffset": offset, "byteLength": array.nbytes, "target": target}
        for array, offset, target in zip(
            arrays, offsets, [*[ARRAY_BUFFER] * len(used), ELEMENT_ARRAY_BUFFER], strict=False
        )
    ]
    accessors: list[dict[str, Any]] = [
        {"bufferView": i, "componentType": FLOAT, "count": len(array), "type": kind}
        for i, (kind, array) in enumerate(used.values())
    ]
    accessors[0] |= {"min": CORNERS.min(axis=0).tolist(), "max": CORNERS.max(axis=0).tolist()}
    indices = {"bufferView": len(used), "componentType": UNSIGNED_SHORT, "count": 6, "type": "SCALAR"}
    attributes = {attribute: i for i, attribute in enumerate(used)}
    primitive = {"attributes": attributes, "indices": len(used), "material": 0}
    return {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name}],
        "meshes": [{"primitives": [primitive]}],
        "buffers": [{"byteLength": offsets[-1], "uri": f"data:application/octet-stream;base64,{data}"}],
        "bufferViews": views,
        "accessors": [*accessors, indices],
    }
