"""train.py from the command line: what it refuses before anything long begins, and how it ends."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from support.training_cases import make_inputs, smooth_picture

import train
from images.writing import write_image
from model.generators.registry import GENERATORS
from pipelines.command_line import defaults_of, values_of
from pipelines.training.settings import TrainingSettings


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


def arguments(inputs, output, **changes):
    values = {
        "data": inputs / "photos", "style-image": inputs / "style.png", "weights": inputs / "vgg.keras",
        "style-layers": "relu1_1", "content-layers": "relu2_1", "image-size": 32, "num-iterations": 1,
        "checkpoints-path": output, "precision": "float32",
    }  # fmt: skip
    values |= {name.replace("_", "-"): value for name, value in changes.items()}
    return [part for name, value in values.items() if value is not None for part in (f"--{name}", str(value))]


REFUSED = {
    "mode": ({"mode": "styel"}, "unknown --mode 'styel'; did you mean 'style'?"),
    "model": ({"model": "jonson"}, "did you mean 'johnson'?"),
    "normalization": ({"normalization": "layer"}, "unknown --normalization 'layer'"),
    "precision": ({"precision": "float16"}, "unknown --precision 'float16'"),
    "style layer": ({"style_layers": "relu1_9"}, "--style-layers: unknown layer 'relu1_9'"),
    "layer twice": ({"style_layers": "relu1_1,block1_conv1"}, "--style-layers: a layer is given twice"),
    "no layer": ({"content_layers": ","}, "--content-layers: no value is given"),
    "layer weights": ({"style_layer_weights": "1,2"}, "--style-layer-weights: 2 weights for 1 style layer;"),
    "no style": ({"style_layer_weights": "0"}, "--style-layer-weights must not all be 0: the style would not be"),
    "no numbers": ({"style_layer_weights": "1,x"}, "is not a list of numbers"),
    "image size": ({"image_size": 1}, "--image-size must be at least 2, not 1"),
    "threads": ({"threads": 100_000}, "--threads must be from 1 to 256, not 100000"),
    "learning rate": ({"learning_rate": 0}, "--learning-rate must be above 0"),
    "not a number": ({"style_weight": "nan"}, "--style-weight must be at least 0, not nan"),
    "infinity": ({"tv_weight": "inf"}, "--tv-weight must be a finite number, not inf"),
    "no weights": ({"style_weight": 0, "content_weight": 0}, "nothing to learn"),
    "no data": ({"data": None}, "--data is needed in style mode"),
    "spectrum": ({"spectrum_weight": 1}, "--spectrum-weight needs --mode texture"),
    "histograms": ({"histogram_weight": 1}, "--histogram-weight needs --mode texture"),
    "diversity": ({"diversity_weight": 1}, "--diversity-weight needs --mode texture"),
    "style image": ({"style_image": "none.png"}, "none.png: no such file"),
    "data folder": ({"data": "nowhere"}, "--data nowhere: no such folder"),
    "weights": ({"weights": "none.h5"}, "--weights none.h5: no such file"),
    "no style image": ({"style_image": None}, "--style-image is needed"),
    "small crops": ({"content_layers": "relu5_1", "image_size": 12}, "the layers need at least 16"),
    "no initial generator": ({"initial_generator": "stary_night"}, "did you mean 'starry_night'"),
    "border": ({"mirrored_border": 16}, "--image-size 32: 16 pixels in octave 2, --mirrored-border 16 must be less"),
    "small textures": (
        {"mode": "texture", "data": None, "content_layers": None, "image_size": 8, "histogram_weight": 1},
        "--image-size 8: --histogram-weight needs at least 9",
    ),
    "no noise": (
        {"mode": "texture", "data": None, "content_layers": None, "noise_depth": 0},
        "--noise-depth must be at least 1 for --mode texture, not 0",
    ),
    "octaves": ({"pyramid_loss": 8}, "in octave 8, the layers need at least 2"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_arguments_are_refused_in_one_line(case, inputs, tmp_path, capsys):
    changes, message = REFUSED[case]
    assert train.main(arguments(inputs, tmp_path, **changes)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("train.py: error: ")
    assert error.count("\n") == 1


def test_folder_without_a_readable_photo_is_refused(inputs, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no picture")
    assert train.main(arguments(inputs, tmp_path / "out", data=tmp_path / "photos")) == 1
    error = capsys.readouterr().err
    assert "--data: no picture that can be read among 1 file: " in error
    assert "broken.jpg: broken, or not one of" in error


def test_folders_that_tensorboard_cannot_write_in_are_refused(inputs, tmp_path, capsys):
    """TensorFlow ended the run in a traceback."""
    assert train.main(arguments(inputs, tmp_path / "out", log_dir=tmp_path / os.fsdecode(b"caf\xe9"))) == 2
    assert "the name of a folder of TensorBoard's logs, and of those around it, must be" in capsys.readouterr().err


def test_full_disk_is_told_before_training(inputs, tmp_path, capsys, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=10_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    assert train.main(arguments(inputs, tmp_path)) == 1
    assert "its disk has 10 MB free, the run may need" in capsys.readouterr().err
    assert not list(tmp_path.glob("checkpoint-*"))


def test_every_setting_but_the_generator_options_has_an_option():
    parsed = values_of(train.make_parser().parse_args([]), TrainingSettings)
    defaults = defaults_of(TrainingSettings)
    defaults.pop("generator_options")
    assert parsed == defaults
    assert all(name in train.make_parser().format_help() for name in GENERATORS)


def test_style_run_counts_unreadable_files_and_writes_a_generator(inputs, tmp_path, capsys):
    """The generator has its full width: only one step on small crops."""
    photos = tmp_path / "photos"
    photos.mkdir()
    write_image(photos / "a.png", smooth_picture(np.random.default_rng(0), 40, 40))
    for name in "bcdefgh":
        (photos / f"{name}.jpg").write_bytes(b"no picture")
    output = tmp_path / "new" / "run"
    assert train.main(arguments(inputs, output, data=photos, num_iterations=2)) == 0
    told = capsys.readouterr()
    printed = told.out
    assert "2/2  loss" in told.err
    assert "(mean " in told.err
    assert "trained 2 iterations in" in printed
    assert "skipped 7 files of the data folder" in printed
    assert re.search(r"\n  \S*b\.jpg: broken, or not one of .*\n(  .*\n){4}  and 2 more\n", printed)
    assert (output / "generator.keras").is_file()


def test_a_run_that_logs_for_tensorboard_prints_no_notes_of_tensorflow(inputs, tmp_path):
    command = [sys.executable, "train.py", *arguments(inputs, tmp_path / "out", log_dir=tmp_path / "logs")]
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert list((tmp_path / "logs").iterdir())
    assert not re.search(r"WARNING|[IE]0000", done.stdout + done.stderr)
