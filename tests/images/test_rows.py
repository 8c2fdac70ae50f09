"""Pictures row by row, what is kept beside their pixels, and the formats of phones."""

import struct

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from images.errors import ImageWarning
from images.large.tiff import STRIP_ROWS
from images.reading import open_picture, read_image
from images.rows import Metadata
from images.writing import write_image, write_levels


@pytest.fixture
def levels():
    return np.random.default_rng(2).integers(0, 256, (150, 31, 3), np.uint8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rows_are_those_of_the_upright_picture(tmp_path, levels, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    image = Image.fromarray(levels).convert("RGBA")
    image.putalpha(Image.fromarray(levels[..., 0]))
    image.save(tmp_path / "a.png", exif=exif)
    opened, whole = open_picture(tmp_path / "a.png"), read_image(tmp_path / "a.png")
    assert (opened.height, opened.width) == whole.pixels.shape[:2]
    spans = [range(start, min(start + 7, opened.height)) for start in range(0, opened.height, 7)]
    np.testing.assert_array_equal(np.concatenate([opened.read_rows(span) for span in spans]), whole.pixels)
    np.testing.assert_array_equal(np.concatenate([opened.read_alpha(span) for span in spans]), whole.alpha)


def test_profile_is_applied_to_rows(tmp_path, levels):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()  # for other channels: left aside, told
    Image.fromarray(levels).save(tmp_path / "a.png", icc_profile=profile)
    with pytest.warns(UserWarning, match="sRGB"):
        opened = open_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(opened.read_rows(range(3, 9)), levels[3:9] / np.float32(255))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_exif_and_resolution_are_kept_and_the_orientation_reset(tmp_path, levels, suffix):
    exif = Image.Exif()
    exif[274], exif[271] = 6, "A camera"
    Image.fromarray(levels).save(tmp_path / "a.jpg", exif=exif, dpi=(300, 300))
    opened = open_picture(tmp_path / "a.jpg")
    assert (opened.height, opened.width) == (31, 150)
    write_image(tmp_path / f"b{suffix}", opened.picture().pixels, metadata=opened.metadata)
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.size == (150, 31)
        assert image.getexif()[271] == "A camera"
        assert image.getexif().get(274, 1) == 1
        assert image.info["icc_profile"]
        if suffix != ".webp":  # which has no field for it
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.02)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("source", ["a.jpg", "a.png", "a.tif", "a.webp"])
def test_exif_texts_keep_their_bytes(tmp_path, levels, source, suffix):
    exif, texts = Image.Exif(), ("\u00a9 2024 Zo\u00eb".encode(), "\u00a9 2024 Zo\u00eb".encode("latin-1"))
    exif[315], exif[33432] = "A" * len(texts[0]), "B" * len(texts[1])
    exif.get_ifd(34665)[42036] = "C" * len(texts[0])  # the lens
    block = exif.tobytes()  # for Pillow would write "?" for these letters
    for letter, text in zip(b"ABC", (*texts, texts[0]), strict=True):
        block = block.replace(bytes([letter]) * len(text), text)
    if source.endswith(".tif"):
        write_image(tmp_path / source, levels / np.float32(255), metadata=Metadata(block))
    else:
        Image.fromarray(levels).save(tmp_path / source, exif=block)
    opened = open_picture(tmp_path / source)
    write_image(tmp_path / f"b{suffix}", opened.picture().pixels, metadata=opened.metadata)
    with Image.open(tmp_path / f"b{suffix}") as image:
        kept = image.getexif()
        assert [kept[tag].encode("latin-1") for tag in (315, 33432)] == list(texts)
        assert kept.get_ifd(34665)[42036].encode("latin-1") == texts[0]


def test_exif_that_cannot_be_kept_is_told(tmp_path, levels):
    entry = struct.pack("<HHII", 256, 2, 5, 8 + 2 + 2 * 12 + 4)  # a width that is a text
    turn = struct.pack("<HHIHH", 274, 3, 1, 6, 0)
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entry + turn + struct.pack("<I", 0) + b"wide\0"
    Image.fromarray(levels).save(tmp_path / "a.jpg", exif=block)
    with pytest.warns(ImageWarning, match="EXIF data is broken .*; left out"):
        opened = open_picture(tmp_path / "a.jpg")
    assert (opened.metadata.exif, opened.height, opened.width) == (None, *levels.shape[1::-1])


@pytest.mark.parametrize("bound", [0, 10**8])
def test_exif_that_jpeg_has_no_room_for_is_left_out(tmp_path, levels, monkeypatch, bound):
    monkeypatch.setattr("images.writing.MAX_PILLOW_BYTES", bound)
    exif = Image.Exif()
    exif[271], exif.get_ifd(34665)[37500] = "A camera", bytes(66_000)
    metadata = Metadata(exif.tobytes(), (300.0, 300.0))
    with pytest.warns(ImageWarning, match=r"b.jpg: its 66,\d+ bytes of EXIF data are left out"):
        write_levels(tmp_path / "b.jpg", levels, metadata=metadata)
    with Image.open(tmp_path / "b.jpg") as image:
        assert (dict(image.getexif()), image.info["dpi"]) == ({}, (300, 300))
    write_levels(tmp_path / "b.png", levels, metadata=metadata)
    with Image.open(tmp_path / "b.png") as image:
        assert image.getexif()[271] == "A camera"


def test_a_tiff_without_a_resolution_gets_none(tmp_path, levels):
    Image.fromarray(levels).save(tmp_path / "a.tif")
    with Image.open(tmp_path / "a.tif") as image:
        assert 282 not in image.tag_v2
    assert open_picture(tmp_path / "a.tif").metadata.resolution is None


def test_deep_tiff_in_strips(tmp_path, levels):
    deep = np.random.default_rng(3).integers(0, 65536, (2 * STRIP_ROWS + 5, 31, 4), np.uint16)
    write_levels(tmp_path / "a.tif", deep, metadata=Metadata(resolution=(240.0, 240.0)))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages.first
        np.testing.assert_array_equal(page.asarray(), deep)
        assert len(page.dataoffsets) == 3
        assert page.get_resolution(unit="INCH") == (240.0, 240.0)
        assert 34675 in page.tags
    opened = open_picture(tmp_path / "a.tif")
    assert (opened.bits, opened.metadata.resolution) == (16, (240.0, 240.0))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("samples", [1, 3, 4])
@pytest.mark.parametrize("layout", [{"tile": (32, 48)}, {"rowsperstrip": 7}, {"tile": (16, 16), "bigtiff": True}, {}])
def test_tiff_piece_by_piece_is_the_tiff_whole(tmp_path, monkeypatch, dtype, samples, layout):
    random = np.random.default_rng(4)
    levels = random.integers(
        0, np.iinfo(dtype).max, (101, 83, samples)[: 3 if samples > 1 else 2], dtype, endpoint=True
    )
    options = {"extrasamples": ["unassalpha"]} if samples == 4 else {}
    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=layout.pop("bigtiff", False)) as tiff:
        photometric = "rgb" if samples > 1 else "minisblack"
        tiff.write(levels, photometric=photometric, compression="zlib", resolution=(300, 300), **layout, **options)
    whole = open_picture(tmp_path / "a.tif")
    monkeypatch.setattr("images.reading.MIN_PIXELS", 0)
    pieces = open_picture(tmp_path / "a.tif")
    assert (pieces.bits, pieces.metadata.resolution) == (np.dtype(dtype).itemsize * 8, (300, 300))
    spans = [range(start, min(start + 19, 101)) for start in range(0, 101, 19)]
    found = np.concatenate([pieces.read_rows(span) for span in spans])
    np.testing.assert_allclose(found, whole.picture().pixels, atol=1e-7)
    if samples == 4:
        alpha = np.concatenate([pieces.read_alpha(span) for span in spans])
        np.testing.assert_allclose(alpha, whole.picture().alpha, atol=1e-7)


def test_avif(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 64, dtype=np.uint8)[:, None, None], (1, 48, 3))
    Image.fromarray(ramp).save(tmp_path / "a.avif", quality=95)
    assert np.abs(read_image(tmp_path / "a.avif").pixels * 255 - ramp).max() < 6


def test_avif_that_begins_with_the_brand_of_its_container(tmp_path):
    Image.new("RGB", (8, 6), (200, 100, 50)).save(tmp_path / "a.avif", quality=95)
    content = (tmp_path / "a.avif").read_bytes()
    (tmp_path / "b.avif").write_bytes(content[:8] + b"mif1" + content[12:])
    np.testing.assert_array_equal(read_image(tmp_path / "b.avif").pixels, read_image(tmp_path / "a.avif").pixels)


def test_heic(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    ramp = np.tile(np.linspace(0, 255, 64, dtype=np.uint8)[:, None, None], (1, 48, 3))
    pillow_heif.from_pillow(Image.fromarray(ramp)).save(tmp_path / "a.heic", quality=95)
    assert np.abs(read_image(tmp_path / "a.heic").pixels * 255 - ramp).max() < 6


def test_heic_without_its_package_is_told_in_a_line(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    with pytest.raises(ValueError, match=r"a\.heic: this kind of picture needs the Python package pillow_heif"):
        read_image(tmp_path / "a.heic")
