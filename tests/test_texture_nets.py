"""The Python interface: its examples run, pictures of all kinds are taken, wrong ones are refused."""

import doctest
import json
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from support import picture_files
from support.material_cases import stones
from support.training_cases import smooth_picture

import texture_nets
from images.data.writing import write_map
from images.reading import read_image
from images.writing import write_image
from options import to_json
from pipelines import in_memory
from pipelines.arrays import as_pixels
from pipelines.training.settings import TrainingSettings

FUNCTIONS = sorted(name for name in texture_nets.__all__ if name[0].islower())
T7 = "tests/data/torch7/tn_johnson_small.t7"
PICTURE = smooth_picture(np.random.default_rng(0), 40, 56)


@pytest.fixture(autouse=True)
def _in_the_root(random_descriptor, monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_example_runs(name):
    (test,) = [
        test
        for test in doctest.DocTestFinder().find(
            getattr(texture_nets, name), name, globs={"texture_nets": texture_nets}
        )
        if test.examples
    ]
    assert doctest.DocTestRunner().run(test).failed == 0


def test_importing_loads_neither_keras_nor_numpy():
    code = (
        "import sys, texture_nets; print(sorted({'keras', 'numpy', 'tensorflow', 'PIL', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_pictures_of_all_kinds_give_the_same():
    pixels = read_image("pics/coffee.jpg").pixels
    image = Image.open("pics/coffee.jpg")
    results = [texture_nets.stylize(picture, image_size=64) for picture in (pixels, image, "pics/coffee.jpg")]
    assert all(np.array_equal(results[0], result) for result in results)


def test_a_turned_image_with_transparency_is_upright_and_opaque():
    image = Image.fromarray(np.uint8(PICTURE * 255)).convert("RGBA")
    image.getexif()[274] = 6
    assert texture_nets.stylize(image).shape == (56, 40, 3)


def test_an_image_with_exif_data_stays_as_it_is():
    """What a second use of it gives is what the first one gave."""
    image = Image.fromarray(np.uint8(PICTURE * 255))
    image.getexif()[274] = 6
    image.getexif().get_ifd(0x8769)[40962] = 56
    assert as_pixels(image).shape == as_pixels(image).shape == (56, 40, 3)
    assert (image.getexif()[274], image.getexif().get_ifd(0x8769)[40962]) == (6, 56)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.uint8(PICTURE * 255), r"`picture` must be a floating-point array in \[0, 1\], not uint8"),
        (np.ma.masked_less(PICTURE, 0.5), "`picture` is a masked array, whose mask would be ignored"),
        (PICTURE[..., 0], r"`picture` must have the shape \(height, width, 3\), not \(40, 56\)"),
        (PICTURE * 255, r"`picture` must be in \[0, 1\], not from"),
        (0 * PICTURE + np.float32(1.0000001), r"`picture` must be in \[0, 1\], not from 1.0000001 to 1.0000001"),
        (PICTURE * np.nan, r"`picture` must be in \[0, 1\], not from nan to nan"),
        (7, "`picture` must be an array, a path or a Pillow image, not int"),
    ],
)
def test_wrong_pictures_are_told(picture, message):
    with pytest.raises(texture_nets.ArgumentError, match=message):
        texture_nets.stylize(picture)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.png", "nowhere.png: no such file"),
        (str(ROOT / "pics"), f"{ROOT}/pics: a folder, not a picture file"),
        ("s3://bucket/a.png", "s3://bucket/a.png: not a local path"),
    ],
)
def test_what_is_no_picture_file_is_told(path, message):
    """A folder was "no such file"."""
    with pytest.raises(texture_nets.ImageError, match=f"^{message}$"):
        texture_nets.stylize(path)


def test_a_keras_model_keeps_its_precision():
    model = texture_nets.load("wave")
    policies = [layer.dtype_policy.name for layer in model.layers]
    by_model = texture_nets.stylize(PICTURE, model)
    assert [layer.dtype_policy.name for layer in model.layers] == policies
    np.testing.assert_allclose(by_model, texture_nets.stylize(PICTURE, "wave"), atol=1e-5)
    with pytest.raises(texture_nets.ArgumentError, match="`precision`"):
        texture_nets.stylize(PICTURE, model, precision="bfloat16")


def test_strength_mixes_with_the_content():
    full, half = (texture_nets.stylize(PICTURE, strength=strength) for strength in (1.0, 0.5))
    np.testing.assert_allclose(half, (full + PICTURE) / 2, atol=1e-6)


def test_a_pillow_image_of_16_bits_is_told():
    deep = Image.fromarray(np.uint16(PICTURE[..., 0] * 65535))
    with pytest.raises(texture_nets.ImageError, match=r"`picture`: a Pillow image of type I;16 .* pass its path"):
        texture_nets.stylize(deep)


def test_a_pillow_image_without_pixels_or_file_is_told():
    """A closed one ended in Pillow's ValueError, an empty one in the network's."""
    closed = Image.open("pics/coffee.jpg")
    closed.close()
    with pytest.raises(texture_nets.ImageError, match="`picture`: cannot be read: Operation on closed image"):
        texture_nets.stylize(closed)
    with pytest.raises(texture_nets.ImageError, match="`picture`: an image of 0 x 30 pixels"):
        texture_nets.stylize(Image.new("RGB", (0, 30)))


def test_an_image_size_that_no_picture_can_have_is_named():
    with pytest.raises(texture_nets.ArgumentError, match="`image_size` 5000000: cannot resize to 5000000 x "):
        texture_nets.stylize(PICTURE, image_size=5_000_000)


NO_SIZES = [1.5, "64", None, True, 0, (64,), (64, 64, 3), (64, 0), (64, 64.5)]


@pytest.mark.parametrize("size", NO_SIZES)
def test_sizes_that_are_none_are_told(size):
    message = r"`size` must be a whole number of at least 1, or \(height, width\), not "
    for function in (partial(texture_nets.sample, "bark"), partial(texture_nets.synthesize, PICTURE)):
        with pytest.raises(texture_nets.ArgumentError, match=message):
            function(size)


def test_numbers_may_be_those_of_numpy():
    """Products of small types overflowed, and NumPy's True was "not true or false"."""
    assert texture_nets.sample("bark", np.int64(32)).shape == (32, 32, 3)
    few = {"layers": ["relu1_1"], "octaves": np.int8(1), "max_iter": np.int16(1), "match_histogram": np.True_}
    assert texture_nets.synthesize(PICTURE, 40, count=np.int8(2), **few).frames.shape == (2, 40, 40, 3)
    settings = TrainingSettings(image_size=np.int8(64), learning_rate=np.float32(0.5), batch_size=np.uint8(4))
    assert json.dumps(to_json(settings)) == json.dumps(
        to_json(TrainingSettings(image_size=64, learning_rate=0.5, batch_size=4))
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: texture_nets.stylize(PICTURE, None), "`model` must be a name, a path or a Keras model, not NoneType"),
        (lambda: texture_nets.export(3, "a.onnx"), "`model` must be a name, a path or a Keras model, not int"),
        (lambda: texture_nets.load(None), "`model` must be a name or a path, not NoneType"),
        (lambda: texture_nets.sample(3), "`model` must be a name or a path, not int"),
        (lambda: texture_nets.stylize(PICTURE, "gallery", style="wave"), r"`style` must be a dict, \{name: weight\}"),
        (lambda: texture_nets.stylize(PICTURE, "gallery", style={"wave": "a"}), "`style` wave=a: a weight must be"),
        (lambda: texture_nets.stylize(PICTURE, "gallery", style={"wave": [1]}), "`style` wave=.1.: a weight must be"),
        (lambda: texture_nets.stylize(PICTURE, precision=["float32"]), "`precision` must be text, not .'float32'."),
        (lambda: texture_nets.stylize(PICTURE, masks=3), "`masks` must be a picture or a sequence of pictures"),
        (lambda: texture_nets.stylize(PICTURE, masks=[PICTURE] * 2), "`masks`: 1 needed, one for each style, not 2"),
        (lambda: texture_nets.sample(size=10**7), "`size` is too large: it needs"),
        (lambda: texture_nets.sample("barg", 32), "`model`: unknown model 'barg'"),
        (lambda: texture_nets.synthesize(PICTURE, (40, 10**7)), "`size`"),
        (lambda: texture_nets.synthesize_material({"baseColor": PICTURE}, 10**7), "`size`"),
        (lambda: texture_nets.sample(size=32, random_seed=-1), "`random_seed` must be a whole number of at least 0"),
        (lambda: texture_nets.sample(size=32, random_seed=True), "`random_seed` must be a whole number of at least 0"),
        (lambda: texture_nets.synthesize(None), "`sources` must be a picture or a sequence of pictures, not NoneType"),
        (lambda: texture_nets.synthesize([]), "`sources` must have at least one picture"),
        (lambda: texture_nets.synthesize(PICTURE, init=PICTURE, seed="symmetric"), "`seed`: not with `init`"),
        (lambda: texture_nets.synthesize(PICTURE, init=3), "`init` must be an array, a path or a Pillow image"),
        (lambda: texture_nets.synthesize(PICTURE, guide=PICTURE), "`guide` must be a pair of pictures, not a single"),
        (lambda: texture_nets.synthesize(PICTURE, observers=print), "`observers` must be a sequence of functions"),
        (lambda: texture_nets.transfer(PICTURE, []), "`styles` must have at least one picture"),
        (lambda: texture_nets.transfer(PICTURE, PICTURE, masks=PICTURE), "`masks` must be a sequence of pairs"),
        (lambda: texture_nets.transfer(PICTURE, PICTURE, masks=[PICTURE]), "`masks` must be a pair of pictures"),
        (lambda: texture_nets.train({}, [PICTURE]), "`style_image` must have at least one picture"),
        (lambda: texture_nets.train(PICTURE, [PICTURE], image_size=[]), "`image_size`: no size is given"),
        (
            lambda: texture_nets.train(PICTURE, [PICTURE], generator_options=3),
            "`generator_options` must be a dict, {name: value}, not 3",
        ),
        (lambda: texture_nets.train(PICTURE, "nowhere"), "`data` nowhere: no such file or folder"),
        (lambda: texture_nets.train(PICTURE, 3), "`data` must be a picture or a sequence of pictures, not int"),
        (lambda: texture_nets.synthesize_material([PICTURE]), r"`maps` must be a dict, \{key: picture\}, not list"),
        (lambda: texture_nets.synthesize_material({"height": PICTURE[..., :2]}), "`maps` height: must be floats"),
        (lambda: texture_nets.synthesize_material({"height": None}), r"`maps\['height'\]` must be an array"),
        (lambda: texture_nets.synthesize_material({"albedo": PICTURE}, derive="height"), "`derive` must be several"),
        (lambda: texture_nets.synthesize_material({"albedo": PICTURE}, derive=None), "`derive` must be several values"),
        (lambda: texture_nets.synthesize_material({1: PICTURE}), "`maps`: a key must be text, not 1"),
        (lambda: texture_nets.synthesize_material({"albedo": 255 * PICTURE}), "`maps` albedo: must be in .0, 1., not"),
        (lambda: texture_nets.synthesize_material({"albedo": PICTURE[:0]}), "`maps` albedo: must be floats"),
        (lambda: texture_nets.synthesize_material({"albedo": np.ma.masked_array(PICTURE)}), "albedo.* masked array"),
        (lambda: texture_nets.synthesize(b"a.png"), "`sources` must be a picture or a sequence of pictures, not bytes"),
        (lambda: texture_nets.synthesize(memoryview(PICTURE)), "`sources` must be a picture .*, not memoryview"),
        (lambda: texture_nets.synthesize("a\0.png"), "`sources` .*: no file can have this name"),
        (lambda: texture_nets.stylize(""), "`picture` is empty, not a path"),
        (lambda: texture_nets.transfer(PICTURE, PICTURE, weights="\0"), "`weights` .*: no file can have this name"),
        (lambda: texture_nets.train({1: PICTURE}, [PICTURE]), "`style_image`: the name of a style must be text, not 1"),
        (lambda: texture_nets.load(""), "`model` is empty, not a name or a path"),
        (lambda: texture_nets.load("/dev/null"), "`model` /dev/null: a device, not a .keras file"),
        (lambda: texture_nets.import_torch(None), "`path` must be a path, not NoneType"),
        (lambda: texture_nets.import_torch("gone.t7"), "`path` gone.t7: no such file"),
        (lambda: texture_nets.import_torch(T7, entry=3), "`entry` must be text, not 3"),
        (lambda: texture_nets.import_torch(T7, input_shape=[3, 64, 64]), "`input_shape` must be text, not .3, 64, 64"),
        (lambda: texture_nets.import_caffe(b"a", b"b"), "`prototxt` must be a path, not bytes"),
        (lambda: texture_nets.import_caffe(T7, "gone"), "`caffemodel` gone: no such file"),
        (lambda: texture_nets.import_caffe(T7, T7, normalize=3), "`normalize` must be a path, not int"),
        (lambda: texture_nets.export("wave", 3), "`path` must be a path, not int"),
        (lambda: texture_nets.export("wave", "wave.keras"), "`path` wave.keras: must end in .tflite or .onnx, or"),
        (lambda: texture_nets.export("wave", "a.onnx", input_shape=["3x8x8"]), "`input_shape` must be a list of shape"),
        (lambda: texture_nets.export("wave", "a.onnx", samples={}), "`samples` must be a path, not dict"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_told_by_their_names(call, message):
    with pytest.raises(texture_nets.ArgumentError, match=message):
        call()


def test_options_of_several_values_may_be_lists():
    few = {"layers": ["relu1_1"], "octaves": 1, "max_iter": 1}
    assert texture_nets.synthesize(PICTURE, 40, **few).frames.shape == (1, 40, 40, 3)
    few = {"content_layers": ["relu1_1"], "style_layers": ["relu1_1"], "style_weights": [1, 2]}
    few |= {"end_scale": 40, "min_scale": 40, "initial_iterations": 1}
    assert texture_nets.transfer(PICTURE, [PICTURE, PICTURE[::-1]], **few).shape == (29, 40, 3)


@pytest.mark.parametrize("function", [texture_nets.synthesize, texture_nets.train])
def test_unknown_options_are_told(function):
    with pytest.raises(texture_nets.ArgumentError, match="unknown option 'precison'; did you mean 'precision'"):
        function(PICTURE, precison="float32")


def test_observers_see_pictures_and_end_a_synthesis(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen = []

    def observer(progress):
        seen.append(progress.frames())
        if len(seen) == 2:
            raise StopIteration

    options = {"count": 2, "octaves": 1, "layers": ("relu1_1",), "max_iter": 50}
    options["histogram_weight"] = 0.0  # with them the finished frames would get those of the pictures
    texture = texture_nets.synthesize([PICTURE, PICTURE], 48, observers=[observer], **options)
    assert texture.iterations == 2
    assert [frames.shape for frames in seen] == [(2, 48, 48, 3)] * 2
    np.testing.assert_allclose(texture.frames, np.clip(seen[-1], 0, 1), atol=0.6 / 255)
    assert texture.loss == pytest.approx(sum(texture.terms.values()))
    assert list(tmp_path.iterdir()) == []  # nothing is written


def test_a_soft_proof_is_made_of_pictures_in_memory(tmp_path):
    """It was left out without a word."""
    with pytest.raises(texture_nets.ImageError, match=r"gone\.icc: not a colour profile for soft proofs"):
        texture_nets.transfer(PICTURE, PICTURE, proof=tmp_path / "gone.icc", end_scale=40, descriptor="random")


def test_pictures_that_are_not_given_may_be_none():
    few = {"end_scale": 40, "min_scale": 40, "initial_iterations": 1, "descriptor": "random"}
    assert texture_nets.transfer(PICTURE, PICTURE, masks=None, init=None, **few).shape == (29, 40, 3)


def test_transfer_takes_pictures_for_its_options():
    options = {"end_scale": 48, "min_scale": 48, "initial_iterations": 1, "style_layers": ("relu1_1",)}
    options["content_layers"] = ("relu1_1",)
    started = texture_nets.transfer(PICTURE, [PICTURE, PICTURE[::-1]], init=PICTURE, style_weights=(1, 2), **options)
    assert started.shape == (34, 48, 3)
    assert started.dtype == np.float32
    # The names of the first pictures that the program makes are taken too.
    content, grey = (texture_nets.transfer(PICTURE, PICTURE, init=init, **options) for init in ("content", "gray"))
    assert content.std() > 2 * grey.std()


TRAINING = {"image_size": 32, "num_iterations": 1, "style_layers": ("relu1_1",), "content_layers": ("relu1_1",)}


def test_training_writes_where_it_is_told_to_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generator = texture_nets.train(PICTURE, [PICTURE], checkpoints_path=tmp_path / "run", **TRAINING)
    assert (tmp_path / "run" / "generator.keras").is_file()
    again = texture_nets.train(PICTURE, PICTURE, **TRAINING)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    for one, other in zip(generator.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_photos_may_be_files_a_folder_or_pictures(tmp_path):
    write_image(tmp_path / "photo.png", PICTURE)
    saved = read_image(tmp_path / "photo.png").pixels
    photos = (
        tmp_path,
        tmp_path / "photo.png",
        [str(tmp_path / "photo.png")],
        saved,
        [Image.open(tmp_path / "photo.png")],
    )
    found = [in_memory._photos(data, None) for data in photos]
    for (photo,) in found:
        pixels = photo if isinstance(photo, np.ndarray) else read_image(photo).pixels
        np.testing.assert_array_equal(pixels, saved)
    assert in_memory._photos(None, None) == []


def test_previews_in_a_folder_of_photos_are_none(tmp_path):
    write_image(tmp_path / "photo.png", PICTURE)
    texture_nets.train(PICTURE, tmp_path, checkpoints_path=tmp_path / "run", save_every=1, **TRAINING)
    assert len(in_memory._photos(tmp_path, None)) == 2
    assert in_memory._photos(tmp_path, tmp_path / "run") == [tmp_path / "photo.png"]


def interrupt(progress):
    if progress.iterations == 3:  # the second is saved
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        (PICTURE, PICTURE[::-1], r"`style_image` \(style picture 1 in memory changed\)"),
        ({"a": PICTURE, "b": PICTURE}, {"a": PICTURE, "c": PICTURE}, r"`style_image` \(a b\)"),
        ({"a": PICTURE, "b": PICTURE}, {"a": PICTURE, "b": PICTURE[::-1]}, "style picture 2 in memory changed"),
    ],
)
def test_training_does_not_go_on_with_other_styles(first, then, message, tmp_path):
    options = {**TRAINING, "num_iterations": 4, "batch_size": 2, "save_every": 2, "checkpoints_path": tmp_path / "run"}
    with pytest.raises(KeyboardInterrupt):
        texture_nets.train(first, PICTURE, observers=[interrupt], **options)
    with pytest.raises(texture_nets.ArgumentError, match=message):
        texture_nets.train(then, PICTURE, **options)
    texture_nets.train(first, PICTURE, **options)


def test_training_keeps_the_network_that_it_begins_with(tmp_path):
    texture_nets.train(PICTURE, PICTURE, checkpoints_path=tmp_path, **TRAINING)
    network = tmp_path / "generator.keras"
    before = network.read_bytes()
    with pytest.raises(texture_nets.ArgumentError, match=r"generator\.keras is an input and would be overwritten"):
        texture_nets.train(PICTURE, PICTURE, initial_generator=network, checkpoints_path=tmp_path, **TRAINING)
    assert network.read_bytes() == before


def test_training_on_photos_wants_photos():
    with pytest.raises(texture_nets.ArgumentError, match="`data` is needed in style mode"):
        texture_nets.train(PICTURE, **TRAINING)


def test_a_sample_is_not_rounded_to_the_levels_of_a_file():
    picture = texture_nets.sample("bark", 32)
    levels = picture * 255
    assert picture.dtype == np.float32
    assert np.abs(levels - np.round(levels)).max() > 0.1


def test_the_maps_of_a_surface_in_memory():
    maps = stones()
    options = {"size": (40, 48), "max_iter": 2, "octaves": 1, "layers": ("relu1_1", "pool1"), "precision": "float32"}
    surface = texture_nets.synthesize_material({"baseColor": maps["baseColor"], "height": maps["height"]}, **options)
    assert surface.maps["height"].shape == (40, 48, 1)
    flat = texture_nets.synthesize_material({"albedo": maps["baseColor"], "bump": maps["height"][..., 0]}, **options)
    np.testing.assert_array_equal(flat.maps["bump"], surface.maps["height"])


def test_data_in_files_are_no_colours(tmp_path):
    """A grey of 0.25 in a map of roughness is 0.25, whatever its picture's profile would make of a colour."""
    write_map(tmp_path / "rough.png", np.full((40, 40, 1), 0.25, np.float32), bits=16, is_color=False)
    np.testing.assert_allclose(in_memory._map("roughness", tmp_path / "rough.png"), 0.25, atol=1e-4)


def test_pillow_images_of_data_are_the_numbers_that_their_files_hold(tmp_path):
    """A colour profile changes colours alone, and a tag that turns the base colour is refused."""
    profile = picture_files.rgb_profile(picture_files.ADOBE_RGB, picture_files.gamma_curve(1.8))
    levels = np.uint8(PICTURE * 255)
    Image.fromarray(levels).save(tmp_path / "a.png", icc_profile=profile)
    with Image.open(tmp_path / "a.png") as image:
        data, color = (in_memory._map(key, image) for key in ("normal", "albedo"))
    np.testing.assert_array_equal(data, in_memory._map("normal", tmp_path / "a.png"))
    np.testing.assert_array_equal(np.round(255 * data), levels)
    assert np.abs(color - data).max() > 0.02
    turned = Image.fromarray(levels)
    turned.getexif()[274] = 3
    with pytest.raises(texture_nets.ImageError, match=r"`maps\['ao'\]`: its orientation tag \(3\)"):
        in_memory._map("ao", turned)


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ({"baseColour": PICTURE}, "did you mean 'baseColor'"),
        ({"baseColor": PICTURE, "height": PICTURE[:30]}, "have the same size, not baseColor 56 x 40, height 56 x 30"),
        ({"height": np.zeros((40, 40), np.uint8)}, "`maps` height: must be floats"),
        ({"roughness": np.full((40, 40), 1.5)}, r"`maps` roughness: must be in \[0, 1\], not from 1\.5 to 1\.5"),
        ({"normal": PICTURE - 0.5}, r"`maps` normal: must be in \[0, 1\], not from -0\.\d* to 0\.\d*"),
        ({}, "`maps` is needed"),
    ],
)
def test_maps_that_fit_no_surface(maps, message):
    with pytest.raises(texture_nets.UserError, match=message):
        texture_nets.synthesize_material(maps)
