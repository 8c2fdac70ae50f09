"""import_torch_weights.py on programs that torch.export wrote."""

import keras
import numpy as np
import pytest
import torch
from support.program_networks import Mobile, Styler, UNet, Words
from support.programs import FREE, export
from torch import nn

import import_torch_weights
import layers  # noqa: F401  registers what the saved models are made of
import stylize_tensorflow
import texture_nets
from errors import UserError


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def run(*arguments):
    return import_torch_weights.main([str(argument) for argument in arguments])


def recorded(network, path, *inputs):
    """Save inputs and outputs of a network as --verify reads them."""
    with torch.no_grad():
        np.savez(path, **{f"input_{i}": one.numpy() for i, one in enumerate(inputs)}, output=network(*inputs).numpy())
    return path


def test_what_was_done_is_printed_and_verified(tmp_path, capsys):
    network, x = Mobile().eval(), torch.rand(2, 3, 32, 40)
    path = export(network, (x,), tmp_path / "net.pt2")
    verify = recorded(network, tmp_path / "net.npz", x)
    assert run("--input", path, "--output", tmp_path / "net.keras", "--verify", verify) == 0
    told = capsys.readouterr().out
    assert "network: an exported program\nimage-io: none (it does not map one picture of 3 channels" in told
    assert "x: ? x 32 x 40 x 3\noutput_0: ? x 5\nverified: max difference " in told
    found = np.asarray(keras.saving.load_model(tmp_path / "net.keras")(x.permute(0, 2, 3, 1).numpy()))
    np.testing.assert_allclose(found, network(x).detach().numpy(), atol=1e-6)
    np.savez(verify, input=x.numpy(), output=network(x).detach().numpy() + 0.01)
    assert run("--input", path, "--output", tmp_path / "other.keras", "--verify", verify) == 1
    assert not (tmp_path / "other.keras").exists()


@pytest.mark.parametrize("suffix", [".onnx", ".tflite", ""])
@pytest.mark.parametrize("make", [Styler, UNet, Mobile])
def test_programs_leave(make, suffix, tmp_path):
    """Each is run in its runtime before it is written."""
    free = None if make is Mobile else ({0: FREE, 2: FREE, 3: FREE},)
    path = export(make(), (torch.rand(2, 3, 32, 32),), tmp_path / "net.pt2", free)
    options = ("--layout", "nchw", "--image-io", "none", "--size", "32x32")
    assert run("--input", path, "--output", tmp_path / f"net{suffix}", *options) == 0


@pytest.mark.parametrize("save", [torch.jit.script, lambda network: torch.jit.trace(network, torch.rand(1, 3, 32, 32))])
def test_torchscript(save, tmp_path, capsys):
    network, x = UNet().eval(), torch.rand(2, 3, 32, 32)
    path = tmp_path / "net.pt"
    save(network).save(path)
    verify = recorded(network, tmp_path / "net.npz", x)
    assert run("--input", path, "--output", tmp_path / "net.onnx", "--verify", verify, "--layout", "nchw") == 0
    told = capsys.readouterr().out
    assert "network: a TorchScript program\nimage-io: unit (it ends with sigmoid)" in told
    assert run("--input", path, "--summary") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "out.weight  3 x 8 x 1 x 1" in lines
    assert any(line.startswith("operator torch.sigmoid  1") for line in lines)
    model = texture_nets.import_torch(path, image_io="none")
    found = np.asarray(model(x.permute(0, 2, 3, 1).numpy()))
    with torch.no_grad():
        np.testing.assert_allclose(found, network(x).permute(0, 2, 3, 1).numpy(), atol=2e-6)


@pytest.mark.parametrize(("convention", "scale", "offset"), [("byte", 255, 0), ("signed", 2, -1), ("unit", 1, 0)])
def test_pictures_are_converted(convention, scale, offset, tmp_path, capsys):
    network = UNet().eval()
    path = export(network, (torch.rand(2, 3, 32, 32),), tmp_path / "net.pt2", ({0: FREE, 2: FREE, 3: FREE},))
    assert run("--input", path, "--output", tmp_path / "net.keras", "--image-io", convention) == 0
    assert f"image-io: {convention} (as requested)" in capsys.readouterr().out
    image = torch.rand(1, 3, 29, 37)
    with torch.no_grad():
        expected = (network(image * scale + offset) - offset) / scale
    found = np.asarray(keras.saving.load_model(tmp_path / "net.keras")(image.permute(0, 2, 3, 1).numpy()))
    np.testing.assert_allclose(found, expected.permute(0, 2, 3, 1).numpy(), atol=2e-6)


def test_imagenet_pictures_are_converted(tmp_path):
    network = nn.Conv2d(3, 3, 1).eval()
    path = export(network, (torch.rand(1, 3, 8, 8),), tmp_path / "net.pt2")
    model = texture_nets.import_torch(path, image_io="imagenet", input_shape=["3x?x?"])
    mean, deviation = (torch.tensor(values)[:, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    image = torch.rand(1, 3, 9, 7)
    with torch.no_grad():
        expected = network((image - mean) / deviation) * deviation + mean
    found = np.asarray(model(image.permute(0, 2, 3, 1).numpy()))
    np.testing.assert_allclose(found, expected.permute(0, 2, 3, 1).numpy(), atol=2e-6)


def test_a_style_network_stylises(tmp_path, capsys):
    path = export(Styler(), (torch.rand(1, 3, 32, 32),), tmp_path / "net.pt2")
    assert run("--input", path, "--output", tmp_path / "net.keras", "--input-shape", "3x?x?") == 0
    assert "image-io: signed (it ends with tanh)" in capsys.readouterr().out
    model = ["--model", str(tmp_path / "net.keras"), "--image-size", "45"]
    assert stylize_tensorflow.main(["--input", "pics/chelsea.jpg", "--output", str(tmp_path / "o.png"), *model]) == 0


def test_the_summary_lists_inputs_tensors_and_operators(tmp_path, capsys):
    class Unknown(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = Words()

        def forward(self, words):
            return torch.special.bessel_j0(self.words(words))

    path = export(Unknown(), (torch.randint(0, 20, (2, 7)),), tmp_path / "net.pt2")
    assert run("--input", path, "--summary") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "input words  2 x 7  int32"
    assert "words.mix.weight  8 x 16 x 3" in lines
    assert "operator aten.conv1d.default  1" in lines
    assert "operator aten.special_bessel_j0.default  1  (not supported)" in lines
    assert lines[-1] == "tensors: 3"


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--entry", "a"), 2, "--entry is for files with several networks; a PyTorch program is one"),
        (("--noise", "input"), 2, "--noise and --norm-statistics are for Torch7 files"),
        (("--image-io", "texture-nets"), 2, "unknown --image-io 'texture-nets'"),
        (("--input-shape", "3x8"), 2, "the input x has 3 sizes: 3 x 32 x 32"),
        (("--image-io", "byte"), 1, "--image-io byte is for networks that map 3 channels to 3; use --image-io none"),
    ],
)
def test_what_cannot_be_is_told(options, code, message, tmp_path, capsys):
    path = export(Mobile(), (torch.rand(1, 3, 32, 32),), tmp_path / "net.pt2")
    assert run("--input", path, "--output", tmp_path / "net.keras", *options) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "net.keras").exists()


def test_the_library_refuses_what_programs_do_not_have(tmp_path):
    path = export(Mobile(), (torch.rand(1, 3, 32, 32),), tmp_path / "net.pt2")
    with pytest.raises(UserError, match="noise"):
        texture_nets.import_torch(path, noise="input")
