"""Materials in memory and as folders."""

import dataclasses
import json
import os

import numpy as np
import pytest
from support.material_cases import stones, without_synthesis, write_stones

from errors import ArgumentError, UserError
from images.data.exr import write_exr
from images.data.reading import read_data
from images.errors import ImageWarning
from pipelines.materials import synthesize
from pipelines.materials.inputs import read_map
from pipelines.materials.scores import gradient_correlations
from pipelines.materials.settings import MaterialSettings
from pipelines.materials.surface import checked, role_of, stacked, with_unit_normals
from pipelines.materials.synthesize import make_material, synthesize_material
from runs.lock import hold

QUICK = {"max_iter": 3, "output_width": 48}


def silent(text):
    pass


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """What guides a material needs no synthesis here."""
    monkeypatch.setattr(synthesize, "synthesize_pictures", without_synthesis)


@pytest.fixture
def made():
    return synthesize_material(stones(), **QUICK)


def test_a_texture_guides_the_maps(monkeypatch, random_descriptor):
    monkeypatch.undo()
    monkeypatch.setenv("TEXTURE_NETS_VGG19", str(random_descriptor))
    seen = []
    options = {**QUICK, "layers": ("relu1_1", "pool1"), "octaves": 1, "precision": "float32"}
    result = synthesize_material(stones(), observers=[seen.append], **options)
    assert [progress.iterations for progress in seen] == [1, 2, 3]
    assert (result.iterations, result.loss > 0) == (3, True)
    assert result.scores.register < 0.3  # hardly more than noise is the guide here
    assert max(result.scores.seam.values()) < 1.4


def test_the_search_for_places_tells_how_far_it_is():
    shares = []
    synthesize_material(stones(), observe=shares.append, **QUICK)
    assert shares == sorted(shares)
    assert (0 < shares[0] < 0.1, shares[-1]) == (True, 1)


def test_all_maps_come_out_and_repeat(made):
    source = stones()
    assert {key: values.shape for key, values in made.maps.items()} == {
        key: (48, 48, values.shape[2]) for key, values in source.items()
    }
    assert made.tileable == "both"
    assert max(made.scores.seam.values()) < 1.4
    assert made.scores.register < 0.2  # a few stones
    assert made.guesses == ()


def test_normals_have_unit_length(made):
    np.testing.assert_allclose(np.linalg.norm(2 * made.maps["normal"] - 1, axis=2), 1, atol=1e-5)


def test_it_may_end_at_its_edges():
    result = synthesize_material(stones(), **QUICK, tileable="none", output_height=40)
    assert result.scores.seam is None
    assert result.maps["height"].shape == (40, 48, 1)


def test_a_photo_alone_gets_guesses():
    result = synthesize_material({"albedo": stones()["baseColor"]}, derive=("height", "normal", "roughness"), **QUICK)
    assert list(result.maps) == ["albedo", "height", "normal", "roughness"]
    assert result.guesses == ("height", "normal", "roughness")
    assert max(result.scores.seam) == "albedo"


def test_heights_of_any_range_stay_in_it():
    height = 40 * stones()["height"] - 7
    result = synthesize_material({"height": height, "ao": stones()["ao"]}, **QUICK)
    assert height.min() - 1e-4 <= result.maps["height"].min() < result.maps["height"].max() <= height.max() + 1e-4
    assert np.ptp(result.maps["height"]) > 20


def files_of(folder, **changes):
    """Make a material of files in a folder and return its report."""
    files = write_stones(folder)
    maps = tuple(f"{key}={files[key]}" for key in changes.pop("keys", files))
    settings = MaterialSettings(maps=maps, **changes)
    _, written = make_material(settings, folder / "out", note=silent, **QUICK)
    assert sorted(written) == sorted((folder / "out").iterdir())
    return json.loads((folder / "out" / "report.json").read_text())


def test_the_folder_of_a_material(tmp_path):
    report = files_of(tmp_path, keys=("baseColor", "height"), derive=("normal",))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "baseColor.png", "height.png", "normal.png", "report.json",
    }  # fmt: skip
    assert {key: (entry["bits"], entry["values"]) for key, entry in report["maps"].items()} == {
        "baseColor": (8, "sRGB"), "height": (16, "linear"), "normal": (8, "linear"),
    }  # fmt: skip
    origins = {key: entry["origin"] for key, entry in report["maps"].items()}
    assert origins["normal"] == "a guess from the height, not measured"
    assert origins["height"] == origins["baseColor"] == "synthesised from the source's map"
    assert {"seam", "repetition", "source_repetition", "distance", "register"} <= set(report["scores"])
    assert (report["width"], report["height"], report["tileable"]) == (48, 48, "both")
    levels = read_data(tmp_path / "out" / "height.png") * 65535
    assert len(np.unique(levels.round())) > 256


def test_the_files_of_an_earlier_material_go(tmp_path):
    """Its maps stood beside those of the new one, and its glTF file showed both."""
    files = write_stones(tmp_path)
    out = tmp_path / "out"

    def make(keys, **changes):
        settings = MaterialSettings(maps=tuple(f"{key}={files[key]}" for key in keys), **changes)
        return {path.name for path in make_material(settings, out, note=silent, **QUICK)[1]}

    first = make(("baseColor", "height", "ao"), material="gltf")
    assert {"height.png", "occlusionRoughnessMetallic.png", "material.gltf"} <= first
    own = {"normal.png", "notes.txt"}  # not of this program
    for name in own:
        (out / name).write_bytes(b"own")
    assert make(("baseColor",), format="tiff") == {"baseColor.tiff", "report.json"}
    assert {path.name for path in out.iterdir()} == {"baseColor.tiff", "report.json", *own}


def test_only_maps_are_removed_whatever_a_report_lists(tmp_path):
    names = ["notes.txt", "../stones_ao.png", "normal", 3, "thesis.png"]
    (tmp_path / "out").mkdir()
    for name in ("notes.txt", "normal", "thesis.png"):
        (tmp_path / "out" / name).write_bytes(b"own")
    (tmp_path / "out" / "report.json").write_text(json.dumps({"files": names}))
    settings = MaterialSettings(maps=(f"albedo={write_stones(tmp_path)['baseColor']}",))
    make_material(settings, tmp_path / "out", note=silent, **QUICK)
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left == {"albedo.png", "report.json", "notes.txt", "normal", "thesis.png"}
    assert (tmp_path / "stones_ao.png").exists()


def test_two_runs_do_not_share_a_folder(tmp_path):
    settings = MaterialSettings(maps=(f"baseColor={write_stones(tmp_path)['baseColor']}",))
    (tmp_path / "out").mkdir()
    with hold(tmp_path / "out" / ".lock"), pytest.raises(UserError, match="out: another run is using this folder"):
        make_material(settings, tmp_path / "out", note=pytest.fail, **QUICK)


def test_guesses_tell_what_they_were_made_of(tmp_path):
    report = files_of(tmp_path, keys=("baseColor",), derive=("roughness",))
    assert report["maps"]["roughness"]["origin"] == "a guess from the base colour, not measured"


@pytest.mark.parametrize(("format", "bits"), [("tiff", 16), ("exr", None), ("exr", 16)])
def test_other_formats(format, bits, tmp_path):
    report = files_of(tmp_path, keys=("baseColor", "height"), format=format, bits=bits)
    depth = {("exr", None): 32, ("exr", 16): 16, ("tiff", 16): 16}[format, bits]
    assert report["maps"]["height"]["bits"] == depth
    height = read_data(tmp_path / "out" / f"height.{format}")
    assert height.shape == (48, 48, 1)
    assert 0 <= height.min() < height.max() <= 1


def test_openexr_is_read_too(tmp_path):
    files_of(tmp_path, keys=("baseColor", "height"), format="exr")
    again = MaterialSettings(maps=tuple(f"{key}={tmp_path}/out/{key}.exr" for key in ("baseColor", "height")))
    result, _ = make_material(again, tmp_path / "again", note=silent, **QUICK)
    assert 0 <= result.maps["baseColor"].min() < result.maps["baseColor"].max() <= 1


def test_colors_of_openexr_that_are_cut_off_are_told(tmp_path):
    write_exr(tmp_path / "bright.exr", 3 * stones()["baseColor"], bits=32)
    with pytest.warns(ImageWarning, match=r"bright\.exr: its colours range from 0.* to 2.*; cut off"):
        assert read_map("emissive", tmp_path / "bright.exr").max() == pytest.approx(1)


def test_a_ramp_has_no_correlation_that_is_not_a_number(tmp_path):
    """Its gradient is the same everywhere."""
    ramp = np.broadcast_to(np.arange(64, dtype=np.float32)[:, np.newaxis] / 128, (64, 64, 1))
    result = synthesize_material({"height": ramp, "ao": stones()["ao"]}, **QUICK)
    assert result.scores.source_gradients == {}
    json.dumps(dataclasses.asdict(result.scores), allow_nan=False)
    assert np.isfinite(result.scores.register)


REFUSED = {
    "unknown": ({"maps": ("basecolour=a.png",)}, "unknown map in `maps` 'basecolour'; did you mean 'baseColor'"),
    "no file": ({"maps": ("baseColor",)}, "'baseColor' is not KEY=FILE"),
    "twice": ({"maps": ("ao=a.png", "ao=b.png")}, "ao is given twice"),
    "derived": ({"maps": ("height=a.png",), "derive": ("height",)}, "height is already given"),
    "underivable": ({"maps": ("normal=a.png",), "derive": ("height",)}, "needs a base colour in `maps`"),
    "name": ({"maps": ("baseColor=a.png",), "derive": ("ao",)}, "unknown map in `derive` 'ao'"),
    "bits": ({"maps": ("baseColor=a.png",), "bits": 32}, "`bits` must be 8 or 16 for `format` png, not 32"),
    "gltf": ({"maps": ("baseColor=a.png",), "format": "exr", "material": "gltf"}, "needs `format` png"),
    "y down": (
        {"maps": ("normalDX=a.png",), "material": "gltf"},
        "needs normals as in OpenGL: invert the green channel",
    ),
    "alone": ({"format": "exr"}, "`format`: needs `maps`"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_settings_are_checked(case):
    values, message = REFUSED[case]
    with pytest.raises(ArgumentError, match=message.replace("(", r"\(")):
        MaterialSettings(**values)


def test_maps_are_checked():
    maps = stones(48)
    with pytest.raises(UserError, match="the same size, not baseColor 48 x 48, height 40 x 48"):
        checked({"baseColor": maps["baseColor"], "height": maps["height"][:, :40]})
    with pytest.raises(ArgumentError, match="displacement and height are the same map"):
        checked({"height": maps["height"], "displacement": maps["height"]})
    with pytest.raises(UserError, match="roughness: it must be grey, but its channels differ"):
        checked({"roughness": maps["baseColor"]})
    with pytest.raises(UserError, match="3 channels, not 1"):
        checked({"normal": maps["height"]})
    with pytest.raises(UserError, match="normal: a map of normals must be in colours, but it is grey"):
        checked({"normal": np.repeat(maps["height"], 3, axis=2)})
    with pytest.raises(UserError, match=r"normal: its normals point into the surface, as its blue is 0 on average"):
        checked({"normal": maps["normal"] * np.array([1, 1, 0], np.float32)})
    with pytest.raises(UserError, match=r"ao: its values range from .* to 1\.5; those of every map but the height"):
        checked({"ao": 1.5 * maps["ao"]})
    with pytest.raises(UserError, match="NaN"):
        checked({"height": np.full((48, 48), np.nan)})
    with pytest.raises(UserError, match="at least 32 x 32"):
        synthesize_material(stones(24, 4), **QUICK)
    for size, name in (({"output_width": 15}, "output_width"), ({"output_height": 8}, "output_height")):
        with pytest.raises(ArgumentError, match=f"`{name}` must be at least 16 for a material, not"):
            synthesize_material(maps, **{**QUICK, **size})
    with pytest.raises(ArgumentError, match="without `count`"):
        synthesize_material(maps, **QUICK, count=2)


def test_grey_files_in_three_channels_are_grey():
    grey = np.repeat(stones(48)["roughness"], 3, axis=2)
    grey[..., 1] += 2 / 255  # as JPEG leaves it
    assert checked({"roughness": grey})["roughness"].shape == (48, 48, 1)


def test_names_of_engines_are_known():
    assert [role_of(key).name for key in ("Albedo", "Displacement", "AmbientOcclusion", "metalness", "NormalDX")] == [
        "baseColor", "height", "ao", "metallic", "normal",
    ]  # fmt: skip


def test_normals_without_a_direction_look_up():
    encoded = np.full((2, 2, 3), 0.5, np.float32)
    np.testing.assert_allclose(with_unit_normals(encoded), np.broadcast_to([0.5, 0.5, 1], (2, 2, 3)))


def test_maps_count_the_same_and_constant_ones_not_at_all():
    maps = stones(48)
    stack = stacked({"baseColor": maps["baseColor"], "height": 100 * maps["height"], "ao": np.ones((48, 48, 1))})
    variances = stack.var(axis=(0, 1))
    np.testing.assert_allclose([variances[:3].sum(), variances[3], variances[4]], [1, 1, 0], atol=1e-4)


def test_heights_in_any_unit_count():
    """In metres, those of a wall are below the level of 8 bits that other maps are constant within."""
    maps = {"height": stones(48)["height"], "ao": stones(48)["ao"]}
    small = {**maps, "height": maps["height"] / 200}
    np.testing.assert_allclose(stacked(small), stacked(maps), atol=1e-4)
    assert gradient_correlations(small) == pytest.approx(gradient_correlations(maps), abs=1e-4)
    assert len(gradient_correlations(maps)) == 1


def test_folders_that_openexr_cannot_write_in_are_refused_before_the_work(tmp_path):
    """The run ended in a traceback after it, and its result was lost."""
    settings = MaterialSettings(maps=(f"baseColor={write_stones(tmp_path)['baseColor']}",), format="exr")
    with pytest.raises(ArgumentError, match="the name of a folder for OpenEXR files, and of those around it, must be"):
        make_material(settings, tmp_path / os.fsdecode(b"caf\xe9"), note=silent, **QUICK)


def test_files_are_not_written_over(tmp_path):
    files = write_stones(tmp_path)
    settings = MaterialSettings(maps=(f"baseColor={files['baseColor']}",))
    with pytest.raises(ArgumentError, match="one of the input maps: choose another folder"):
        make_material(settings, tmp_path, note=silent, **QUICK)
    with pytest.raises(ArgumentError, match="is not a folder"):
        make_material(settings, files["ao"], note=silent, **QUICK)
    with pytest.raises(ArgumentError, match="needs `output` FOLDER"):
        make_material(settings, None, note=silent, **QUICK)


def test_numbers_beyond_a_format_are_told_before_the_work(tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "height.tif", 3 * stones(48)["height"])
    settings = MaterialSettings(maps=(f"height={tmp_path / 'height.tif'}",))
    with pytest.raises(UserError, match="`format` png allows 0 to 1, exr any"):
        make_material(settings, tmp_path / "out", note=silent, **QUICK)
    assert not (tmp_path / "out").exists()


def test_numbers_beyond_a_half_are_told_before_the_work(tmp_path):
    write_exr(tmp_path / "height.exr", 1e6 * stones(48)["height"], bits=32)
    settings = MaterialSettings(maps=(f"height={tmp_path / 'height.exr'}",), format="exr", bits=16)
    with pytest.raises(UserError, match=r"range from .*; `format` exr allows -65504 to 65504 in 16 bits, any"):
        make_material(settings, tmp_path / "out", note=pytest.fail, **QUICK)
    assert not (tmp_path / "out").exists()


def test_what_stands_in_the_way_of_a_file_is_told_before_the_work(tmp_path):
    files = write_stones(tmp_path)
    (tmp_path / "out" / "albedo.png").mkdir(parents=True)
    settings = MaterialSettings(maps=(f"albedo={files['baseColor']}",))
    with pytest.raises(UserError, match=r"albedo\.png"):
        make_material(settings, tmp_path / "out", note=pytest.fail, **QUICK)
