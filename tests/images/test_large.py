"""Large picture files piece by piece, against Pillow, OpenCV and tifffile, which read and write them whole."""

import io
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from images.large import jpeg, mapped
from images.reading import open_picture
from images.rows import Metadata
from images.writing import OPTIONS, write_levels

EXIF, GPS, MAKER, EXPOSURE = 34665, 34853, 271, 33434


@pytest.fixture
def levels():
    noise = np.random.default_rng(1).integers(0, 256, (21, 29, 3), np.uint8)
    return np.asarray(Image.fromarray(noise).resize((203, 149), Image.Resampling.BICUBIC))


@pytest.fixture
def always_large(monkeypatch):
    """Treat small pictures as large ones."""
    for name in ("images.large.decoding.MIN_PIXELS", "images.reading.MIN_PIXELS", "images.writing.MAX_PILLOW_BYTES"):
        monkeypatch.setattr(name, 0)


def camera_exif(orientation=1):
    exif = Image.Exif()
    exif[274], exif[MAKER], exif[270], exif[306] = orientation, "A camera", "A picture", "2024:01:02 03:04:05"
    exif.get_ifd(EXIF)[EXPOSURE] = 0.25
    exif.get_ifd(GPS)[1] = "N"
    return exif


def read_in_bands(opened, read):
    return np.concatenate([read(range(start, min(start + 17, opened.height))) for start in range(0, opened.height, 17)])


@pytest.mark.parametrize("orientation", [1, 2, 5, 8])
@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.jpg", "RGB", {"quality": 85}),
        ("a.jpg", "L", {"quality": 85, "progressive": True}),
        ("a.png", "RGB", {}),
        ("a.png", "L", {}),
        ("a.png", "LA", {}),
        ("a.png", "RGBA", {}),
    ],
)
def test_decoded_into_a_file_is_decoded_whole(tmp_path, levels, request, name, mode, options, orientation):
    image = Image.fromarray(levels)
    image.putalpha(Image.fromarray(levels[..., 1]))
    image.convert(mode).save(tmp_path / name, exif=camera_exif(orientation), dpi=(300, 300), **options)
    whole = open_picture(tmp_path / name)
    request.getfixturevalue("always_large")
    large = open_picture(tmp_path / name)
    assert (large.height, large.width, large.metadata) == (whole.height, whole.width, whole.metadata)
    np.testing.assert_array_equal(read_in_bands(large, large.read_rows), whole.picture().pixels)
    assert (large.read_alpha is None) == (whole.read_alpha is None)
    if large.read_alpha is not None:
        np.testing.assert_array_equal(read_in_bands(large, large.read_alpha), whole.picture().alpha)


def test_deep_png_keeps_its_bits(tmp_path, levels, always_large):
    deep = levels.astype(np.uint16) * 257
    deep[0, 0] = 1234
    cv2.imwrite(str(tmp_path / "a.png"), deep[..., ::-1])
    opened = open_picture(tmp_path / "a.png")
    assert opened.bits == 16
    np.testing.assert_allclose(read_in_bands(opened, opened.read_rows) * 65535, deep, atol=0.01)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_what_is_cut_off_is_no_picture(tmp_path, levels, always_large, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(levels).save(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match=rf"a\{suffix}: cannot be read: .*"):
        open_picture(path)


def test_exif_behind_the_pixels_of_a_png(tmp_path, levels, always_large):
    Image.fromarray(levels).save(tmp_path / "a.png", exif=camera_exif(6))
    data = (tmp_path / "a.png").read_bytes()
    start = data.index(b"eXIf") - 4
    chunk = data[start : start + 12 + int.from_bytes(data[start : start + 4], "big")]
    (tmp_path / "a.png").write_bytes(data[:start] + data[start + len(chunk) : -12] + chunk + data[-12:])
    opened = open_picture(tmp_path / "a.png")
    assert (opened.height, opened.width) == (203, 149)
    assert b"A camera" in opened.metadata.exif


def test_a_jpeg_by_bands_is_the_jpeg_whole(tmp_path, levels, monkeypatch):
    monkeypatch.setattr(jpeg, "BAND_ROWS", 16)
    for part in (levels, levels[:16], levels[:5, :7], levels[:33, :65]):
        file, whole = io.BytesIO(), io.BytesIO()
        jpeg.write_jpeg(file, part, OPTIONS["JPEG"])
        Image.fromarray(part).save(whole, "JPEG", **OPTIONS["JPEG"])
        np.testing.assert_array_equal(np.asarray(Image.open(file)), np.asarray(Image.open(whole)))
        decoded = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_array_equal(decoded[..., ::-1], np.asarray(Image.open(whole)))


@pytest.mark.parametrize("channels", [3, 4])
def test_a_png_row_by_row_is_without_loss(tmp_path, levels, always_large, channels):
    pixels = np.dstack([levels, levels[..., 0]])[..., :channels]
    write_levels(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), pixels)
    decoded = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(np.dstack([decoded[..., 2::-1], decoded[..., 3:]]), pixels)
    Image.fromarray(pixels).save(tmp_path / "b.png")
    assert (tmp_path / "a.png").stat().st_size < 1.1 * (tmp_path / "b.png").stat().st_size + 1000


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".tif", ".jpg", ".png"])
def test_metadata_of_a_large_tiff_is_kept(tmp_path, levels, always_large, monkeypatch, suffix, dtype, big):
    monkeypatch.setattr("images.large.tiff.MAX_TIFF_BYTES", 0 if big else 10**9)
    metadata = Metadata(camera_exif().tobytes(), (300.0, 150.0))
    write_levels(tmp_path / "a.tif", levels.astype(dtype) * (257 if dtype == np.uint16 else 1), metadata=metadata)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_bigtiff == big
        assert file.pages.first.tags[EXIF].value["ExposureTime"] == 0.25
    opened = open_picture(tmp_path / "a.tif")
    assert opened.metadata.resolution == (300, 150)
    write_levels(tmp_path / f"b{suffix}", levels, metadata=opened.metadata)
    with Image.open(tmp_path / f"b{suffix}") as image:
        exif = image.getexif()
        assert (exif[MAKER], exif[270], exif[306]) == ("A camera", "A picture", "2024:01:02 03:04:05")
        assert exif.get_ifd(EXIF)[EXPOSURE] == 0.25
        assert exif.get_ifd(GPS)[1] == "N"
        assert image.info["icc_profile"]
        assert image.info["dpi"] == pytest.approx((300, 150), abs=0.02)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("layout", [{"tile": (32, 48)}, {"rowsperstrip": 7}])
def test_a_large_tiff_is_turned_upright(tmp_path, levels, monkeypatch, orientation, layout):
    tags = [(274, "H", 1, orientation, True), (MAKER, "s", 0, "A camera", True)]
    tifffile.imwrite(tmp_path / "a.tif", levels, photometric="rgb", compression="zlib", extratags=tags, **layout)
    whole = open_picture(tmp_path / "a.tif")
    monkeypatch.setattr("images.reading.MIN_PIXELS", 0)
    pieces = open_picture(tmp_path / "a.tif")
    assert (pieces.height, pieces.width) == (whole.height, whole.width)
    np.testing.assert_allclose(read_in_bands(pieces, pieces.read_rows), whole.picture().pixels, atol=1e-7)
    for opened in (pieces, whole):
        exif = Image.Exif()
        exif.load(opened.metadata.exif)
        assert exif[MAKER] == "A camera"
        assert 274 not in exif


def test_a_large_tiff_that_was_turned_is_closed(tmp_path, levels, always_large):
    tifffile.imwrite(tmp_path / "a.tif", levels, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    opened = open_picture(tmp_path / "a.tif")
    held = [os.path.realpath(file) for file in Path("/proc/self/fd").iterdir()]
    assert str(tmp_path / "a.tif") not in held
    assert opened.picture().pixels.shape == (levels.shape[1], levels.shape[0], 3)


def test_a_full_disk_is_told_before_the_work(tmp_path):
    with pytest.raises(OSError, match=r"no room for 1,000,000,000\.0 MB of temporary files"):
        mapped.mapped_zeros((10**15,), np.uint8, str(tmp_path))
