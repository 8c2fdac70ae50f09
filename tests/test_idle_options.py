"""Options that have no effect on what is asked for are refused by name, in every script."""

import importlib

import numpy as np
import pytest
from PIL import Image
from support.caffe_cases import SHIPPED_CASES as CAFFE_CASES
from support.torch7_cases import SHIPPED_CASES

JOHNSON = next(case.path for case in SHIPPED_CASES if case.name == "tn_johnson_small")
CONVOLUTION = next(case for case in CAFFE_CASES if case.name == "conv_group")
CAFFE = f"--prototxt {CONVOLUTION.prototxt} --input {CONVOLUTION.caffemodel} --output o.keras"
PHOTO = "--input a.png --output o.png"
TEXTURE = "--style-image a.png --mode texture"
IDLE = [
    ("stylize_tensorflow", f"{PHOTO} --steady 0.5 --codec av1", "--steady --codec: only for films, and --input"),
    ("stylize_tensorflow", f"{PHOTO} --quality 90 --frame-rate 30", "--quality --frame-rate: only for films"),
    ("stylize_tensorflow", f"{PHOTO} --worker-cpus 2", "--worker-cpus needs --cluster"),
    ("stylize_tensorflow", "--list-models --input a.png", "--list-models only prints names: leave out --input"),
    ("stylize_tensorflow", "--input %03d.png --output o.gif --codec av1", "--codec: only for videos, not for --output"),
    ("stylize_tensorflow", "--input %03d.png --output o.gif --quality 9", "--quality: only for videos and animated"),
    ("stylize_tensorflow", "--input film.gif --output o.mp4 --frame-rate 9", "--frame-rate: only for numbered frames"),
    ("train", f"{TEXTURE} --data photos", "--data: only for --mode style"),
    ("train", f"{TEXTURE} --content-weight 3 --consistency-weight 2", "--content-weight --consistency-weight: only"),
    ("train", f"{TEXTURE} --content-layers relu3_1", "--content-layers: only for --mode style"),
    ("train", f"{TEXTURE} --mirrored-border 4", "--mirrored-border: only for --mode style"),
    ("train", "--style-image a.png --data . --decay-start 0.2 --learning-rate-decay step", "--decay-start: only for"),
    ("train", "--style-image a.png --data . --add-style gallery --model pyramid", "--model: not with --add-style"),
    ("train", "--style-image a.png --data . --add-style gallery --noise-depth 3", "--noise-depth: not with"),
    ("synthesize", "-s a.png --if-shift 3 --no-loop", "--loop --if-shift: only for several frames (--count)"),
    ("synthesize", "-s a.png --init a.png --seed symmetric", "--seed: not with --init"),
    ("synthesize", "-s a.png --tileable both --margin 9", "--margin: not with --tileable both"),
    ("synthesize", "-s a.png --join-mode max --descriptor random --layers random", "--join-mode: only for several"),
    ("synthesize", "-s a.png --descriptor random --weights a.png", "--weights: not for the random descriptor"),
    ("synthesize", "--generator bark --source a.png --output o.png", "leave out --source"),
    ("synthesize", "--generator bark --output o.png --max-iter 7", "leave out --max-iter"),
    ("synthesize", "--generator bark --output o.png --web", "leave out --web"),
    ("synthesize", "--generator bark --output o.png --port 99", "leave out --port"),
    ("synthesize", "--generator bark --output o.png --maps baseColor=a.png", "leave out --maps"),
    ("synthesize", "--maps baseColor=a.png --output o --count 2", "do not support these options: leave out --count"),
    ("synthesize", "--maps baseColor=a.png --output o --restart", "do not support these options: leave out --restart"),
    ("synthesize", "-s a.png --format exr", "--format: needs --maps"),
    ("synthesize", "--morph a.png a.png --mask a.png --count 2", "--mask is for a single picture"),
    ("style_transfer", "a.png a.png --optimizer lbfgs --step-size 0.1", "--step-size: only for --optimizer adam"),
    ("style_transfer", "a.png a.png --style-size 30 --style-scale-fac 2", "--style-scale-fac: not with --style-size"),
    ("style_transfer", "a.png a.png --descriptor random --pooling average", "--pooling: not for the random descriptor"),
    ("style_transfer", "a.png a.png --resume --restart", "--resume and --restart exclude each other"),
    ("style_transfer", "a.png a.png --port 99", "--port: needs --web"),
    (
        "export_model", "--input a.png --output o.onnx --format onnx --samples a.npz --calibration photos",
        "--calibration photos: with --samples it must be an .npz file",
    ),
    (
        "export_model", "--input a.png --output o.onnx --format onnx --samples a.npz --calibration a.npz",
        "--calibration: only for --quantize int8",
    ),
    ("import_torch_weights", f"--input {JOHNSON} --summary --verify a.npz", "does nothing else: leave out --verify"),
    ("import_torch_weights", f"--input {JOHNSON} --summary --image-io none --size 8x8", "leave out --image-io --size"),
    ("import_torch_weights", f"--input {JOHNSON} --output o.keras --size 8x8", "--size: only for .onnx"),
    ("import_torch_weights", f"--input {JOHNSON} --output o.keras --size 512x512", "--size: only for .onnx"),
    ("import_caffe_weights", f"{CAFFE} --raw-detections", "--raw-detections: the network has no DetectionOutput layer"),
    ("import_caffe_weights", f"{CAFFE} --pooling max", "--pooling max: the network has no pooling layers"),
    ("import_caffe_weights", "--prototxt a.png --summary --until x --raw-detections", "--until --raw-detections"),
]  # fmt: skip


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frames = [Image.fromarray(np.full((40, 40, 3), 50 * i, np.uint8)) for i in range(3)]
    frames[1].save("a.png")
    frames[1].save("001.png")
    frames[0].save("film.gif", save_all=True, append_images=frames[1:])
    np.savez("a.npz", image=np.zeros((1, 8, 8, 3), np.float32))
    (tmp_path / "photos").mkdir()
    frames[1].save("photos/a.png")


@pytest.mark.parametrize(("script", "arguments", "message"), IDLE)
def test_options_without_effect_are_refused(files, tmp_path, capsys, script, arguments, message):
    before = sorted(tmp_path.iterdir())
    assert importlib.import_module(script).main(arguments.split()) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith(f"{script}.py: error: ")
    assert error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
