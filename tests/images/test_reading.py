"""Reading picture files, against OpenCV, Pillow's raw values and files made by hand."""

import io
import shutil
import struct
import subprocess
import sys
import warnings

import cv2
import numpy as np
import pytest
import tifffile
from conftest import ROOT
from PIL import Image, ImageCms
from support import picture_files

from images.errors import ImageError, ImageWarning
from images.picture import Picture
from images.reading import open_picture, read_image
from images.rows import Metadata
from images.writing import write_image


@pytest.fixture
def random():
    return np.random.default_rng(7)


@pytest.fixture
def photo(random):
    """A smooth picture, BGR uint8 (40, 60, 3), that JPEG can hold."""
    return cv2.GaussianBlur(random.integers(0, 256, (40, 60, 3), np.uint8), (0, 0), 3) // 2 * 2


def read(path, *, alpha=False):
    """Read without a warning, check the contract, and return the levels of 8 bits as floats."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = read_image(path)
    assert picture.pixels.dtype == np.float32
    assert picture.pixels.shape == (picture.height, picture.width, 3)
    assert picture.pixels.flags.c_contiguous
    assert (picture.alpha is not None) == alpha
    if alpha:
        assert picture.alpha.dtype == np.float32
        assert picture.alpha.shape == picture.pixels.shape[:2]
    return picture


def assert_same_as_opencv(path, tolerance=0):
    """Compare with OpenCV's decoder: BGR, BGRA or grey, 8 or 16 bits."""
    expected = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    largest = 1 if expected.dtype.kind == "f" else np.iinfo(expected.dtype).max
    expected = expected.reshape(*expected.shape[:2], -1) / largest
    picture = read(path, alpha=expected.shape[2] == 4)
    color = expected[..., 2::-1] if expected.shape[2] >= 3 else np.repeat(expected, 3, axis=2)
    np.testing.assert_allclose(picture.pixels, color, atol=1e-7 + tolerance / largest)
    if picture.alpha is not None:
        np.testing.assert_allclose(picture.alpha, expected[..., 3], atol=1e-7)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp"])
def test_eight_bit_formats(tmp_path, photo, suffix, channels):
    path = tmp_path / f"picture{suffix}"
    cv2.imwrite(str(path), photo[..., 0] if channels == 1 else photo)
    assert_same_as_opencv(path, tolerance=2 if suffix in (".jpg", ".webp") else 0)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_eight_bit_alpha(tmp_path, random, suffix):
    path = tmp_path / f"picture{suffix}"
    cv2.imwrite(str(path), random.integers(1, 256, (7, 9, 4), np.uint8), [cv2.IMWRITE_WEBP_QUALITY, 101])
    assert_same_as_opencv(path)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_survive(tmp_path, random, suffix, channels):
    path = tmp_path / f"picture{suffix}"  # OpenCV writes TIFF in LZW with prediction
    cv2.imwrite(str(path), random.integers(0, 65536, (7, 9, channels), np.uint16))
    assert_same_as_opencv(path)


def test_sixteen_bit_levels_are_all_distinct(tmp_path):
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for name in ("levels.png", "levels.tif"):
        cv2.imwrite(str(tmp_path / name), levels)
        assert np.unique(read(tmp_path / name).pixels).size == 65536


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_png_of_every_kind(tmp_path, random, channels, interlaced):
    values = random.integers(0, 65536, (9, 11, channels), np.uint16)
    kind = {1: picture_files.GREY, 2: picture_files.GREY_ALPHA, 3: picture_files.RGB, 4: picture_files.RGB_ALPHA}
    rows = picture_files.interlaced_scanlines(values) if interlaced else picture_files.scanlines(values)
    path = tmp_path / "picture.png"
    path.write_bytes(picture_files.png_file(11, 9, 16, kind[channels], rows, interlaced=interlaced))
    picture = read(path, alpha=channels in (2, 4))
    color = values[..., :3] if channels >= 3 else values[..., :1]
    np.testing.assert_allclose(picture.pixels, np.broadcast_to(color / 65535, (9, 11, 3)), atol=1e-7)
    if channels in (2, 4):
        np.testing.assert_allclose(picture.alpha, values[..., -1] / 65535, atol=1e-7)


@pytest.mark.parametrize(("depth", "value"), [(8, 77), (16, 30000)])
def test_png_with_a_transparent_colour(tmp_path, depth, value):
    dtype = np.dtype(f">u{depth // 8}")
    values = np.full((2, 3, 3), value, dtype)
    values[1, 2] = 5
    chunks = [(b"tRNS", struct.pack(">3H", 5, 5, 5))]
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    path = tmp_path / "picture.png"
    path.write_bytes(picture_files.png_file(3, 2, depth, picture_files.RGB, rows, chunks=chunks))
    picture = read(path, alpha=True)
    np.testing.assert_array_equal(picture.alpha, [[1, 1, 1], [1, 1, 0]])
    np.testing.assert_allclose(picture.pixels, values / (2**depth - 1), atol=1e-7)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_grey_png_of_few_bits_with_a_transparent_level(tmp_path, depth):
    rows = b"\0\x40\0\x80"  # two rows of one pixel, in the first bits of a byte
    level = {1: 1, 2: 2, 4: 8}[depth]
    path = tmp_path / "picture.png"
    chunks = [(b"tRNS", struct.pack(">H", level))]
    path.write_bytes(picture_files.png_file(1, 2, depth, picture_files.GREY, rows, chunks=chunks))
    picture = read(path, alpha=True)
    np.testing.assert_array_equal(picture.alpha, [[1], [0]])
    assert picture.pixels[1, 0, 0] == pytest.approx(level / (2**depth - 1))


@pytest.mark.parametrize("options", [
    {},
    {"compression": "zlib"},
    {"compression": "zlib", "predictor": True},
    {"byteorder": ">"},
    {"tile": (16, 16)},
    {"bigtiff": True},
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["uint16", "uint32", "float16", "float32", "float64"])
def test_deep_tiff(tmp_path, random, dtype, options):
    values = random.random((21, 33, 3))
    largest = 1 if dtype.startswith("float") else np.iinfo(dtype).max
    values = (values * largest).astype(dtype)
    if dtype == "float64" and "predictor" in options:
        values = values.astype("float32")  # tifffile predicts no doubles
    tifffile.imwrite(tmp_path / "picture.tif", values, photometric="rgb", **options)
    np.testing.assert_allclose(read(tmp_path / "picture.tif").pixels, values / largest, atol=1e-7)


def test_deep_tiff_of_separate_planes(tmp_path, random):
    values = random.integers(0, 65536, (3, 8, 6), np.uint16)
    tifffile.imwrite(tmp_path / "picture.tif", values, photometric="rgb", planarconfig="separate")
    expected = np.moveaxis(values, 0, -1) / 65535
    np.testing.assert_allclose(read(tmp_path / "picture.tif").pixels, expected, atol=1e-7)


def test_deep_tiff_where_white_is_zero(tmp_path, random):
    values = random.integers(0, 65536, (8, 6), np.uint16)
    tifffile.imwrite(tmp_path / "picture.tif", values, photometric="miniswhite")
    expected = np.repeat(1 - values[..., None] / 65535, 3, axis=2)
    np.testing.assert_allclose(read(tmp_path / "picture.tif").pixels, expected, atol=1e-6)


def test_deep_tiff_alpha_straight_premultiplied_and_unspecified(tmp_path, random):
    color, alpha = random.random((8, 6, 3)), random.uniform(0.2, 1, (8, 6))
    for kind, stored in (("unassalpha", color), ("assocalpha", color * alpha[..., None])):
        values = np.round(np.dstack([stored, alpha]) * 65535).astype(np.uint16)
        tifffile.imwrite(tmp_path / "picture.tif", values, photometric="rgb", extrasamples=[kind])
        picture = read(tmp_path / "picture.tif", alpha=True)
        np.testing.assert_allclose(picture.pixels, color, atol=1e-4)
        np.testing.assert_allclose(picture.alpha, alpha, atol=1e-4)
    tifffile.imwrite(tmp_path / "picture.tif", values, photometric="rgb", extrasamples=["unspecified"])
    read(tmp_path / "picture.tif", alpha=False)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_tiff_of_inks_with_alpha(tmp_path, random, dtype, kind):
    inks, alpha = random.random((8, 6, 4)), random.uniform(0.5, 1, (8, 6))
    stored = inks * alpha[..., None] if kind == "assocalpha" else inks
    values = np.round(np.dstack([stored, alpha]) * np.iinfo(dtype).max).astype(dtype)
    tifffile.imwrite(tmp_path / "picture.tif", values, photometric="separated", extrasamples=[kind])
    picture = read(tmp_path / "picture.tif", alpha=True)
    np.testing.assert_allclose(picture.pixels, (1 - inks[..., :3]) * (1 - inks[..., 3:]), atol=4 / 255)
    np.testing.assert_allclose(picture.alpha, alpha, atol=0.5 / 255 + 1e-6)


def test_tiff_where_white_is_zero_with_alpha(tmp_path, random):
    values = random.integers(0, 256, (8, 6, 2), np.uint8)
    path = tmp_path / "picture.tif"
    tifffile.imwrite(path, values, photometric="miniswhite", planarconfig="contig", extrasamples=["unassalpha"])
    picture = read(path, alpha=True)
    np.testing.assert_allclose(picture.pixels, np.repeat(1 - values[..., :1] / 255, 3, axis=2), atol=1e-6)
    np.testing.assert_allclose(picture.alpha, values[..., 1] / 255, atol=1e-6)


def test_float_tiff_is_clipped(tmp_path):
    tifffile.imwrite(tmp_path / "picture.tif", np.array([[-0.5, 0.25, 7.0]], np.float32))
    np.testing.assert_array_equal(read(tmp_path / "picture.tif").pixels[0, :, 0], [0, 0.25, 1])


def test_first_page_of_a_tiff_and_first_frame_of_an_animation(tmp_path):
    for name, dtype in (("8.tif", np.uint8), ("16.tif", np.uint16)):
        largest = np.iinfo(dtype).max
        pages = np.stack([np.zeros((4, 5, 3), dtype), np.full((4, 5, 3), largest, dtype)])
        tifffile.imwrite(tmp_path / name, pages, photometric="rgb")
        with pytest.warns(ImageWarning, match="a file of 2 pages; the first is taken"):
            picture = read_image(tmp_path / name)
        assert picture.pixels.max() == 0
    frames = [Image.new("RGB", (5, 4), color) for color in ("red", "blue")]
    for suffix in (".gif", ".webp", ".png"):
        path = tmp_path / f"animation{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
        with pytest.warns(ImageWarning, match="an animation of 2 frames; the first one is used"):
            picture = read_image(path)
        np.testing.assert_array_equal(picture.pixels, np.broadcast_to([1.0, 0, 0], (4, 5, 3)))


def test_thumbnails_and_masks_of_a_tiff_are_no_pages(tmp_path):
    with tifffile.TiffWriter(tmp_path / "picture.tif") as file:
        file.write(np.full((8, 10, 3), 255, np.uint8), photometric="rgb")
        file.write(np.zeros((4, 5, 3), np.uint8), photometric="rgb", subfiletype=1)
        file.write(np.zeros((8, 10), bool), photometric="minisblack", subfiletype=4)
    assert read(tmp_path / "picture.tif").pixels.min() == 1


def test_the_first_frame_is_taken_of_an_animation_that_is_cut_off(tmp_path, random):
    frames = [Image.fromarray(random.integers(0, 256, (9, 9, 3), np.uint8)) for _ in range(3)]
    frames[0].save(tmp_path / "whole.gif", save_all=True, append_images=frames[1:])
    whole = (tmp_path / "whole.gif").read_bytes()
    with pytest.warns(ImageWarning, match="an animation"):
        expected = read_image(tmp_path / "whole.gif").pixels
    second = whole.rindex(b"\x00\x2c", 0, whole.rindex(b"\x00\x2c"))
    for end in range(second, len(whole)):
        (tmp_path / "cut.gif").write_bytes(whole[:end])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImageWarning)
            np.testing.assert_array_equal(read_image(tmp_path / "cut.gif").pixels, expected)


@pytest.mark.parametrize("suffix", [".png", ".gif", ".tif", ".bmp"])
def test_palette(tmp_path, random, suffix):
    image = Image.fromarray(random.integers(0, 256, (6, 8), np.uint8), "P")
    palette = random.integers(0, 256, (256, 3), np.uint8)
    image.putpalette(palette.tobytes())
    image.save(tmp_path / f"picture{suffix}")
    expected = palette[np.asarray(image)]
    np.testing.assert_allclose(read(tmp_path / f"picture{suffix}").pixels, expected / 255, atol=1e-7)


def test_palette_with_transparency(tmp_path, random):
    image = Image.fromarray(random.integers(0, 4, (6, 8), np.uint8), "P")
    palette, alphas = random.integers(0, 256, (4, 3), np.uint8), bytes([0, 90, 200, 255])
    image.putpalette(palette.tobytes())
    image.save(tmp_path / "picture.png", transparency=alphas)
    picture = read(tmp_path / "picture.png", alpha=True)
    np.testing.assert_allclose(picture.pixels, palette[np.asarray(image)] / 255, atol=1e-7)
    np.testing.assert_allclose(picture.alpha, np.frombuffer(alphas, np.uint8)[np.asarray(image)] / 255, atol=1e-7)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_one_bit_and_grey_with_alpha(tmp_path, random, suffix):
    bits = random.integers(0, 2, (6, 9)).astype(bool)
    Image.fromarray(bits).save(tmp_path / f"bits{suffix}")
    np.testing.assert_array_equal(read(tmp_path / f"bits{suffix}").pixels[..., 1], bits)
    values = random.integers(0, 256, (6, 9, 2), np.uint8)
    Image.fromarray(values, "LA").save(tmp_path / f"grey{suffix}")
    picture = read(tmp_path / f"grey{suffix}", alpha=True)
    np.testing.assert_allclose(picture.pixels, np.repeat(values[..., :1], 3, axis=2) / 255, atol=1e-7)
    np.testing.assert_allclose(picture.alpha, values[..., 1] / 255, atol=1e-7)


def test_cmyk_jpeg_without_a_profile(tmp_path, photo):
    cmyk = np.dstack([photo, photo[..., 0] // 2])
    Image.fromarray(cmyk, "CMYK").save(tmp_path / "picture.jpg", quality=100, subsampling=0)
    assert_same_as_opencv(tmp_path / "picture.jpg", tolerance=3)
    ink = cmyk / 255
    expected = (1 - ink[..., :3]) * (1 - ink[..., 3:])
    np.testing.assert_allclose(read(tmp_path / "picture.jpg").pixels, expected, atol=4 / 255)


def oriented_file(path, values, orientation):
    if path.name.startswith("deep"):
        tag = (274, "H", 1, orientation, True)
        tifffile.imwrite(path, values.astype(np.uint16) * 257, photometric="rgb", extratags=[tag])
        return
    exif = Image.Exif()
    exif[274] = orientation
    options = {"lossless": True} if path.suffix == ".webp" else {"quality": 100, "subsampling": 0}
    options = {} if path.suffix in (".png", ".tif") else options
    Image.fromarray(values).save(path, exif=exif, **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["picture.jpg", "picture.png", "picture.webp", "picture.tif", "deep.tif"])
def test_orientation(tmp_path, photo, name, orientation):
    jpeg = tmp_path / "reference.jpg"
    oriented_file(jpeg, photo[..., ::-1], orientation)
    upright = cv2.imread(str(jpeg), cv2.IMREAD_COLOR)[..., ::-1] / 255  # OpenCV turns JPEG as EXIF says
    assert upright.shape == ((60, 40, 3) if orientation > 4 else (40, 60, 3))
    oriented_file(tmp_path / name, photo[..., ::-1], orientation)
    np.testing.assert_allclose(read(tmp_path / name).pixels, upright, atol=4 / 255)


@pytest.mark.parametrize("name", ["picture.jpg", "picture.png", "picture.webp", "picture.tif"])
def test_exif_is_kept_but_for_orientation_and_size(tmp_path, photo, name):
    exif = Image.Exif()
    exif[272], exif[274] = "A camera", 6
    exif.get_ifd(34665).update({33434: 0.25, 40962: 3888, 40963: 2592})
    write_image(tmp_path / name, photo / np.float32(255), metadata=Metadata(exif.tobytes()))
    kept = Image.Exif()
    kept.load(open_picture(tmp_path / name).metadata.exif)
    assert (kept[272], 274 in kept) == ("A camera", False)
    assert dict(kept.get_ifd(34665)) == {33434: 0.25}


def test_orientation_turns_alpha_with_the_colours(tmp_path, random):
    values = random.integers(0, 256, (4, 6, 4), np.uint8)
    oriented_file(tmp_path / "picture.png", values, 6)
    picture = read(tmp_path / "picture.png", alpha=True)
    expected = np.rot90(values, k=-1) / 255
    np.testing.assert_allclose(picture.pixels, expected[..., :3], atol=1e-7)
    np.testing.assert_allclose(picture.alpha, expected[..., 3], atol=1e-7)


def test_sixteen_bit_png_is_turned(tmp_path, random):
    values = random.integers(0, 65536, (4, 6, 3), np.uint16)
    exif = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 274, 3, 1, 8, 0, 0)
    path = tmp_path / "picture.png"
    chunks = [(b"eXIf", exif)]
    path.write_bytes(
        picture_files.png_file(6, 4, 16, picture_files.RGB, picture_files.scanlines(values), chunks=chunks)
    )
    np.testing.assert_allclose(read(path).pixels, np.rot90(values, k=1) / 65535, atol=1e-7)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientations_that_do_not_exist_turn_nothing(tmp_path, photo, orientation):
    oriented_file(tmp_path / "picture.png", photo, orientation)
    np.testing.assert_allclose(read(tmp_path / "picture.png").pixels, photo / 255, atol=1e-7)


@pytest.mark.parametrize("name", ["missing.png", "folder.png", "empty.png", "text.jpg", "script.eps"])
def test_what_is_no_picture(tmp_path, name):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("<!DOCTYPE html><title>Not found</title>")
    (tmp_path / "script.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    with pytest.raises(ImageError, match=name):
        read_image(tmp_path / name)


def test_the_message_about_what_is_no_picture_names_all_formats(tmp_path):
    (tmp_path / "text.jpg").write_text("<!DOCTYPE html><title>Not found</title>")
    with pytest.raises(ImageError, match=r"not one of JPEG, PNG, WEBP, TIFF, BMP, GIF, AVIF, HEIC$"):
        read_image(tmp_path / "text.jpg")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.gif", "a.bmp", "deep.png", "deep.tif"])
def test_cut_files(tmp_path, random, name):
    path = tmp_path / name
    dtype, largest = (np.uint16, 65536) if name.startswith("deep") else (np.uint8, 256)
    values = random.integers(0, largest, (40, 50, 3), dtype)
    if name == "a.gif":
        Image.fromarray(values).save(path)
    else:
        cv2.imwrite(str(path), values)
    whole = path.read_bytes()
    for size in (1, 9, 30, len(whole) // 3, len(whole) * 2 // 3):
        path.write_bytes(whole[:size])
        with pytest.raises(ImageError, match=name):
            read_image(path)


@pytest.mark.parametrize("depth", [8, 16])
def test_decompression_bomb(tmp_path, depth):
    path = tmp_path / "bomb.png"
    path.write_bytes(picture_files.png_file(60000, 60000, depth, picture_files.RGB, bytes(1000)))
    with pytest.raises(ImageError, match="bomb"):
        read_image(path)


def test_tiff_that_claims_too_many_pixels(tmp_path):
    tifffile.imwrite(tmp_path / "bomb.tif", np.zeros((4, 4), np.uint16), metadata=None)
    with tifffile.TiffFile(tmp_path / "bomb.tif", mode="r+b") as file:
        file.pages[0].tags["ImageWidth"].overwrite(60000, erase=False)
        file.pages[0].tags["ImageLength"].overwrite(60000, erase=False)
    with pytest.raises(ImageError, match="more than"):
        read_image(tmp_path / "bomb.tif")


@pytest.mark.parametrize(("values", "message"), [
    (np.array([[0.5, np.nan]], np.float32), "NaN"),
    (np.array([[0.5, np.inf]], np.float32), "infinite"),
    (np.array([[5, -9]], np.int16), "signed"),
])  # fmt: skip
def test_tiff_values_that_are_no_colours(tmp_path, values, message):
    tifffile.imwrite(tmp_path / "picture.tif", values)
    with pytest.raises(ImageError, match=message):
        read_image(tmp_path / "picture.tif")


def test_broken_exif_is_left_aside_with_a_warning(tmp_path, random):
    values = random.integers(0, 256, (4, 6, 3), np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    path = tmp_path / "picture.png"
    path.write_bytes(picture_files.png_file(6, 4, 8, picture_files.RGB, rows, chunks=[(b"eXIf", b"XX*\0junk")]))
    with pytest.warns(ImageWarning, match="EXIF"):
        picture = read_image(path)
    np.testing.assert_allclose(picture.pixels, values / 255, atol=1e-7)


def read_or_error(path):
    try:
        return read_image(path)
    except ImageError as error:
        return str(error)


def test_flipped_bytes_end_in_a_picture_or_a_clear_error(tmp_path, random, photo):
    for suffix in (".jpg", ".png", ".webp", ".tif", ".gif", ".bmp"):
        memory = io.BytesIO()
        name = {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper())
        Image.fromarray(photo).save(memory, name)
        for _ in range(40):
            data = np.frombuffer(memory.getvalue(), np.uint8).copy()
            data[random.integers(0, min(len(data), 400), 3)] = random.integers(0, 256, 3)
            path = tmp_path / f"picture{suffix}"
            path.write_bytes(data.tobytes())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                outcome = read_or_error(path)
            assert isinstance(outcome, Picture) or path.name in outcome


def test_the_folder_works_when_copied_alone(tmp_path):
    shutil.copytree(ROOT / "images", tmp_path / "images", ignore=shutil.ignore_patterns("__pycache__"))
    program = (
        "import sys, numpy as np\n"
        "from images import color, reading, resizing, writing\n"
        "writing.write_image('a.png', np.ones((4, 6, 3)))\n"
        "picture = resizing.resize_long_side(reading.read_image('a.png'), 3)\n"
        "assert color.transfer_luma(picture.pixels, picture.pixels).shape == (2, 3, 3)\n"
        "assert not {'keras', 'tensorflow', 'errors', 'model', 'layers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


@pytest.mark.parametrize("options", [
    {"bigtiff": True, "byteorder": ">"},
    {"compression": "jpeg2000", "tile": (32, 32)},
    {"compression": "lerc"},
    {"compression": "webp"},
])  # fmt: skip
def test_tiff_that_pillow_does_not_read(tmp_path, random, options):
    levels = random.integers(0, 256, (32, 64, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", levels, photometric="rgb", **options)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* its EXIF data cannot be read")
        picture = open_picture(tmp_path / "a.tif")
    assert picture.bits == 8
    np.testing.assert_array_equal((picture.picture().pixels * 255).round(), levels)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_tiff_with_several_channels_of_one_bit_is_refused(tmp_path, random, channels):
    levels = random.integers(0, 2, (13, 21, channels)).astype(bool)
    kind = "rgb" if channels > 2 else "minisblack"
    options = {"bigtiff": True, "byteorder": ">", "planarconfig": "contig", "bitspersample": 1}
    tifffile.imwrite(tmp_path / "a.tif", levels, photometric=kind, **options)
    with pytest.raises(ImageError, match=rf"a\.tif: {channels} channels of 1 bit are not supported"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("colors", [1, 3])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "predictor": True}])
def test_tiff_with_its_alpha_in_a_plane(tmp_path, random, colors, options):
    levels = random.integers(0, 256, (colors + 1, 32, 64), np.uint8)
    kind = "rgb" if colors == 3 else "minisblack"
    options = {"photometric": kind, "planarconfig": "separate", "extrasamples": ["unassalpha"], **options}
    tifffile.imwrite(tmp_path / "a.tif", levels, metadata=None, **options)
    picture = read(tmp_path / "a.tif", alpha=True)
    expected = np.broadcast_to(np.moveaxis(levels[:colors], 0, -1) / 255, (32, 64, 3))
    np.testing.assert_allclose(picture.pixels, expected, atol=1e-7)
    np.testing.assert_allclose(picture.alpha, levels[colors] / 255, atol=1e-7)


def test_tiff_of_lab(tmp_path, photo):
    srgb, lab = (ImageCms.createProfile(name) for name in ("sRGB", "LAB"))
    levels = np.ascontiguousarray(photo[..., ::-1])
    ImageCms.profileToProfile(Image.fromarray(levels), srgb, lab, outputMode="LAB").save(tmp_path / "a.tif")
    assert np.abs(read(tmp_path / "a.tif").pixels * 255 - levels).max() < 6
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((8, 8, 3), np.uint16), photometric="cielab")
    with pytest.raises(ImageError, match=r"b\.tif: broken, or a TIFF whose kind of pixels or compression is not"):
        read_image(tmp_path / "b.tif")
