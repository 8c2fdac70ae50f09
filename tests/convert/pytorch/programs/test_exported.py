"""Programs that torch.export writes give PyTorch's numbers."""

import json
import zipfile

import pytest
import torch
from support.program_networks import Attentive, Mobile, Styler, UNet, Words
from support.programs import FREE, converted, differences, export
from torch import nn

from convert.pytorch.programs.network import convert_program
from errors import ArgumentError, UserError

TOLERANCE = 2e-6
ANY_SIZE = {0: FREE, 2: FREE, 3: FREE}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def close(conversion, network, *inputs):
    return max(differences(conversion.model, network, inputs)) <= TOLERANCE


@pytest.mark.parametrize("make", [Styler, UNet])
def test_pictures_of_any_size(make, tmp_path):
    network = make()
    conversion = converted(network, (torch.rand(2, 3, 32, 40),), tmp_path, (ANY_SIZE,))
    assert conversion.model.input_shape == (None, None, None, 3)
    assert conversion.recorded == ((None, 3, None, None),)
    assert close(conversion, network, torch.rand(2, 3, 32, 40))
    assert close(conversion, network, torch.rand(1, 3, 48, 36))
    if make is UNet:  # the other one joins maps that fit for even sizes
        assert close(conversion, network, torch.rand(3, 3, 27, 35))


@pytest.mark.parametrize("make", [Styler, UNet, Mobile])
def test_a_recorded_size_with_any_batch(make, tmp_path):
    network = make()
    conversion = converted(network, (torch.rand(1, 3, 32, 32),), tmp_path)
    assert conversion.model.input_shape == (None, 32, 32, 3)
    assert close(conversion, network, torch.rand(1, 3, 32, 32))
    assert close(conversion, network, torch.rand(3, 3, 32, 32))


@pytest.mark.parametrize(("make", "pictures"), [(Styler, 1), (Styler, 2), (UNet, 2), (Mobile, 2), (Attentive, 1)])
def test_decomposed_programs(make, pictures, tmp_path):
    """Their operators are fewer: `run_decompositions` replaces the others."""
    network, x = make().eval(), torch.rand(pictures, 3, 32, 32)
    program = torch.export.export(network, (x,)).run_decompositions()
    torch.export.save(program, tmp_path / "network.pt2")
    assert close(convert_program(tmp_path / "network.pt2"), network, x)


def test_a_recorded_size_can_be_freed(tmp_path):
    network = Styler()
    path = export(network, (torch.rand(1, 3, 32, 32),), tmp_path / "network.pt2")
    conversion = convert_program(path, [(3, None, None)])
    assert conversion.model.input_shape == (None, None, None, 3)
    assert close(conversion, network, torch.rand(2, 3, 44, 64))


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_network_that_computed_with_its_batch_keeps_it(batch_first, tmp_path):
    network = Attentive(batch_first)
    conversion = converted(network, (torch.rand(2, 3, 32, 32),), tmp_path)
    assert conversion.model.input_shape == (2, 32, 32, 3)
    assert close(conversion, network, torch.rand(2, 3, 32, 32))


def test_whole_numbers(tmp_path):
    network = Words()
    conversion = converted(network, (torch.randint(0, 20, (2, 7)),), tmp_path)
    assert conversion.model.inputs[0].dtype == "int32"
    assert close(conversion, network, torch.randint(0, 20, (3, 7)))


def test_weights_that_modules_share_are_one_layer(tmp_path):
    shared = nn.Conv2d(3, 3, 3, padding=1)
    network = nn.Sequential(shared, nn.ReLU(), shared)
    conversion = converted(network, (torch.rand(1, 3, 8, 8),), tmp_path)
    assert conversion.model.count_params() == 3 * 3 * 9 + 3
    assert close(conversion, network, torch.rand(1, 3, 8, 8))


def test_layers_are_called_as_their_modules(tmp_path):
    conversion = converted(Styler(), (torch.rand(1, 3, 32, 32),), tmp_path)
    names = {layer.name for layer in conversion.model.layers}
    assert {"first", "norm_layer", "down", "down_norm", "residual_1", "up", "last"} <= names


@pytest.mark.parametrize("make", [Styler, UNet])
def test_channels_stay_last_from_layer_to_layer(make, tmp_path):
    conversion = converted(make(), (torch.rand(2, 3, 32, 40),), tmp_path, (ANY_SIZE,))
    kinds = [type(operation).__name__ for operation in conversion.model.operations]
    assert "Conv2D" in kinds
    assert "Transpose" not in kinds


class InPlace(nn.Module):
    def forward(self, x):
        y = x * 2
        y.relu_()
        part = y[:, :1]
        return y + 1, part


class ViewsWritten(nn.Module):
    def forward(self, x):
        y = x * 2
        y.flatten(2).relu_()  # a view, or a copy where the numbers do not lie one after the other
        return y + 1


def test_changes_in_place_are_seen(tmp_path):
    conversion = converted(InPlace(), (torch.randn(1, 3, 4, 4),), tmp_path)
    assert close(conversion, InPlace(), torch.randn(1, 3, 4, 4))


def test_a_view_that_was_changed_is_refused(tmp_path):
    with pytest.raises(UserError, match="after a view of it was changed in place"):
        converted(ViewsWritten(), (torch.randn(1, 3, 4, 4),), tmp_path)


class Unknown(nn.Module):
    def forward(self, x):
        return torch.fft.fft2(x).real + torch.special.bessel_j0(x)


def test_operators_that_are_missing_are_all_named(tmp_path):
    with pytest.raises(UserError, match=r"not supported: aten\.fft_fft2.*aten\.special_bessel_j0"):
        converted(Unknown(), (torch.rand(1, 3, 8, 8),), tmp_path)


def test_training_mode_is_refused(tmp_path):
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)).train()
    program = torch.export.export(network, (torch.rand(2, 3, 8, 8),))
    torch.export.save(program, tmp_path / "network.pt2")
    with pytest.raises(UserError, match=r"export the network after model\.eval\(\)"):
        convert_program(tmp_path / "network.pt2")


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(3, 8, 8)] * 2, "has 1 inputs, 2 are given"),
        ([(3, 8)], "the input x has 3 sizes: 3 x 32 x 32"),
    ],
)
def test_shapes_that_do_not_fit(shapes, message, tmp_path):
    path = export(Styler(), (torch.rand(1, 3, 32, 32),), tmp_path / "network.pt2")
    with pytest.raises(ArgumentError, match=message):
        convert_program(path, shapes)


def test_a_free_size_that_must_be_known_is_named(tmp_path):
    class Resized(nn.Module):
        def forward(self, x):
            return nn.functional.interpolate(x, scale_factor=1.3)

    path = export(Resized(), (torch.rand(1, 3, 10, 10),), tmp_path / "network.pt2")
    assert close(convert_program(path), Resized(), torch.rand(1, 3, 10, 10))
    with pytest.raises(UserError, match="give it as `input_shape`"):
        convert_program(path, [(3, None, None)])


def changed(path, change):
    """Write an archive with another description of its program."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (name,) = [name for name in members if name.endswith("models/model.json")]
    description = json.loads(members[name])
    change(description["graph_module"])
    members[name] = json.dumps(description).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda module: module.pop("signature"),
        lambda module: module["graph"].update(nodes=7),
        lambda module: module["signature"]["input_specs"].append({"token": {}}),
        lambda module: module["signature"]["output_specs"].append({"user_output": {"arg": {"as_int": 3}}}),
        lambda module: module["graph"]["nodes"].append(module["graph"]["nodes"][0] | {"target": "torch.ops.x.y"}),
        lambda module: module["graph"]["nodes"][0].update(inputs=[]),
        lambda module: module["graph"]["nodes"][0]["inputs"][0]["arg"]["as_tensor"].update(name="nothing"),
        lambda module: module["graph"]["nodes"][1]["inputs"].append({"name": "x", "arg": {"as_graph": {}}, "kind": 1}),
    ],
)
def test_damaged_descriptions_are_told(change, tmp_path):
    path = export(Mobile(), (torch.rand(1, 3, 32, 32),), tmp_path / "network.pt2")
    with pytest.raises(UserError, match=r"network\.pt2: ") as caught:
        convert_program(changed(path, change))
    assert "\n" not in str(caught.value)


def test_a_damaged_archive_is_told(tmp_path):
    path = export(Mobile(), (torch.rand(1, 3, 32, 32),), tmp_path / "network.pt2")
    data = path.read_bytes()
    for part in (data[: len(data) // 2], data[:200] + bytes(400) + data[600:]):
        path.write_bytes(part)
        with pytest.raises(UserError, match="cannot be read as a program of PyTorch"):
            convert_program(path)
