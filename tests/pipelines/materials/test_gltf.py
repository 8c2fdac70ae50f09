"""The glTF file beside the rules of the specification, glTF 2.0, sections 3 and 5."""

import base64
import json

import numpy as np
import pytest
from PIL import Image
from support.material_cases import stones, without_synthesis, write_stones

from pipelines.materials import synthesize
from pipelines.materials.gltf import PACKED, material, packed
from pipelines.materials.settings import MaterialSettings

# Bytes of a component and components of an element (section 3.6.2.2).
COMPONENTS = {5123: np.uint16, 5126: np.float32}
ELEMENTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
ROOT = {
    "asset", "scene", "scenes", "nodes", "meshes", "buffers", "bufferViews", "accessors", "materials", "textures",
    "images", "samplers",
}  # fmt: skip


def content(*keys, tileable="both"):
    maps = {key: values for key, values in stones(48).items() if key in keys}
    files = {key: f"{key}.png" for key in maps} | ({PACKED: "packed.png"} if packed(maps) is not None else {})
    return json.loads(json.dumps(material("stones", maps, files, tileable=tileable)))


@pytest.mark.parametrize(
    "keys", [("baseColor", "normal", "roughness", "height", "ao"), ("baseColor",), ("ao",), ("height",), ("normal",)]
)
def test_every_index_is_there_and_everything_is_used(keys):
    found = content(*keys)
    assert found["asset"]["version"] == "2.0"
    assert set(found) <= ROOT
    assert all(found[name] for name in found if name != "scene")  # arrays may not be empty
    used = {entry["index"] for entry in textures_of(found["materials"][0])}
    assert used == set(range(len(found.get("textures", []))))
    for texture in found.get("textures", []):
        assert texture["sampler"] in range(len(found["samplers"]))
        assert texture["source"] in range(len(found["images"]))
    for image in found.get("images", []):
        assert image["mimeType"] == "image/png"
        assert "bufferView" not in image


def textures_of(look):
    reflectance = look["pbrMetallicRoughness"]
    named = [value for part in (look, reflectance) for key, value in part.items() if key.endswith("Texture")]
    return [entry for entry in named if "index" in entry]


def test_tangents_are_there_where_normals_need_them():
    """Validators tell of those that nothing uses."""
    attributes = [set(content(key)["meshes"][0]["primitives"][0]["attributes"]) for key in ("normal", "baseColor")]
    assert attributes[0] - attributes[1] == {"TANGENT"}


def test_the_square_is_sound():
    found = content("normal")
    data = base64.b64decode(found["buffers"][0]["uri"].partition("base64,")[2], validate=True)
    assert len(data) == found["buffers"][0]["byteLength"]
    arrays = [read(found, data, accessor) for accessor in found["accessors"]]
    (primitive,) = found["meshes"][0]["primitives"]
    attributes = {name: arrays[index] for name, index in primitive["attributes"].items()}
    assert {name: array.shape for name, array in attributes.items()} == {
        "POSITION": (4, 3), "NORMAL": (4, 3), "TANGENT": (4, 4), "TEXCOORD_0": (4, 2),
    }  # fmt: skip
    corners = attributes["POSITION"]
    accessor = found["accessors"][primitive["attributes"]["POSITION"]]
    assert (accessor["min"], accessor["max"]) == (corners.min(axis=0).tolist(), corners.max(axis=0).tolist())
    # Counter-clockwise triangles face the normals; the picture's first row is on top, its first column left.
    for one, two, three in corners[arrays[primitive["indices"]].reshape(2, 3)]:
        assert np.cross(two - one, three - one)[2] > 0
    np.testing.assert_allclose(attributes["TEXCOORD_0"], np.stack([corners[:, 0] + 0.5, 0.5 - corners[:, 1]], axis=1))


def read(found, data, accessor):
    view = found["bufferViews"][accessor["bufferView"]]
    kind, count = COMPONENTS[accessor["componentType"]], ELEMENTS[accessor["type"]]
    assert view["byteOffset"] % 4 == 0  # section 3.6.2.4
    assert view["byteLength"] == accessor["count"] * count * np.dtype(kind).itemsize
    part = data[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
    return np.frombuffer(part, kind).reshape((accessor["count"], count) if count > 1 else accessor["count"])


def test_maps_stand_where_glTF_looks_for_them():
    look = content("baseColor", "normal", "roughness", "height", "ao")
    images, (found,) = [image["uri"] for image in look["images"]], look["materials"]
    reflectance = found["pbrMetallicRoughness"]
    assert images[reflectance["baseColorTexture"]["index"]] == "baseColor.png"
    assert images[found["normalTexture"]["index"]] == "normal.png"
    assert images[found["occlusionTexture"]["index"]] == "packed.png"
    assert images[reflectance["metallicRoughnessTexture"]["index"]] == "packed.png"
    assert reflectance["metallicFactor"] == 0  # nothing says that it is metal
    assert found["extras"] == {"height": "height.png"}


@pytest.mark.parametrize(
    ("tileable", "wraps"),
    [("both", (10497, 10497)), ("x", (10497, 33071)), ("y", (33071, 10497)), ("none", (33071, 33071))],
)
def test_only_what_repeats_is_repeated(tileable, wraps):
    """REPEAT and CLAMP_TO_EDGE: elsewhere pixels of the opposite edge would show at the edges."""
    (sampler,) = content("baseColor", tileable=tileable)["samplers"]
    assert (sampler["wrapS"], sampler["wrapT"]) == wraps


def test_without_maps_of_its_kind_nothing_is_packed():
    maps = stones(48)
    assert packed({"baseColor": maps["baseColor"]}) is None
    found = packed({"baseColor": maps["baseColor"], "roughness": maps["roughness"]})
    np.testing.assert_array_equal(found[..., 1], maps["roughness"][..., 0])
    np.testing.assert_array_equal(found[..., 0], 1)
    np.testing.assert_array_equal(found[..., 2], 0)


def test_files_are_those_that_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(synthesize, "synthesize_pictures", without_synthesis)
    files = write_stones(tmp_path)
    settings = MaterialSettings(maps=tuple(f"{key}={path}" for key, path in files.items()), material="gltf")
    result, _ = synthesize.make_material(settings, tmp_path / "stones", note=lambda text: None, output_width=48)
    found = json.loads((tmp_path / "stones" / "material.gltf").read_text())
    assert found["materials"][0]["name"] == "stones"
    for image in found["images"]:
        assert Image.open(tmp_path / "stones" / image["uri"]).size == (48, 48)
    levels = np.asarray(Image.open(tmp_path / "stones" / f"{PACKED}.png"))
    expected = np.dstack([result.maps["ao"], result.maps["roughness"], np.zeros((48, 48))])
    np.testing.assert_allclose(levels / 255, expected, atol=0.51 / 255)
