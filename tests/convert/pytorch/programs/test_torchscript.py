"""Networks that torch.jit saved give PyTorch's numbers: traced, scripted and frozen ones."""

import sys
import types
import zipfile

import keras
import numpy as np
import pytest
import torch
from support.script_networks import (
    Controlled,
    Enlarging,
    MobileNetwork,
    Shared,
    StyleNetwork,
    TwoInputs,
    UNet,
    VisionTransformer,
    WindowAttention,
)
from torch import nn
from torch.nn import functional as F

from convert.axes import array_from_source_order, array_to_source_order
from convert.pytorch.programs.network import convert_program
from errors import ArgumentError, UserError

TOLERANCE = 1e-5  # of the largest number
FORMS = ["traced", "scripted", "frozen"]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def made(form, network, *inputs):
    """Return a network as TorchScript."""
    network.eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.3, 0.3)
            module.running_var.uniform_(0.5, 2)
    if form == "traced":
        return torch.jit.trace(network, inputs, strict=False, check_trace=False)
    scripted = torch.jit.script(network)
    return torch.jit.freeze(scripted) if form == "frozen" else scripted


def converted(program, folder, shapes=()):
    program.save(folder / "net.pt")
    return convert_program(folder / "net.pt", shapes)


def flat(found):
    if isinstance(found, (list, tuple, dict)):
        return [tensor for one in (found.values() if isinstance(found, dict) else found) for tensor in flat(one)]
    return [] if found is None else [found]


def check(program, model, *inputs):
    with torch.no_grad():
        expected = flat(program(*inputs))
    arrays = [array_from_source_order(one.numpy()) for one in inputs]
    found = flat(model(arrays if len(arrays) > 1 else arrays[0]))
    for one, other in zip(found, expected, strict=True):
        array = array_to_source_order(keras.ops.convert_to_numpy(one))
        assert array.shape == tuple(other.shape)
        assert np.abs(array - other.numpy()).max() <= TOLERANCE * other.abs().max().item()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("make", [StyleNetwork, UNet, MobileNetwork, Controlled, Shared, Enlarging])
def test_networks_of_pictures_agree_at_any_size(make, form, tmp_path):
    program = made(form, make(), torch.rand(1, 3, 32, 48))
    conversion = converted(program, tmp_path, [(3, None, None)])
    assert conversion.kind == "a TorchScript program"
    for size in [(1, 3, 32, 48), (2, 3, 20, 36)]:
        check(program, conversion.model, torch.rand(size))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("mode", "is_aligned"), [("nearest", None), ("bilinear", False)])
def test_pictures_are_resized_to_others_of_any_size(mode, is_aligned, form, tmp_path):
    program = made(form, UNet(mode, is_aligned), torch.rand(1, 3, 32, 48))
    model = converted(program, tmp_path, [(3, None, None)]).model
    for size in [(1, 3, 32, 48), (2, 3, 21, 39)]:
        check(program, model, torch.rand(size))


class Recombined(nn.Module):
    """Weights that are computed from others, as normalised ones are stored."""

    def __init__(self):
        super().__init__()
        self.first = nn.utils.weight_norm(nn.Conv2d(3, 4, 3, padding="same"))
        self.second = nn.utils.spectral_norm(nn.Conv2d(4, 2, 3))

    def forward(self, x):
        return self.second(self.first(x))


def test_normalized_weights_agree(tmp_path):
    program = made("traced", Recombined(), torch.rand(1, 3, 8, 8))
    check(program, converted(program, tmp_path).model, torch.rand(2, 3, 8, 8))


class LinesAndVolumes(nn.Module):
    def forward(self, line, volume):
        pooled = F.max_pool1d(line, 3, 2, 1) + F.avg_pool1d(line, 3, 2, 1), F.adaptive_avg_pool1d(line, 4)
        solid = F.max_pool3d(volume, 3, 2, 1) + F.avg_pool3d(volume, 3, 2, 1), F.adaptive_avg_pool3d(volume, (4, 1, 2))
        enlarged = F.interpolate(line, scale_factor=2.0), F.interpolate(volume, size=[16, 8, 24])
        return pooled, solid, enlarged


@pytest.mark.parametrize("form", FORMS)
def test_lines_and_volumes_agree(form, tmp_path):
    inputs = torch.rand(1, 3, 20), torch.rand(1, 2, 8, 8, 8)
    program = made(form, LinesAndVolumes(), *inputs)
    check(program, converted(program, tmp_path, [(3, 20), (2, 8, 8, 8)]).model, *inputs)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("make", [VisionTransformer, WindowAttention])
def test_transformers_agree_in_any_batch(make, form, tmp_path):
    program = made(form, make(), torch.rand(1, 3, 32, 32))
    model = converted(program, tmp_path, [(3, 32, 32)]).model
    for batch in (1, 3):
        check(program, model, torch.rand(batch, 3, 32, 32))


@pytest.mark.parametrize("is_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_encoder_layers_agree_that_were_traced_without_gradients(activation, is_first, tmp_path):
    layer = nn.TransformerEncoderLayer(8, 2, 12, activation=activation, batch_first=True, norm_first=is_first)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.3)
    with torch.no_grad():
        program = made("traced", nn.Sequential(layer), torch.rand(1, 6, 8))
    assert "_transformer_encoder_layer_fwd" in str(program.inlined_graph)
    check(program, converted(program, tmp_path).model, torch.rand(3, 6, 8))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)


def test_attention_agrees_that_was_traced_without_gradients(tmp_path):
    with torch.no_grad():
        program = made("traced", Attention(), torch.rand(1, 6, 8))
    assert "_native_multi_head_attention" in str(program.inlined_graph)
    check(program, converted(program, tmp_path).model, torch.rand(3, 6, 8))


def test_archives_for_mobile_devices_agree(tmp_path):
    program = made("scripted", MobileNetwork())
    program._save_for_lite_interpreter(str(tmp_path / "net.ptl"))
    check(program, convert_program(tmp_path / "net.ptl").model, torch.rand(2, 3, 20, 36))


PACKED = """class Net(Module):
  def forward(self: __torch__.Net,
    x: Tensor) -> Tensor:
    _0 = ops.prepacked.conv2d_clamp_run(x, getattr(self, "packed.0"))
    _1 = ops.prepacked.conv2d_transpose_clamp_run(_0, getattr(self, "packed.1"))
    _2 = torch.mean(_1, [2, 3])
    return ops.prepacked.linear_clamp_run(_2, getattr(self, "packed.2"))
"""


def test_layers_in_one_object_agree(tmp_path, monkeypatch):
    first, second = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), nn.ConvTranspose2d(6, 5, 3, 2, 1, 1, bias=False)
    last = nn.Linear(5, 3)

    def stored(name, state):
        module, _, kind = name.rpartition(".")
        made = type(kind, (), {"__module__": module, "__getstate__": lambda self: state})
        monkeypatch.setitem(sys.modules, module, types.SimpleNamespace(**{kind: made}))
        return made()

    packed = [
        (first.weight, first.bias, [2, 2], [1, 1], [1, 1], 2, 0.0, 0.5),
        (second.weight, None, [2, 2], [1, 1], [1, 1], [1, 1], 1, 0.0, None),
        (last.weight, last.bias, None, None),
    ]
    states = [tuple(one.detach() if isinstance(one, torch.Tensor) else one for one in state) for state in packed]
    names = ["Conv2dOpContext", "TransposeConv2dOpContext", "LinearOpContext"]
    objects = {
        f"packed.{number}": stored(f"__torch__.torch.classes.xnnpack{number}.{name}", state)
        for number, (name, state) in enumerate(zip(names, states, strict=True))
    }
    torch.save(stored("__torch__.Net", objects), tmp_path / "net.ptl")
    with zipfile.ZipFile(tmp_path / "net.ptl", "a") as archive:
        archive.writestr("net/constants.pkl", b"\x80\x02).")
        archive.writestr("net/code/__torch__.py", PACKED)
    conversion = convert_program(tmp_path / "net.ptl", [(4, None, None)])
    assert conversion.tensors == 5

    def network(x):
        return last(torch.relu(second(first(x).clamp(0, 0.5))).mean((2, 3)))

    check(network, conversion.model, torch.rand(2, 4, 8, 12))


def test_traced_inputs_give_the_sizes(tmp_path):
    conversion = converted(made("traced", UNet(), torch.rand(2, 3, 32, 48)), tmp_path)
    assert conversion.recorded == ((2, 3, 32, 48),)
    assert conversion.model.input_shape == (None, 32, 48, 3)


@pytest.mark.parametrize("form", ["scripted", "frozen"])
def test_channels_of_the_first_convolution_are_assumed(form, tmp_path):
    network = nn.Sequential(nn.Conv2d(5, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1))
    program = made(form, network)
    model = converted(program, tmp_path).model
    assert model.input_shape == (None, None, None, 5)
    check(program, model, torch.rand(2, 5, 11, 9))


def test_sizes_that_are_needed_are_asked_for(tmp_path):
    program = made("scripted", nn.Sequential(nn.Linear(4, 3), nn.ReLU()))
    with pytest.raises(UserError, match=r"^\S+: the file has no sizes of its input input: give them as `input_shape`"):
        converted(program, tmp_path)
    check(program, converted(program, tmp_path, [(4,)]).model, torch.rand(3, 4))
    classifier = made("scripted", nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 6 * 6, 4)))
    with pytest.raises(
        UserError, match=r"\(the file has no size of its input, 3 x \? x \? is assumed: `input_shape` gi"
    ):
        converted(classifier, tmp_path)
    check(classifier, converted(classifier, tmp_path, [(3, 8, 8)]).model, torch.rand(3, 3, 8, 8))


def test_several_inputs_and_outputs(tmp_path):
    inputs = torch.rand(1, 3, 8, 12), torch.rand(1, 5)
    program = made("traced", TwoInputs(), *inputs)
    model = converted(program, tmp_path).model
    assert [one.name for one in model.inputs] == ["picture", "style"]
    check(program, model, *inputs)
    scripted = made("scripted", TwoInputs())
    check(scripted, converted(scripted, tmp_path, [(3, None, None), (5,)]).model, *inputs)
    with pytest.raises(ArgumentError, match="the network has 2 inputs, 1 are given"):
        converted(scripted, tmp_path, [(3, 8, 8)])


def test_shared_weights_are_one(tmp_path):
    conversion = converted(made("traced", Shared(), torch.rand(1, 3, 8, 8)), tmp_path)
    assert conversion.tensors == 5
    assert [layer.name for layer in conversion.model.layers if layer.weights] == ["begin", "block", "block_2"]


class Lists(nn.Module):
    def forward(self, x):
        sizes = [size * 2 for size in x.shape[2:]]
        return x.reshape(x.shape[0], -1, sizes[0] // 4, 2, sizes[1] // 2).amax(dim=3)


class Batches(nn.Module):
    def forward(self, x):
        return torch.cat([x[0:1], x[1:2] * 2])


class Columns(nn.Module):
    """Adds to pictures what has one axis of more than one position, which is not that of the channels."""

    def forward(self, x):
        columns, rows = torch.linspace(0, 1, x.shape[3]), torch.linspace(1, 3, x.shape[2]).view(-1, 1)
        return x + columns + rows, x.mean(dim=3, keepdim=True) + columns, torch.addcmul(x, columns, columns)


@pytest.mark.parametrize("size", [(3, 12, 12), (12, 8, 12), (12, 12, 8), (6, 6, 6)])
def test_columns_and_rows_are_added_where_they_are(size, tmp_path):
    program = made("scripted", Columns())
    check(program, converted(program, tmp_path, [size]).model, torch.rand(2, *size))


def test_numbers_of_sizes(tmp_path):
    program = made("traced", Lists(), torch.rand(1, 3, 8, 12))
    model = converted(program, tmp_path).model
    check(program, model, torch.rand(2, 3, 8, 12))


def test_a_network_for_one_batch_keeps_it(tmp_path):
    program = made("traced", Batches(), torch.rand(2, 3, 8, 12))
    model = converted(program, tmp_path).model
    check(program, model, torch.rand(2, 3, 8, 12))


class Chooses(nn.Module):
    def forward(self, x):
        if x.mean() > 0:
            return x
        return -x


class ChoosesBySize(nn.Module):
    def forward(self, x):
        if x.shape[2] > 16:
            return x
        return -x


class Drops(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.5)


REFUSED = {
    "condition of numbers": (
        Chooses,
        r"Chooses\.forward, line \d+: needs the value of a tensor that depends on the input",
    ),
    "condition of sizes": (
        ChoosesBySize,
        r"forward, line \d+: chooses by a size that is free: give it as `input_shape`",
    ),
    "dropout": (Drops, r"dropout\): drops numbers at random, as in training"),
    "training": (
        None,
        r"batch_norm\): normalises with the statistics of the batch: export the network after model.eval",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_converted_is_named(case, tmp_path):
    make, message = REFUSED[case]
    program = made("scripted", make()) if make else torch.jit.script(nn.BatchNorm2d(3))
    with pytest.raises(UserError, match=message) as caught:
        converted(program, tmp_path, [(3, None, None)])
    assert "\n" not in str(caught.value)


def test_sizes_decide_where_they_are_known(tmp_path):
    program = made("scripted", ChoosesBySize())
    model = converted(program, tmp_path, [(3, 12, 12)]).model
    check(program, model, torch.rand(1, 3, 12, 12))
