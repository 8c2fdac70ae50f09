"""Writing picture files, read back by Pillow and OpenCV."""

import io
import os
import stat

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, JpegImagePlugin
from support.small_disk import largest_file

from images.errors import ImageError, ImageWarning
from images.reading import read_image
from images.writing import to_bytes, write_image

LOSSLESS = (".png", ".webp", ".tif", ".tiff")


@pytest.fixture
def random():
    return np.random.default_rng(11)


def test_rounding_is_to_the_nearest_level_after_clipping():
    values = np.array([-1, 0, 0.49 / 255, 0.5 / 255, 1.5 / 255, 2.5 / 255, 254.49 / 255, 1, 9])
    np.testing.assert_array_equal(to_bytes(values), [0, 0, 0, 1, 2, 3, 254, 255, 255])
    levels = np.arange(256)
    np.testing.assert_array_equal(to_bytes((levels / 255).astype(np.float32)), levels)


@pytest.mark.parametrize("suffix", [*LOSSLESS, ".PNG"])
def test_formats_without_loss(tmp_path, random, suffix):
    levels = random.integers(0, 256, (13, 17, 3), np.uint8)
    path = tmp_path / f"picture{suffix}"
    write_image(path, levels.astype(np.float32) / 255)
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), levels[..., ::-1])
    np.testing.assert_array_equal(read_image(path).pixels, levels.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_alpha_is_kept_and_so_are_the_colours_under_it(tmp_path, random, suffix):
    levels = random.integers(0, 256, (13, 17, 4), np.uint8)
    levels[:3, :, 3] = 0
    path = tmp_path / f"picture{suffix}"
    write_image(path, levels[..., :3] / 255, alpha=levels[..., 3] / 255)
    if suffix.startswith(".tif"):  # OpenCV multiplies the colours of TIFF by alpha
        decoded = tifffile.imread(path)
    else:
        decoded = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
    np.testing.assert_array_equal(decoded, levels)


def test_jpeg_is_of_quality_95_with_full_chroma(tmp_path, random):
    levels = cv2.GaussianBlur(random.integers(0, 256, (64, 64, 3), np.uint8), (0, 0), 2)
    write_image(tmp_path / "picture.jpg", levels / 255)
    reference = io.BytesIO()
    Image.fromarray(levels).save(reference, "JPEG", quality=95)
    with Image.open(tmp_path / "picture.jpg") as image, Image.open(reference) as expected:
        assert JpegImagePlugin.get_sampling(image) == 0  # 4:4:4
        assert image.quantization == expected.quantization
    decoded = cv2.imread(str(tmp_path / "picture.jpg"))[..., ::-1]
    assert np.abs(decoded.astype(int) - levels).max() < 12


@pytest.mark.parametrize("suffix", [*LOSSLESS, ".jpg"])
def test_the_srgb_profile_is_embedded(tmp_path, suffix):
    write_image(tmp_path / f"picture{suffix}", np.full((4, 4, 3), 0.5))
    with Image.open(tmp_path / f"picture{suffix}") as image:
        embedded = image.info["icc_profile"]
    profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded)).profile
    assert "sRGB" in profile.profile_description
    assert profile.is_matrix_shaper


def test_the_same_pixels_give_the_same_bytes(tmp_path, random):
    pixels = random.random((9, 9, 3))
    for suffix in (*LOSSLESS, ".jpg"):
        write_image(tmp_path / f"a{suffix}", pixels)
        write_image(tmp_path / f"b{suffix}", pixels)
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_jpeg_leaves_alpha_out_with_a_warning_when_it_shows(tmp_path, recwarn):
    pixels, alpha = np.full((4, 4, 3), 0.5), np.ones((4, 4))
    write_image(tmp_path / "opaque.jpg", pixels, alpha=alpha)
    assert not recwarn
    alpha[0, 0] = 0.5
    with pytest.warns(ImageWarning, match="not support transparency"):
        write_image(tmp_path / "see-through.jpg", pixels, alpha=alpha)
    assert cv2.imread(str(tmp_path / "see-through.jpg"), cv2.IMREAD_UNCHANGED).shape == (4, 4, 3)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    write_image(path, np.zeros((4, 4, 3)))
    before = path.read_bytes()

    def fail(self, file, **options):
        file.write(b"half a picture")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(ImageError, match=r"picture\.png.*No space left"):
        write_image(path, np.ones((4, 4, 3)))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["picture.png"]


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(self, file, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_image(tmp_path / "picture.png", np.ones((4, 4, 3)))
    assert not list(tmp_path.iterdir())


def test_file_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_image(tmp_path / "picture.png", np.zeros((2, 2, 3)))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "picture.png").stat().st_mode) == 0o640


@pytest.mark.parametrize(("name", "pixels", "alpha", "message"), [
    ("a.gif", np.zeros((2, 2, 3)), None, r"\.png"),
    ("a", np.zeros((2, 2, 3)), None, "unknown picture format"),
    ("missing/a.png", np.zeros((2, 2, 3)), None, "No such file or directory"),
    ("a.png", np.zeros((2, 2)), None, "height, width, 3"),
    ("a.png", np.zeros((2, 2, 3)), np.zeros((2, 3)), "height, width, 3"),
    ("a.png", np.full((2, 2, 3), np.nan), None, "NaN"),
    ("a.webp", np.zeros((2, 16384, 3)), None, "16383"),
    ("a.jpg", np.zeros((65501, 1, 3)), None, "65500"),
])  # fmt: skip
def test_what_cannot_be_written(tmp_path, name, pixels, alpha, message):
    with pytest.raises(ImageError, match=message):
        write_image(tmp_path / name, pixels, alpha=alpha)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_named_once(tmp_path):
    path = tmp_path / "a.png"
    path.mkdir()
    with pytest.raises(ImageError) as caught:
        write_image(path, np.zeros((2, 2, 3), np.float32))
    assert str(caught.value) == f"{path}: cannot be written: Is a directory"


@pytest.mark.parametrize("suffix", [".jpg", *LOSSLESS])
def test_a_disk_that_becomes_full_leaves_no_half_picture(tmp_path, suffix, random, capfd):
    """Pillow's encoders took a write that ended early for a whole one, and libtiff's for a broken encoder."""
    pixels = random.random((120, 100, 3))
    path = tmp_path / f"old{suffix}"
    write_image(path, pixels)
    before = path.read_bytes()
    for allowed in (10, len(before) // 2, len(before) - 1):
        with largest_file(allowed), pytest.raises(ImageError, match="cannot be written: File too large"):
            write_image(path, pixels)
        assert (list(tmp_path.iterdir()), path.read_bytes()) == ([path], before)
    assert capfd.readouterr().err == ""
