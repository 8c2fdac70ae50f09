"""ICC profiles, against LittleCMS called directly and against the closed formulas."""

import io
import warnings

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from support import picture_files

from images.color_profiles import tone_curves
from images.errors import ImageWarning
from images.reading import read_image

ADOBE = picture_files.rgb_profile(picture_files.ADOBE_RGB, picture_files.gamma_curve(2.19921875))
PROPHOTO = picture_files.rgb_profile(
    picture_files.PROPHOTO_RGB, picture_files.parametric_curve(3, 1.8, 1.0, 0.0, 1 / 16, 1 / 32)
)
SRGB_CURVE = picture_files.parametric_curve(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
# The adobeRGB to sRGB matrix in linear light as Bruce Lindbloom and others publish it.
ADOBE_TO_SRGB = np.array([[1.3984, -0.3984, 0.0], [0.0, 1.0, 0.0], [0.0, -0.0429, 1.0429]])


@pytest.fixture
def random():
    return np.random.default_rng(3)


@pytest.fixture
def levels(random):
    return random.integers(0, 256, (16, 20, 3), np.uint8)


def read(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_image(path).pixels


def by_littlecms(image, profile):
    """Return the conversion to sRGB by LittleCMS as floats in [0, 1]."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    target = ImageCms.createProfile("sRGB")
    return np.asarray(ImageCms.profileToProfile(image, source, target, outputMode="RGB")) / 255


def encode(linear):
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def write_deep(path, levels, profile):
    """Write 8-bit levels as 16 bits, as RGB or grey by their shape."""
    kind = "rgb" if levels.ndim == 3 else "minisblack"
    tifffile.imwrite(path, levels.astype(np.uint16) * 257, photometric=kind, iccprofile=profile)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_eight_bits_go_through_littlecms(tmp_path, levels, suffix):
    image = Image.fromarray(levels)
    image.save(tmp_path / f"picture{suffix}", icc_profile=ADOBE, lossless=True)
    expected = by_littlecms(image, ADOBE)
    assert np.abs(expected - levels / 255).max() > 0.1
    np.testing.assert_allclose(read(tmp_path / f"picture{suffix}"), expected, atol=1e-6)
    linear = (levels / 255) ** 2.19921875 @ ADOBE_TO_SRGB.T
    np.testing.assert_allclose(expected, encode(linear), atol=3 / 255)


@pytest.mark.parametrize("curve", [
    picture_files.gamma_curve(1.8),
    picture_files.table_curve(np.linspace(0, 1, 64) ** 2.2),
    picture_files.table_curve([]),
    picture_files.parametric_curve(0, 2.2),
    picture_files.parametric_curve(1, 2.2, 1.1, -0.1),
    picture_files.parametric_curve(2, 2.2, 1.1, -0.1, 0.0),
    SRGB_CURVE,
    picture_files.parametric_curve(4, 2.4, 0.94, 0.05, 0.07, 0.05, 0.0, 0.0),
])  # fmt: skip
@pytest.mark.parametrize("colorants", [picture_files.ADOBE_RGB, picture_files.PROPHOTO_RGB])
def test_sixteen_bits_agree_with_littlecms(tmp_path, levels, colorants, curve):
    """The formulas here work in floats, LittleCMS in 8 bits with a rounded pipeline: within 3 levels.

    All curves are 0 at 0, else LittleCMS would shift the black point as well.
    """
    profile = picture_files.rgb_profile(colorants, curve)
    write_deep(tmp_path / "picture.tif", levels, profile)
    expected = by_littlecms(Image.fromarray(levels), profile)
    pixels = read(tmp_path / "picture.tif")
    difference = np.abs(pixels - expected) * 255
    # Where a colour of the wide gamut falls close to black, LittleCMS' 8 bits are coarser than a level.
    assert np.quantile(difference, 0.98) < 1.01
    assert difference.max() < 3


def test_sixteen_bits_stay_sixteen_bits_through_a_profile(tmp_path):
    ramp = np.repeat(np.linspace(0, 65535, 4096).astype(np.uint16)[None, :, None], 3, axis=2)
    tifffile.imwrite(tmp_path / "picture.tif", ramp, photometric="rgb", iccprofile=PROPHOTO)
    pixels = read(tmp_path / "picture.tif")
    assert np.unique(pixels[0, :, 1]).size > 4000
    x = ramp / 65535
    linear = np.where(x >= 1 / 32, x**1.8, x / 16)  # grey stays grey: D50 white is white in both
    np.testing.assert_allclose(pixels, encode(linear), atol=1e-3)


def test_sixteen_bit_png_in_adobe_rgb(tmp_path, random):
    import zlib

    values = random.integers(0, 65536, (6, 5, 3), np.uint16)
    chunks = [(b"iCCP", b"test\0\0" + zlib.compress(ADOBE))]
    (tmp_path / "picture.png").write_bytes(
        picture_files.png_file(5, 6, 16, picture_files.RGB, picture_files.scanlines(values), chunks=chunks)
    )
    linear = (values / 65535) ** 2.19921875 @ ADOBE_TO_SRGB.T
    np.testing.assert_allclose(read(tmp_path / "picture.png"), encode(linear), atol=2e-2)


def test_parametric_curves_by_their_formulas():
    x = np.linspace(0, 1, 101)
    formulas = {
        (0, 2.2): x**2.2,
        (1, 2.0, 2.0, -0.5): np.where(x >= 0.25, (2 * x - 0.5) ** 2, 0),
        (2, 2.0, 2.0, -0.5, 0.125): np.where(x >= 0.25, (2 * x - 0.5) ** 2, 0) + 0.125,
        (3, 2.0, 0.5, 0.25, 0.75, 0.5): np.where(x >= 0.5, (0.5 * x + 0.25) ** 2, 0.75 * x),
        (4, 2.0, 0.5, 0.25, 0.75, 0.5, 0.125, 0.25): np.where(x >= 0.5, (0.5 * x + 0.25) ** 2 + 0.125, 0.75 * x + 0.25),
    }
    for parameters, expected in formulas.items():
        profile = picture_files.grey_profile(picture_files.parametric_curve(*parameters))
        (curve,) = tone_curves(profile, "kTRC")
        np.testing.assert_allclose(curve(x), expected, atol=1e-4)


@pytest.mark.parametrize("deep", [False, True])
def test_grey_profiles(tmp_path, levels, deep):
    profile = picture_files.grey_profile(picture_files.gamma_curve(2.0))
    grey = levels[..., 0]
    if deep:
        write_deep(tmp_path / "picture.tif", grey, profile)
    else:
        Image.fromarray(grey).save(tmp_path / "picture.tif", icc_profile=profile)
    expected = np.repeat(encode((grey / 255) ** 2)[..., None], 3, axis=2)
    np.testing.assert_allclose(read(tmp_path / "picture.tif"), expected, atol=1e-4 if deep else 2 / 255)


@pytest.mark.parametrize("deep", [False, True])
def test_grey_picture_with_the_profile_of_a_colour_one(tmp_path, levels, deep):
    grey = levels[..., 0]
    if deep:
        write_deep(tmp_path / "picture.tif", grey, ADOBE)
    else:
        Image.fromarray(grey).save(tmp_path / "picture.tif", icc_profile=ADOBE)
    expected = by_littlecms(Image.fromarray(grey).convert("RGB"), ADOBE)
    np.testing.assert_allclose(read(tmp_path / "picture.tif"), expected, atol=2 / 255)


@pytest.mark.parametrize("deep", [False, True])
def test_srgb_under_any_name_changes_nothing(tmp_path, levels, deep):
    """A profile whose numbers are sRGB's, but for rounding, leaves every level as it is."""
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).profile
    colorants = [xyz for xyz, _ in (own.red_colorant, own.green_colorant, own.blue_colorant)]
    profile = picture_files.rgb_profile(colorants, SRGB_CURVE)
    if deep:
        write_deep(tmp_path / "picture.tif", levels, profile)
    else:
        Image.fromarray(levels).save(tmp_path / "picture.tif", icc_profile=profile)
    np.testing.assert_allclose(read(tmp_path / "picture.tif"), levels / 255, atol=1e-7)


def test_cmyk_jpeg_with_a_table_profile(tmp_path):
    """Ink amounts of 0 and 1 meet the table's own corners, whose colours are chosen unlike the plain formula's."""
    corners = np.zeros((16, 3))
    corners[0] = (100, 0, 0)  # paper
    corners[8] = (60, -40, -40)  # cyan
    corners[4] = (50, 70, 0)  # magenta
    corners[1] = (20, 0, 0)  # black
    profile = picture_files.table_profile(b"CMYK", corners)
    inks = np.zeros((16, 64, 4), np.uint8)
    for column, ink in enumerate((None, 0, 1, 3)):
        if ink is not None:
            inks[:, column * 16 : column * 16 + 16, ink] = 255
    image = Image.fromarray(inks, "CMYK")
    image.save(tmp_path / "picture.jpg", quality=100, subsampling=0, icc_profile=profile)
    pixels = read(tmp_path / "picture.jpg")
    np.testing.assert_allclose(pixels, by_littlecms(image, profile), atol=3 / 255)
    patches = pixels[8, 8::16]
    # L* 100, a cyan-like and a magenta-like colour, and L* 20 as D50 Lab is in sRGB.
    assert patches[0].min() > 0.98
    assert patches[1][2] > patches[1][1] > patches[1][0]
    assert patches[2][0] > 2 * patches[2][1]
    np.testing.assert_allclose(patches[3], 48 / 255, atol=3 / 255)


def test_table_profile_of_a_deep_picture_is_left_aside_with_a_warning(tmp_path, levels):
    profile = picture_files.table_profile(b"RGB ", np.zeros((8, 3)))
    write_deep(tmp_path / "picture.tif", levels, profile)
    with pytest.warns(ImageWarning, match=r"picture\.tif.*tables"):
        pixels = read_image(tmp_path / "picture.tif").pixels
    np.testing.assert_allclose(pixels, levels / 255, atol=1e-7)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("profile", [
    b"not a profile at all",
    ADOBE[:200],
    ADOBE.replace(b"rTRC", b"xTRC"),
    ADOBE.replace(b"curv", b"curx"),
    picture_files.grey_profile(picture_files.gamma_curve(2.2)),
    picture_files.table_profile(b"CMYK", np.zeros((16, 3))),
])  # fmt: skip
def test_broken_and_foreign_profiles_are_left_aside_with_a_warning(tmp_path, levels, profile, deep):
    if deep:
        write_deep(tmp_path / "picture.tif", levels, profile)
    else:
        Image.fromarray(levels).save(tmp_path / "picture.tif", icc_profile=profile)
    with pytest.warns(ImageWarning, match=r"picture\.tif.*profile.*assumed to be sRGB"):
        pixels = read_image(tmp_path / "picture.tif").pixels
    np.testing.assert_allclose(pixels, levels / 255, atol=1e-7)
