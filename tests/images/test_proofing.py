"""Soft proofs through a made-up press, and 16-bit TIFF."""

import struct

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from support import picture_files

from images.color_profiles import srgb_profile
from images.errors import ImageError
from images.proofing import soft_proof
from images.reading import read_image
from images.writing import write_deep_tiff

DARKEST = 20


def black_press() -> bytes:
    """Return the profile of a press that has black ink alone, of L* 20, on white paper."""
    inks = np.indices((2, 2, 2, 2)).reshape(4, 16).T
    lightness = np.where(inks[:, 3] == 1, DARKEST, 100)
    forward = picture_files.table_profile(b"CMYK", np.stack([lightness, 0 * lightness, 0 * lightness], axis=1))
    identity = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    lab = np.indices((2, 2, 2)).reshape(3, 8).T
    table = np.zeros((8, 4), np.uint8)
    table[:, 3] = 255 * (1 - lab[:, 0])
    ramp = bytes(range(256))
    backward = b"mft1" + bytes(4) + struct.pack("BBBB", 3, 4, 2, 0) + identity
    backward += ramp * 3 + table.tobytes() + ramp * 4
    start = forward.index(b"mft1")
    return picture_files._profile(b"CMYK", b"Lab ", b"prtr", {b"A2B0": forward[start:], b"B2A0": backward})


def test_proof_has_the_colours_of_the_press(tmp_path):
    path = tmp_path / "press.icc"
    path.write_bytes(black_press())
    pixels = np.random.default_rng(0).random((8, 9, 3), dtype="float32")
    pixels[0] = 0
    pixels[1] = 1
    proof = soft_proof(pixels, path)
    assert proof.dtype == np.float32
    assert np.ptp(proof, axis=-1).max() <= 3 / 255
    assert proof[1].min() > 0.98
    # As LittleCMS converts there and back when it is asked directly; perceptual, so that black remains black.
    levels = Image.fromarray(np.floor(pixels * 255 + 0.5).astype(np.uint8))
    srgb = ImageCms.createProfile("sRGB")
    inks = ImageCms.profileToProfile(levels, srgb, str(path), outputMode="CMYK")
    expected = np.asarray(ImageCms.profileToProfile(inks, str(path), srgb, outputMode="RGB")) / 255
    np.testing.assert_allclose(proof, expected, atol=1.01 / 255)
    assert np.abs(expected - pixels).max() > 0.2


@pytest.mark.parametrize(
    "content", [b"no profile", srgb_profile(), picture_files.table_profile(b"CMYK", np.zeros((16, 3)))]
)
def test_what_is_no_press_is_told(tmp_path, content):
    path = tmp_path / "press.icc"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"not a colour profile|a profile for"):
        soft_proof(np.zeros((2, 2, 3)), path)


def test_deep_tiff_keeps_16_bits_and_is_whole_or_not_there(tmp_path):
    pixels = np.random.default_rng(0).random((7, 5, 3), dtype="float32") * 1.2 - 0.1
    path = tmp_path / "deep.tif"
    write_deep_tiff(path, pixels)
    found = tifffile.imread(path)
    assert found.dtype == np.uint16
    np.testing.assert_allclose(found / 65535, pixels.clip(0, 1), atol=0.51 / 65535)
    np.testing.assert_allclose(read_image(path).pixels, pixels.clip(0, 1), atol=1 / 65535)
    with Image.open(path) as image:
        assert image.info["icc_profile"] == srgb_profile()
    with pytest.raises(ImageError, match="NaN"):
        write_deep_tiff(tmp_path / "other.tif", pixels * np.nan)
    with pytest.raises(ImageError, match="cannot be written"):
        write_deep_tiff(tmp_path / "nowhere" / "other.tif", pixels)
    assert list(tmp_path.iterdir()) == [path]
