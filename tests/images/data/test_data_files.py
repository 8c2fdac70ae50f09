"""Maps as files: what is read is what was written, by other programs too."""

import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from support.small_disk import largest_file

from images.data.exr import read_exr
from images.data.reading import is_exr, read_data
from images.data.writing import write_map
from images.errors import ImageError
from images.formats import MAP_DEPTHS
from images.reading import read_image

RANDOM = np.random.default_rng(0)
COLOR, GREY = (RANDOM.random((9, 13, channels), np.float32) for channels in (3, 1))
CASES = [(name, bits) for name, depths in MAP_DEPTHS.items() for bits in depths]


def tolerance(name, bits):
    return {16: 2**-11, 32: 0}[bits] if name == "exr" else 0.501 / (2**bits - 1)


@pytest.mark.parametrize(("name", "bits"), CASES)
@pytest.mark.parametrize("values", [COLOR, GREY], ids=["rgb", "grey"])
def test_data_come_back(name, bits, values, tmp_path):
    path = tmp_path / f"map.{name}"
    write_map(path, values, bits=bits, is_color=False)
    np.testing.assert_allclose(read_data(path), values, rtol=0, atol=tolerance(name, bits))
    assert is_exr(path) == (name == "exr")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(("name", "bits"), [case for case in CASES if case[0] != "exr"])
def test_other_programs_read_the_same(name, bits, tmp_path):
    path = tmp_path / f"map.{name}"
    write_map(path, COLOR, bits=bits, is_color=False)
    levels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert levels.dtype == f"uint{bits}"
    np.testing.assert_array_equal(levels[..., ::-1], np.floor(COLOR * (2**bits - 1) + 0.5))


@pytest.mark.parametrize(("name", "bits"), [case for case in CASES if case[0] != "exr"])
def test_colors_are_marked_and_data_are_not(name, bits, tmp_path):
    for is_color in (True, False):
        path = tmp_path / f"map.{name}"
        write_map(path, COLOR, bits=bits, is_color=is_color)
        np.testing.assert_allclose(read_image(path).pixels, COLOR, rtol=0, atol=0.501 / (2**bits - 1))
        assert _is_marked(path) == is_color


def _is_marked(path):
    if path.suffix == ".tiff":
        with tifffile.TiffFile(path) as file:
            return 34675 in file.pages.first.tags
    return "srgb" in Image.open(path).info


def test_colors_are_linear_light_in_openexr(tmp_path):
    write_map(tmp_path / "map.exr", np.full((4, 4, 3), 0.5, np.float32), bits=32, is_color=True)
    np.testing.assert_allclose(read_data(tmp_path / "map.exr"), 0.21404114, rtol=1e-6)  # IEC 61966-2-1


def test_numbers_beyond_one_need_openexr(tmp_path):
    write_map(tmp_path / "map.exr", 7 * GREY - 3, bits=32, is_color=False)
    np.testing.assert_array_equal(read_data(tmp_path / "map.exr"), 7 * GREY - 3)
    with pytest.raises(ImageError, match=r"map\.png: values from -.*; this format allows 0 to 1"):
        write_map(tmp_path / "map.png", 7 * GREY - 3, bits=16, is_color=False)
    with pytest.raises(ImageError, match="too large for 16 bits"):
        write_map(tmp_path / "map.exr", 1e6 * GREY, bits=16, is_color=False)


def test_a_profile_changes_no_data(tmp_path):
    levels = RANDOM.integers(0, 256, (8, 8, 3), np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for name in ("a.png", "a.tif"):
        Image.fromarray(levels).save(tmp_path / name, icc_profile=profile)
        np.testing.assert_array_equal(read_data(tmp_path / name), levels.astype(np.float32) / 255)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_every_kind_of_picture_is_read(mode, tmp_path):
    image = Image.fromarray(RANDOM.integers(0, 256, (8, 8, 3), np.uint8)).convert(mode)
    image.save(tmp_path / "a.png")
    expected = np.asarray(image.convert("L" if mode in ("1", "L", "LA") else "RGB")) / 255
    np.testing.assert_allclose(read_data(tmp_path / "a.png").squeeze(), expected, atol=1e-6)


LEVELS = np.arange(0, 256, 17, dtype=np.uint8).reshape(4, 4)
TIFF_KINDS = {
    "min-is-white": (255 - LEVELS, {"photometric": "miniswhite"}),
    "palette": (255 - LEVELS, {"photometric": "palette", "colormap": np.tile(np.arange(256)[::-1] * 257, (3, 1))}),
    "4 bits": (LEVELS // 17, {"bitspersample": 4}),
    "12 bits": (LEVELS.astype(np.uint16) // 17 * 273, {"bitspersample": 12}),
    "32 bits": (LEVELS.astype(np.uint32) // 17 * 0x11111111, {}),
}


@pytest.mark.parametrize("kind", TIFF_KINDS)
def test_what_the_numbers_of_a_tiff_file_mean_is_told_by_its_tags(kind, tmp_path):
    stored, tags = TIFF_KINDS[kind]
    tags = {name: value.astype(np.uint16) if name == "colormap" else value for name, value in tags.items()}
    tifffile.imwrite(tmp_path / "a.tif", stored, **tags)
    found = read_data(tmp_path / "a.tif")
    np.testing.assert_allclose(found, np.broadcast_to(LEVELS[..., np.newaxis] / 255, found.shape), atol=1e-6)


@pytest.mark.parametrize("planes", [2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_tiff_files_of_plane_after_plane_hold_the_same_numbers(planes, dtype, tmp_path):
    levels = np.random.default_rng(3).integers(0, 65536, (planes, 6, 8)).astype(dtype)
    kind = "rgb" if planes > 2 else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", levels, planarconfig="separate", photometric=kind)
    tifffile.imwrite(tmp_path / "b.tif", np.moveaxis(levels, 0, -1), planarconfig="contig", photometric=kind)
    found, expected = (read_data(tmp_path / name) for name in ("a.tif", "b.tif"))
    assert found.shape == (6, 8, 3 if planes > 2 else 1)
    np.testing.assert_array_equal(found, expected)


def test_tiff_files_with_too_many_pixels_are_not_decoded(tmp_path):
    size = (20_000, 20_000)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(1, np.uint8), compression="zlib")
    for tag, side in zip(("ImageLength", "ImageWidth"), size, strict=True):
        with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
            file.pages.first.tags[tag].overwrite(side)
    with pytest.raises(ImageError, match="20000 x 20000 pixels are more than"):
        read_data(tmp_path / "a.tif")


def test_inks_and_single_bits_of_tiff_files_become_levels(tmp_path):
    image = Image.fromarray(np.dstack([LEVELS] * 3))
    for mode in ("CMYK", "1"):
        image.convert(mode).save(tmp_path / "a.tif")
        found = read_data(tmp_path / "a.tif")
        expected = np.asarray(image.convert(mode).convert("L" if mode == "1" else "RGB")).reshape(4, 4, -1) / 255
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "deep.png", "a.tif", "deep.tif"])
def test_data_that_a_tag_turns_are_refused(name, tmp_path):
    """A base colour with the same tag is turned: the maps would be out of register."""
    path = tmp_path / name
    if name == "deep.tif":
        tifffile.imwrite(path, LEVELS.astype(np.uint16), extratags=[(274, "H", 1, 6, True)])
    else:
        exif = Image.Exif()
        exif[274] = 6
        Image.fromarray(LEVELS.astype(np.uint16) if name == "deep.png" else LEVELS).save(path, exif=exif)
    with pytest.raises(ImageError, match=r"its orientation tag \(6\) turns the picture: store it upright"):
        read_data(path)


BROKEN = {
    "none.png": (None, "no such file"),
    "text.png": (b"no picture", "cannot be read"),
    "cut.exr": (b"\x76\x2f\x31\x01\x02\x00", "cannot be read"),
    "cut.tif": (b"II*\0\x08\0\0\0", "cannot be read"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_told(name, tmp_path):
    content, message = BROKEN[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=rf"{name}: {message}"):
        read_data(tmp_path / name)


def test_numbers_that_are_none_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.full((4, 4), np.nan, np.float32))
    with pytest.raises(ImageError, match="NaN or infinite"):
        read_data(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((4, 4), np.int32))
    with pytest.raises(ImageError, match="int32 are not those of a map"):
        read_data(tmp_path / "b.tif")


def test_openexr_files_that_say_to_be_huge_are_refused_unread(tmp_path):
    path = tmp_path / "a.exr"
    write_map(path, np.full((4, 4, 3), 0.5, np.float32), bits=32, is_color=True)
    content = bytearray(path.read_bytes())
    for name in (b"dataWindow\0box2i\0", b"displayWindow\0box2i\0"):
        place = content.index(name) + len(name) + 4
        content[place : place + 16] = struct.pack("<4i", 0, 0, 99_999, 49_999)
    path.write_bytes(content)
    with pytest.raises(ImageError, match="100000 x 50000 pixels are more than"):
        read_exr(path)


def openexr_of(path, *names):
    """Write a file whose channels hold 1, 2, ... in the order of their names here."""
    import OpenEXR

    layers = {name: np.full((4, 4), number, np.float32) for number, name in enumerate(names, 1)}
    with OpenEXR.File({"type": OpenEXR.scanlineimage}, layers) as file:
        file.write(str(path))
    return path


@pytest.mark.parametrize(
    "names", ["depth mask", "a.R a.G a.B b.R b.G b.B", "color.R color.G color.B normal.X normal.Y normal.Z"]
)
def test_layers_of_openexr_are_not_guessed(tmp_path, names):
    path = openexr_of(tmp_path / "a.exr", *names.split())
    with pytest.raises(
        ImageError, match=f"channels {', '.join(sorted(names.split()))}, not R, G and B or a single one"
    ):
        read_exr(path)


@pytest.mark.parametrize(
    ("names", "values"),
    [
        ("R G B A Z normal.X normal.Y normal.Z", (1, 2, 3)),
        ("View.Combined.R View.Combined.G View.Combined.B View.Combined.A View.Depth.Z", (1, 2, 3)),
        ("normal.X normal.Y normal.Z Z", (1, 2, 3)),
        ("diffuse.A diffuse.V", (2,)),
    ],
)
def test_the_only_layer_of_openexr_with_colours_or_vectors_is_read(tmp_path, names, values):
    read = read_exr(openexr_of(tmp_path / "a.exr", *names.split()))
    np.testing.assert_array_equal(read, np.broadcast_to(values, (4, 4, len(values))))


def test_without_the_package_one_line_tells(tmp_path):
    code = (
        "import sys; sys.modules['OpenEXR'] = None\n"
        "import numpy as np; from pathlib import Path; from images.data.writing import write_map\n"
        "write_map(Path('a.exr'), np.zeros((2, 2, 1)), bits=16, is_color=False)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith("OpenEXR files need the Python package openexr (pip install openexr)")


@pytest.mark.parametrize("name", MAP_DEPTHS)
def test_a_full_disk_is_told_with_the_name_of_the_map(name, tmp_path):
    """Of OpenEXR the temporary file was named."""
    path = tmp_path / f"map.{name}"
    with largest_file(1000), pytest.raises(ImageError, match=rf"^{path}: cannot be written: File too large$"):
        write_map(path, np.random.default_rng(0).random((32, 32, 3)), bits=16, is_color=False)
    assert not list(tmp_path.iterdir())
