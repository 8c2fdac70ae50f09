"""stylize_tensorflow.py from the command line, in process."""

import re

import cv2
import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from support.films import write_video
from support.small_models import convolutional_model, inverting_model

import stylize_tensorflow
import texture_nets
from images.reading import read_image
from model.saving import load_model, save_model
from model.styles import style_names
from pipelines.command_line import defaults_of
from pipelines.stylization.settings import StylizationSettings
from pipelines.stylization.stylize import stylize_files, stylize_pixels

PHOTO = ROOT / "pics" / "chelsea.jpg"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    save_model(inverting_model(), folder / "inverting.keras")
    save_model(convolutional_model(), folder / "convolutional.keras")
    return folder


@pytest.fixture
def stylize(models):
    """Run the program with a model's name and further arguments; return its exit code."""

    def run(source, target, *arguments, model="inverting"):
        options = ["--input", source, "--output", target, "--model", models / f"{model}.keras", *arguments]
        return stylize_tensorflow.main([str(option) for option in options])

    return run


@pytest.fixture
def photo(tmp_path):
    """A photo without loss: its path and its levels, RGB."""
    levels = cv2.resize(cv2.imread(str(PHOTO)), (120, 80), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "photo.png"), levels)
    return tmp_path / "photo.png", levels[..., ::-1]


def levels_of(path):
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def test_file_to_file(stylize, photo, tmp_path, capsys):
    assert stylize(photo[0], tmp_path / "new.png") == 0
    np.testing.assert_array_equal(levels_of(tmp_path / "new.png"), 255 - photo[1])
    output = capsys.readouterr()
    assert re.search(r"^loaded \S+inverting\.keras in \d+\.\d\d s$", output.out, re.MULTILINE)
    times = r"^stylised 1 picture \(0\.01 megapixels\) in \S+ s: \S+ s a picture, \S+ s a megapixel"
    assert re.search(times, output.out, re.MULTILINE)
    assert output.err == ""


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".tif"])
def test_formats_of_the_output(stylize, photo, tmp_path, suffix):
    assert stylize(photo[0], tmp_path / f"new{suffix}") == 0
    difference = np.abs(levels_of(tmp_path / f"new{suffix}").astype(int) - (255 - photo[1]))
    assert difference.mean() < (2 if suffix == ".jpg" else 0.01)


def test_folder_to_folder_with_a_broken_file(stylize, photo, tmp_path, capsys):
    folder = tmp_path / "in"
    (folder / "more").mkdir(parents=True)
    for number, name in enumerate(("a.png", "more/b.png", "z.png")):
        cv2.imwrite(str(folder / name), photo[1][: 30 + number])
    (folder / "broken.jpg").write_bytes(PHOTO.read_bytes()[:5000])
    assert stylize(folder, tmp_path / "out") == 1
    written = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
    assert written == ["a.png", "more/b.png", "z.png"]
    output = capsys.readouterr()
    assert re.fullmatch(r"stylize_tensorflow\.py: error: \S+broken\.jpg: \S.*truncated.*\n", output.err)
    assert "stylised 3 pictures" in output.out
    (folder / "broken.jpg").unlink()
    (folder / "clip.mp4").touch()
    assert stylize(folder, tmp_path / "out") == 0
    told = capsys.readouterr().out
    assert "skipped 3 pictures with an existing output" in told
    assert f"left out 1 film, to be given by name: {folder / 'clip.mp4'}" in told


def test_a_file_whose_name_could_stand_for_numbered_frames_is_itself(stylize, photo, tmp_path):
    name = photo[0].rename(tmp_path / "50%dark.png")
    assert stylize(name, tmp_path / "new.png") == 0
    np.testing.assert_array_equal(levels_of(tmp_path / "new.png"), 255 - photo[1])
    write_video(tmp_path / "film.mp4", [photo[1]] * 2)
    film = (tmp_path / "film.mp4").rename(tmp_path / "100%dance.mp4")
    assert stylize(film, tmp_path / "new.mp4") == 0


def test_alpha_is_kept(stylize, photo, tmp_path):
    alpha = np.linspace(0, 255, 80 * 120).reshape(80, 120).astype(np.uint8)
    Image.fromarray(np.dstack([photo[1], alpha])).save(tmp_path / "glass.png")
    assert stylize(tmp_path / "glass.png", tmp_path / "new.png") == 0
    stylized = cv2.imread(str(tmp_path / "new.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stylized[..., 3], alpha)
    np.testing.assert_array_equal(stylized[..., 2::-1], 255 - photo[1])


def test_orientation_is_applied(stylize, photo, tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(photo[1]).save(tmp_path / "turned.png", exif=exif)
    assert stylize(tmp_path / "turned.png", tmp_path / "new.png") == 0
    np.testing.assert_array_equal(levels_of(tmp_path / "new.png"), 255 - np.rot90(photo[1], k=-1))
    with Image.open(tmp_path / "new.png") as image:
        assert image.getexif().get(274, 1) == 1


def test_sixteen_bits_and_grey(stylize, tmp_path):
    values = np.arange(0, 65536, 64, dtype=np.uint16).reshape(32, 32)
    cv2.imwrite(str(tmp_path / "deep.png"), values)
    assert stylize(tmp_path / "deep.png", tmp_path / "new.png") == 0
    expected = np.floor((1 - values / 65535) * 255 + 0.5)
    np.testing.assert_allclose(levels_of(tmp_path / "new.png"), np.repeat(expected[..., None], 3, axis=2), atol=1)
    assert (levels_of(tmp_path / "new.png")[..., 0] == expected).mean() > 0.99


def test_strength(stylize, photo, tmp_path):
    for strength in ("0", "0.5", "1"):
        assert stylize(photo[0], tmp_path / f"{strength}.png", "--strength", strength, model="convolutional") == 0
    assert stylize(photo[0], tmp_path / "default.png", model="convolutional") == 0
    content, stylized = photo[1].astype(float), levels_of(tmp_path / "1.png").astype(float)
    np.testing.assert_array_equal(levels_of(tmp_path / "0.png"), content)
    np.testing.assert_array_equal(levels_of(tmp_path / "default.png"), stylized)
    assert np.abs(stylized - content).max() > 50
    np.testing.assert_allclose(levels_of(tmp_path / "0.5.png"), (content + stylized) / 2, atol=1.01)


def test_keep_colors(stylize, photo, tmp_path):
    assert stylize(photo[0], tmp_path / "new.png", "--keep-colors", model="convolutional") == 0
    assert stylize(photo[0], tmp_path / "free.png", model="convolutional") == 0
    content, kept, free = (
        cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb).astype(int)
        for image in (np.ascontiguousarray(photo[1]), levels_of(tmp_path / "new.png"), levels_of(tmp_path / "free.png"))
    )
    np.testing.assert_allclose(kept[..., 1:], content[..., 1:], atol=2)
    assert np.abs(free[..., 1:] - content[..., 1:]).max() > 10
    # Its strokes are those of the free picture; what a blur leaves of its luma is the content's.
    luma = [picture[..., 0].astype(float) for picture in (content, kept, free)]
    coarse = [cv2.GaussianBlur(values, (0, 0), 120 / 64, borderType=cv2.BORDER_REPLICATE) for values in luma]
    inside = (levels_of(tmp_path / "new.png").min(-1) > 0) & (levels_of(tmp_path / "new.png").max(-1) < 255)
    assert inside.mean() > 0.5
    np.testing.assert_allclose(luma[1][inside], (coarse[0] + luma[2] - coarse[2])[inside], atol=3)


def test_an_image_size_that_no_picture_can_have_is_named(stylize, photo, tmp_path, capsys):
    reason = "--image-size 5000000: cannot resize to 5000000 x"
    (tmp_path / "empty.keras").touch()
    assert stylize(photo[0], tmp_path / "a.png", "--model", tmp_path / "empty.keras", "--image-size", 5_000_000) == 2
    assert f"error: {reason}" in capsys.readouterr().err  # before the model is read
    cv2.imwrite(str(tmp_path / "second.png"), photo[1])
    assert stylize(tmp_path, tmp_path / "out", "--image-size", 5_000_000) == 1
    assert f"error: {photo[0]}: {reason}" in capsys.readouterr().err


def test_image_size(stylize, photo, tmp_path):
    for size, expected in ((60, (40, 60)), (240, (160, 240))):
        assert stylize(photo[0], tmp_path / f"{size}.png", "--image-size", size) == 0
        stylized = levels_of(tmp_path / f"{size}.png")
        assert stylized.shape == (*expected, 3)
        method = cv2.INTER_AREA if size < 120 else cv2.INTER_CUBIC
        reference = cv2.resize(photo[1], expected[::-1], interpolation=method)
        assert np.abs(stylized.astype(int) - (255 - reference)).mean() < 4


def test_bfloat16(stylize, photo, tmp_path):
    assert stylize(photo[0], tmp_path / "exact.png", model="convolutional") == 0
    assert stylize(photo[0], tmp_path / "fast.png", "--precision", "bfloat16", model="convolutional") == 0
    difference = np.abs(levels_of(tmp_path / "exact.png").astype(int) - levels_of(tmp_path / "fast.png"))
    assert 0 < difference.max() < 8


def test_overwrite(stylize, photo, tmp_path, capsys):
    target = tmp_path / "new.png"
    target.write_bytes(b"mine")
    assert stylize(photo[0], target) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert target.read_bytes() == b"mine"
    assert stylize(photo[0], target, "--overwrite") == 0
    assert read_image(target).pixels.shape == (80, 120, 3)


@pytest.mark.parametrize(("arguments", "message"), [
    ([], "--input is needed"),
    (["--input", "PHOTO"], "--output is needed"),
    (["--input", "missing.png", "--output", "o.png", "--model", "MODEL"], "missing.png: no such file"),
    (["--input", "PHOTO", "--output", "o.png", "--model", "none.keras"], "none.keras: no such file"),
    (["--input", "PHOTO", "--output", "o.xyz", "--model", "MODEL"], "--output o.xyz: the name of a picture must"),
    (["--input", "PHOTO", "--output", "o.png", "--model", "MODEL", "--strength", "2"], "--strength must be from 0"),
    (["--input", "PHOTO", "--output", "o.png", "--model", "MODEL", "--strength", "x"], "--strength: invalid float"),
    (["--input", "PHOTO", "--output", "o.png", "--model", "MODEL", "--image-size", "-5"], "--image-size must be"),
    (["--input", "PHOTO", "--output", "o.png", "--model", "MODEL", "--precision", "float16"], "'bfloat16'"),
    (["--input", "PHOTO", "--output", "o.png", "--mask", "none.png"], "--mask none.png: no such file"),
    (["--input", "PHOTO", "--output", "o.png", "--mask", "PHOTO", "--cluster", "local"], "with --cluster"),
    (["--input", "PHOTO", "--output", "o.png", "--style", "a=x"], "NAME=WEIGHT is expected"),
    (["--input", "PHOTO", "--ouptut", "o.png"], "unknown argument '--ouptut'; did you mean '--output'"),
])  # fmt: skip
def test_wrong_arguments(models, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    names = {"PHOTO": str(PHOTO), "MODEL": str(models / "inverting.keras")}
    assert stylize_tensorflow.main([names.get(argument, argument) for argument in arguments]) == 2
    output = capsys.readouterr()
    assert re.fullmatch(rf"stylize_tensorflow\.py: error: .*{message}.*\n", output.err)
    assert output.out == ""
    assert not list(tmp_path.iterdir())


def test_list_models_tells_the_truth(capsys):
    assert stylize_tensorflow.main(["--list-models"]) == 0
    shipped = sorted(path.stem for path in (ROOT / "model" / "pretrained").glob("*.keras"))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == shipped
    assert "starry_night" in lines
    for path in (ROOT / "model" / "pretrained").glob("*.keras"):
        model = load_model(path)
        takes_noise = model.inputs[0].name == "noise"
        styles = ", ".join(style_names(model))
        assert (f"{path.stem}  (several styles, --style NAME: {styles})" in lines) == bool(styles)
        assert (f"{path.stem}  (a texture: synthesize.py --generator {path.stem})" in lines) == takes_noise


def test_the_model_that_ships_is_the_default(tmp_path):
    """The README's first command, on a smaller picture."""
    output = tmp_path / "stylized.png"
    assert (
        stylize_tensorflow.main(
            ["--input", str(ROOT / "pics" / "coffee.jpg"), "--output", str(output), "--image-size", "96"]
        )
        == 0
    )
    content = np.asarray(Image.open(ROOT / "pics" / "coffee.jpg").resize((96, 64)), np.float32)
    stylized = np.asarray(Image.open(output), np.float32)
    assert stylized.shape == (64, 96, 3)
    # A blue and yellow painting of the same cup: other colours, alike in light and dark.
    assert np.abs(stylized - content).mean() > 20
    assert np.corrcoef(stylized.mean(-1).ravel(), content.mean(-1).ravel())[0, 1] > 0.4


@pytest.mark.parametrize("function", [stylize_files, stylize_pixels, texture_nets.stylize], ids=lambda f: f.__module__)
def test_functions_have_the_defaults_of_the_settings(function):
    defaults, settings = defaults_of(function), defaults_of(StylizationSettings)
    names = ["image_size", "strength", "keep_colors", "brush_size"]
    assert [defaults[name] for name in names] == [settings[name] for name in names]
