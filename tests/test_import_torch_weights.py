"""The command line of import_torch_weights.py."""

import io
import re
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import ROOT
from support.gan_networks import ResnetGenerator
from support.published_networks import SRVGGNetCompact
from support.pytorch_networks import TransformerNet, trained
from support.torch7_cases import SHIPPED_CASES
from support.torch7_writer import module, sequential, table, tensor, write_t7

import import_torch_weights
import layers  # noqa: F401  registers what the saved models are made of
from pipelines.importing.torch7_reference import BATCH_STATISTICS_TOLERANCE, TOLERANCE

CASES = {case.name: case for case in SHIPPED_CASES}
JOHNSON = CASES["tn_johnson_small"]


def run(*arguments):
    return import_torch_weights.main([str(argument) for argument in arguments])


def test_import_verifies_saves_and_reports(tmp_path, capsys):
    output = tmp_path / "johnson.keras"
    assert run("--input", JOHNSON.path, "--output", output, "--verify", JOHNSON.reference) == 0
    told = capsys.readouterr().out
    assert "image-io: texture-nets (it ends in" in told
    assert "verified: max difference" in told
    assert "modules converted: 46" in told
    assert re.search(r"tensors: \d+ read, 38 used", told)
    assert f"wrote {output}: {output.stat().st_size:,} bytes" in told
    model = keras.saving.load_model(output)
    given, expected = JOHNSON.arrays()
    bare = model.get_layer("network")(given.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(np.asarray(bare).transpose(0, 3, 1, 2), expected, atol=2e-4)
    assert model(np.zeros((2, 33, 41, 3), np.float32)).shape == (2, 33, 41, 3)
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.parametrize("case", SHIPPED_CASES, ids=str)
def test_bare_network_loads_and_agrees(case, tmp_path):
    output = tmp_path / "bare.keras"
    assert run("--input", case.path, "--output", output, "--image-io", "none") == 0
    given, expected = case.arrays()
    found = np.asarray(keras.saving.load_model(output)(given.transpose(0, 2, 3, 1)))
    found = found.transpose(0, 3, 1, 2) if found.ndim == 4 else found
    tolerance = 4 * case.float64_diff + 2e-6 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_half_precision_storage(tmp_path):
    files = {dtype: tmp_path / f"{dtype}.keras" for dtype in ("float32", "float16")}
    for dtype, path in files.items():
        verify = ("--verify", JOHNSON.reference)
        assert run("--input", JOHNSON.path, "--output", path, "--dtype", dtype, *verify) == 0
    full, half = (keras.saving.load_model(path) for path in files.values())
    assert {weight.dtype for weight in half.weights} == {"float32"}
    for a, b in zip(full.get_weights(), half.get_weights(), strict=True):
        np.testing.assert_array_equal(a.astype(np.float16).astype(np.float32), b)
    saved = files["float32"].stat().st_size - files["float16"].stat().st_size
    assert saved == pytest.approx(2 * full.count_params(), rel=0.02)


def test_weight_too_large_for_half_precision_is_refused(tmp_path, capsys):
    source = tmp_path / "large.t7"
    source.write_bytes(write_t7(module("nn.Mul", weight=tensor(np.array([1e6], np.float32)))))
    output = tmp_path / "large.keras"
    assert run("--input", source, "--output", output, "--dtype", "float16") == 1
    assert "beyond the range of float16" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [source]


def test_verify_fails_on_other_numbers(tmp_path, capsys):
    given, expected = JOHNSON.arrays()
    wrong = expected.copy()
    wrong[0, 0, 0, 0] += 3 * TOLERANCE["float32"] * np.abs(expected).max()
    reference = tmp_path / "wrong.npz"
    np.savez(reference, input=given, output=wrong)
    output = tmp_path / "model.keras"
    assert run("--input", JOHNSON.path, "--output", output, "--verify", reference) == 1
    assert "does not agree with the reference: max difference" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize("kind", ["TransformerNet", "early", "unit variance", "CycleGAN"])
def test_verify_takes_what_a_network_of_pytorch_takes_and_returns(tmp_path, capsys, kind):
    """In its range and order of channels; sizes that it rounds up are cropped."""
    network = trained(ResnetGenerator(2, 1) if kind == "CycleGAN" else TransformerNet(2, 1))
    state = network.state_dict()
    if kind == "unit variance":
        names = {"deconv1.": "up1.conv2d.", "deconv2.": "up2.conv2d.", "deconv3.": "up3."}
        for old, new in names.items():
            state = {name.replace(old, new): values for name, values in state.items()}
    if kind == "early":
        for part in network.modules():
            if isinstance(part, torch.nn.InstanceNorm2d):
                part.eps = 1e-9
        ends = {".weight": ".scale", ".bias": ".shift"}
        for old, new in ends.items():
            state = {n if "conv2d" in n else n.replace(old, new): values for n, values in state.items()}
    torch.save(state, tmp_path / "net.pth")
    scale, shift = {"CycleGAN": (2, -1), "unit variance": (4, -2)}.get(kind, (255, 0))
    given = torch.rand((1, 3, 33, 30), generator=torch.Generator().manual_seed(1)) * scale + shift
    with torch.no_grad():
        np.savez(tmp_path / "reference.npz", input=given.numpy(), output=network(given).numpy())
    verified = ("--output", tmp_path / "net.keras", "--verify", tmp_path / "reference.npz")
    assert run("--input", tmp_path / "net.pth", *verified) == 0, capsys.readouterr().err
    assert "verified: max difference" in capsys.readouterr().out
    np.savez(tmp_path / "reference.npz", input=given.numpy()[:, :, :1], output=given.numpy())
    assert run("--input", tmp_path / "net.pth", *verified) == 1
    assert "the network cannot process (1, 1, 30, 3)" in capsys.readouterr().err


def test_verify_takes_networks_that_enlarge(tmp_path, capsys):
    network = SRVGGNetCompact(factor=2)
    torch.save(network.state_dict(), tmp_path / "net.pth")
    given = torch.rand((1, 3, 11, 10))
    with torch.no_grad():
        returned = network(given).numpy()
    verified = ("--output", tmp_path / "net.keras", "--verify", tmp_path / "reference.npz")
    np.savez(tmp_path / "reference.npz", input=given.numpy(), output=returned)
    assert run("--input", tmp_path / "net.pth", *verified) == 0, capsys.readouterr().err
    np.savez(tmp_path / "reference.npz", input=given.numpy(), output=returned[:, :, :11, :10])
    assert run("--input", tmp_path / "net.pth", *verified) == 1
    assert "the model makes (1, 22, 20, 3), the reference is (1, 11, 10, 3)" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_pictures_too_small_for_a_network_of_pytorch_name_the_option_that_sets_them(suffix, tmp_path, capsys):
    torch.save(TransformerNet(2, 1).state_dict(), tmp_path / "net.pth")
    output = tmp_path / f"net{suffix}"
    assert run("--input", tmp_path / "net.pth", "--output", output, "--size", "3x3") == 1
    assert "3x3 (--size or --input-shape sets the sizes of its inputs): " in capsys.readouterr().err
    assert not output.exists()


def test_a_reference_without_a_batch_of_a_network_that_takes_any_size(tmp_path):
    """The slice that the network takes lies outside of the reference where that is taken for a batch of pictures."""
    x = np.random.default_rng(0).normal(size=(2, 7, 3)).astype(np.float32)
    source, reference = tmp_path / "select.t7", tmp_path / "select.npz"
    source.write_bytes(write_t7(sequential(module("nn.Select", dimension=2, index=7), module("nn.Tanh"))))
    np.savez(reference, input=x, output=np.tanh(x[:, 6]))
    assert run("--input", source, "--output", tmp_path / "select.keras", "--verify", reference) == 0
    np.savez(reference, input=x, output=x[:, 6])
    assert run("--input", source, "--output", tmp_path / "select.keras", "--verify", reference) == 1


def test_statistics_of_batches_may_amplify_rounding(tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    y = F.batch_norm(torch.tensor(x), torch.zeros(3), torch.ones(3), training=True).numpy()
    fields = {"running_mean": tensor(np.zeros(3, np.float32)), "running_var": tensor(np.ones(3, np.float32))}
    source, reference = tmp_path / "norm.t7", tmp_path / "norm.npz"
    source.write_bytes(write_t7(module("nn.SpatialBatchNormalization", nDim=4, eps=1e-5, **fields)))
    options = ("--norm-statistics", "batch", "--verify", reference)
    for error, code in ((3 * TOLERANCE["float32"], 0), (3 * BATCH_STATISTICS_TOLERANCE, 1)):
        wrong = y.copy()
        wrong[0, 0, 0, 0] += error * np.abs(y).max()
        np.savez(reference, input=x, output=wrong)
        assert run("--input", source, "--output", tmp_path / "norm.keras", *options) == code


def test_summary_needs_no_keras():
    code = (
        "import sys, import_torch_weights\n"
        f"status = import_torch_weights.main(['--input', {str(JOHNSON.path)!r}, '--summary'])\n"
        "assert 'keras' not in sys.modules and 'tensorflow' not in sys.modules\n"
        "sys.exit(status)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "nn.SpatialFullConvolution" in result.stdout
    assert "parameters" in result.stdout


BAD = ["no output", "wrong suffix", "unknown convention", "missing file", "web page", "missing folder", "bad reference"]


def bad_arguments(tmp_path):
    page = tmp_path / "page.t7"
    page.write_text("<!DOCTYPE html><html><body>Not found</body></html>")
    return {
        "no output": (["--input", JOHNSON.path], 2, "--output"),
        "wrong suffix": (["--input", JOHNSON.path, "--output", tmp_path / "a.h5"], 2, "must end in .keras"),
        "unknown convention": (
            ["--input", JOHNSON.path, "--output", "a.keras", "--image-io", "vgg"],
            2,
            "unknown --image-io 'vgg'",
        ),
        "missing file": (["--input", tmp_path / "none.t7", "--output", tmp_path / "a.keras"], 2, "none.t7"),
        "web page": (["--input", page, "--output", tmp_path / "a.keras"], 1, "web page"),
        "missing folder": (["--input", JOHNSON.path, "--output", tmp_path / "no" / "a.keras"], 2, "there is no folder"),
        "bad reference": (
            ["--input", JOHNSON.path, "--output", tmp_path / "a.keras", "--verify", page],
            1,
            "not an .npz file",
        ),
    }


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_line(name, tmp_path, capsys):
    arguments, expected, message = bad_arguments(tmp_path)[name]
    assert run(*arguments) == expected
    told = capsys.readouterr().err
    assert message in told
    assert told.startswith("import_torch_weights.py: error:")
    assert len(told.splitlines()) == 1


def test_saved_file_holds_no_python_code(tmp_path):
    output = tmp_path / "johnson.keras"
    run("--input", JOHNSON.path, "--output", output)
    model = keras.saving.load_model(output, safe_mode=True)
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in model.get_layer("network").layers)


def test_float16_file_is_ordinary_hdf5(tmp_path):
    output = tmp_path / "half.keras"
    run("--input", JOHNSON.path, "--output", output, "--dtype", "float16")
    with zipfile.ZipFile(output) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        types = set()
        file.visititems(lambda _, item: types.add(str(item.dtype)) if isinstance(item, h5py.Dataset) else None)
    assert types == {"float16"}


@pytest.mark.parametrize("value", [np.nan, -np.inf, 2e10])
def test_weights_that_are_no_sound_numbers_are_refused_with_their_layer(tmp_path, capsys, value):
    weight = np.ones((4, 3, 1, 1), np.float32)
    weight[1, 2] = value
    sizes = {"nInputPlane": 3, "nOutputPlane": 4, **dict.fromkeys(("kW", "kH", "dW", "dH"), 1), "padW": 0, "padH": 0}
    network = module("nn.SpatialConvolution", weight=tensor(weight), bias=tensor(np.zeros(4)), **sizes)
    (tmp_path / "bad.t7").write_bytes(write_t7(network))
    assert run("--input", tmp_path / "bad.t7", "--output", tmp_path / "out.keras", "--image-io", "none") == 1
    assert re.search(r"bad\.t7: .*(SpatialConvolution\): weight|conv\S*/kernel) contains", capsys.readouterr().err)
    assert not (tmp_path / "out.keras").exists()


def write_chain(path, length):
    """Write a network of `length` rectifiers in a row."""
    path.write_bytes(write_t7(module("nn.Sequential", modules=table(*(module("nn.ReLU") for _ in range(length))))))


def test_longer_chains_than_python_recurses_are_built(tmp_path):
    write_chain(tmp_path / "deep.t7", 1200)
    assert run("--input", tmp_path / "deep.t7", "--output", tmp_path / "deep.keras", "--image-io", "none") == 0


def test_chains_too_long_to_build_are_refused_with_their_length(tmp_path, capsys):
    write_chain(tmp_path / "deep.t7", 3000)
    assert run("--input", tmp_path / "deep.t7", "--output", tmp_path / "deep.keras", "--image-io", "none") == 1
    assert "the network has 3001 modules; at most 2000 can be built" in capsys.readouterr().err
