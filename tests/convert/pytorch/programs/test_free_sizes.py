"""Programs that compute with sizes that are free give PyTorch's numbers for any."""

import math

import keras
import numpy as np
import pytest
import torch
from support.in_strips import in_strips, whole
from support.programs import FREE, differences, several
from support.sized_networks import (
    Centred,
    ChannelAttention,
    CroppingUNet,
    Divided,
    Enlarged,
    Located,
    Padded,
    Reduced,
    SkippingUNet,
    Styled,
    Windows,
)
from torch import nn

from convert.axes import array_from_source_order, array_to_source_order
from convert.pytorch.programs.network import convert_program
from errors import UserError
from model.saving import save_model
from pipelines.export.export import export_model
from runtimes.loading import load_graph

TOLERANCE = 2e-6
FORMS = ["exported", "decomposed", "traced", "scripted"]
SIZES = [(2, 3, 24, 32), (1, 3, 21, 30), (2, 3, 19, 17)]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def program(form, network, folder, free=(0, 2, 3)):
    """Write the program of a network; some sizes of its picture are free."""
    network.eval()
    picture = torch.rand(2 if 0 in free else 1, 3, 26, 21)
    if form in ("exported", "decomposed"):
        made = torch.export.export(network, (picture,), dynamic_shapes=(dict.fromkeys(free, FREE),))
        torch.export.save(made.run_decompositions() if form == "decomposed" else made, folder / "network.pt2")
    else:
        made = torch.jit.trace(network, picture) if form == "traced" else torch.jit.script(network)
        made.save(folder / "network.pt2")
    return folder / "network.pt2"


def converted(form, network, folder, free=(0, 2, 3)):
    """Return the model of a network for pictures of any size."""
    path = program(form, network, folder, free)
    return convert_program(path, [(3, None, None)] if form in ("traced", "scripted") else ()).model


NETWORKS = {
    **{mode: lambda mode=mode: Padded(mode) for mode in ("reflect", "replicate", "constant", "circular")},
    "centred": Centred,
    "skipping": SkippingUNet,
    "cropping": CroppingUNet,
    "windows": Windows,
    "reduced": Reduced,
    "located": Located,
    **{mode: lambda mode=mode: Enlarged(mode) for mode in ("nearest", "bilinear", "bicubic")},
}


# Decomposed, bicubic resizing multiplies by quotients of two free sizes.
CASES = [(name, form) for name in NETWORKS for form in FORMS if (name, form) != ("bicubic", "decomposed")]


@pytest.mark.parametrize(("name", "form"), CASES)
def test_pictures_of_any_size(name, form, tmp_path):
    network = NETWORKS[name]()
    model = converted(form, network, tmp_path)
    model.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    for size in SIZES:
        x = torch.rand(size)
        assert max(differences(model, network, (x,))) <= TOLERANCE
        assert max(differences(loaded, network, (x,))) <= TOLERANCE


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("make", [ChannelAttention, Styled])
def test_attention_and_statistics_of_pictures_of_any_size(make, form, tmp_path):
    network, count = make().eval(), 2 if make is Styled else 1
    pictures = tuple(torch.rand(2, 3, 16 + 2 * number, 12) for number in range(count))
    if form in ("exported", "decomposed"):
        made = torch.export.export(network, pictures, dynamic_shapes=(dict.fromkeys((0, 2, 3), FREE),) * count)
        torch.export.save(made.run_decompositions() if form == "decomposed" else made, tmp_path / "network.pt2")
    else:
        made = torch.jit.trace(network, pictures) if form == "traced" else torch.jit.script(network)
        made.save(tmp_path / "network.pt2")
    model = convert_program(tmp_path / "network.pt2", [(3, None, None)] * count).model
    for size in [(2, 3, 16, 12), (1, 3, 18, 22), (2, 3, 14, 20)]:
        given = tuple(torch.rand(size[0], 3, size[2] + 4 * number, size[3]) for number in range(count))
        assert max(differences(model, network, given)) <= TOLERANCE


@pytest.mark.parametrize("form", ["exported", "traced"])
@pytest.mark.parametrize("name", NETWORKS)
def test_recorded_with_one_picture_for_any_size(name, form, tmp_path):
    network = NETWORKS[name]()
    model = converted(form, network, tmp_path, free=(2, 3))
    for size in SIZES:
        if model.input_shape[0] in (None, size[0]):
            assert max(differences(model, network, (torch.rand(size),))) <= TOLERANCE


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_recorded_size(name, form, tmp_path):
    network = NETWORKS[name]()
    model = convert_program(program(form, network, tmp_path, free=()), [(3, 26, 21)]).model
    assert model.output_shape != (None, None, None, None)
    for batch in (1, 2):
        if model.input_shape[0] in (None, batch):
            assert max(differences(model, network, (torch.rand(batch, 3, 26, 21),))) <= TOLERANCE


class Rooted(nn.Module):
    """Squares of the pixels of a batch, with the root of their number as it was recorded."""

    def forward(self, x):
        x = x.flatten(2).permute(2, 0, 1)
        return x.permute(1, 2, 0).reshape(x.shape[1], 3, -1, int(math.sqrt(x.shape[0])))


def test_what_a_trace_made_numbers_of_stays_so(tmp_path):
    """As in PyTorch, where the trace gives rows of 6 whatever the size; the number of pictures is the recorded one."""
    made = torch.jit.trace(Rooted(), torch.rand(1, 3, 6, 6))
    made.save(tmp_path / "network.pt")
    model = convert_program(tmp_path / "network.pt", [(3, None, None)]).model
    assert model.input_shape == (1, None, None, 3)
    for size in [(1, 3, 6, 6), (1, 3, 12, 7)]:
        assert max(differences(model, made, (torch.rand(size),))) == 0


def test_sizes_that_are_no_formulas_are_told(tmp_path):
    network = Rooted()
    torch.jit.script(network).save(tmp_path / "network.pt")
    with pytest.raises(UserError, match="give the size"):
        convert_program(tmp_path / "network.pt", [(3, None, None)])
    model = convert_program(tmp_path / "network.pt", [(3, 6, 6)]).model
    assert max(differences(model, network, (torch.rand(2, 3, 6, 6),))) == 0


class Halved(nn.Module):
    """The upper half of pictures, whose height is made a Python number."""

    def forward(self, x):
        return x[:, :, : int(x.shape[2] / 2)]


class PositionsByFactor(nn.Module):
    """Position embeddings resized by a factor that is computed of the picture's size, as in DINOv2."""

    def __init__(self):
        super().__init__()
        self.positions = nn.Parameter(torch.randn(1, 3, 4, 4))

    def forward(self, x):
        factors = tuple((size // 5 + 0.1) / 4 for size in x.shape[2:])
        return (
            x[:, :, ::5, ::5][:, :, :4, :4]
            + nn.functional.interpolate(self.positions, scale_factor=factors)[..., :4, :4]
        )


@pytest.mark.parametrize("form", ["exported", "decomposed"])
@pytest.mark.parametrize(("network", "number"), [(Halved(), "13"), (PositionsByFactor(), r"[\d.]+")])
def test_sizes_that_torch_export_limits_are_told(network, number, form, tmp_path):
    path = program(form, network, tmp_path)
    with pytest.raises(UserError, match=rf"is limited to sizes for which .* == {number}: give `input_shape`"):
        convert_program(path)
    model = convert_program(path, [(3, 26, 21)]).model
    assert max(differences(model, network, (torch.rand(2, 3, 26, 21),))) <= TOLERANCE


def test_quotients_are_rounded_as_they_say(tmp_path):
    model = converted("scripted", Divided(), tmp_path)
    for size in [(1, 3, 24, 32), (2, 3, 29, 17)]:
        assert max(differences(model, Divided(), (torch.rand(size),))) == 0


@pytest.mark.parametrize("name", ["reflect", "constant", "skipping"])
def test_strips_are_the_same(name, tmp_path):
    model = converted("exported", NETWORKS[name](), tmp_path)
    pixels = np.random.default_rng(0).random((61, 42, 3), np.float32)
    np.testing.assert_allclose(in_strips(model, pixels), whole(model, pixels), atol=1e-5)


@pytest.mark.parametrize("format", ["onnx", "litert"])
@pytest.mark.parametrize("name", ["reflect", "centred", "skipping", "windows", "reduced", "located", "bicubic"])
def test_exports_are_the_same(name, format, tmp_path):
    network = NETWORKS[name]()
    save_model(converted("traced", network, tmp_path), tmp_path / "network.keras")
    path = tmp_path / ("export.onnx" if format == "onnx" else "export.tflite")
    export_model(input=tmp_path / "network.keras", output=path, format=format, size=(26, 21))
    graph = load_graph(path)
    (tensor,) = graph.inputs
    for height, width in [(26, 21), (19, 34)] if format == "onnx" else [(26, 21)]:
        x = torch.rand(1, 3, height, width)
        found = graph.run({tensor.name: array_from_source_order(x.numpy())})
        found = {one.shape: array_to_source_order(one) for one in found.values()}
        for wanted in several(network(x)):
            array = wanted.detach().numpy()
            np.testing.assert_allclose(found[array_from_source_order(array).shape], array, atol=1e-5)
