"""Programs that sample pictures at places that they compute give PyTorch's numbers for pictures of any size."""

import numpy as np
import pytest
import torch
from support.program_networks import Calculated
from support.programs import FORMS, converted, differences, export, recorded, takes
from support.warping_networks import Flowing, Interpolating, Keypoints, Meshed, Transformer
from torch.nn import functional as F

from convert.axes import array_from_source_order, array_to_source_order
from convert.pytorch.programs.network import convert_program
from errors import UserError
from model.saving import save_model
from pipelines.export.export import export_model
from runtimes.loading import load_graph

TOLERANCE = 1e-5
NETWORKS = {
    "transformer": Transformer,
    "aligned transformer": lambda: Transformer(align_corners=True),
    "interpolating": Interpolating,
    "flowing": Flowing,
    "meshed": Meshed,
    "keypoints": Keypoints,
}
COUNTS = {"interpolating": 2, "keypoints": 2}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


# PyTorch's own code of affine_grid chooses by the size where corners are aligned.
CASES = [(name, form) for name in NETWORKS for form in FORMS if (name, form) != ("aligned transformer", "scripted")]


@pytest.mark.parametrize(("name", "form"), CASES)
def test_pictures_of_any_size(name, form, tmp_path):
    network, count = NETWORKS[name](), COUNTS.get(name, 1)
    model = recorded(form, network, tuple(torch.rand(1, 3, 13, 18) for _ in range(count)), tmp_path)
    for shape in [(1, 3, 13, 18), (1, 3, 20, 15), (2, 3, 16, 17)]:
        if takes(model, shape):
            given = tuple(torch.rand(shape) for _ in range(count))
            assert max(differences(model, network, given)) <= TOLERANCE


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_every_mode(mode, padding_mode, align_corners, tmp_path):
    options = {"mode": mode, "padding_mode": padding_mode, "align_corners": align_corners}
    constant = torch.rand(1, 4, 5, 2)
    network = Calculated(lambda x, grid: [F.grid_sample(x, grid, **options), F.grid_sample(x, constant, **options)])
    inputs = torch.rand(1, 3, 7, 9), 6 * torch.rand(1, 11, 8, 2) - 3
    assert max(differences(converted(network, inputs, tmp_path).model, network, inputs)) <= TOLERANCE


def test_bicubic_sampling_is_refused(tmp_path):
    network = Calculated(lambda x, grid: [F.grid_sample(x, grid, mode="bicubic", align_corners=True)])
    path = export(network, (torch.rand(1, 3, 7, 9), torch.rand(1, 11, 8, 2)), tmp_path / "network.pt2")
    with pytest.raises(UserError, match="nearest pixel or bilinear"):
        convert_program(path)


@pytest.mark.parametrize("format", ["onnx", "litert"])
@pytest.mark.parametrize("name", ["transformer", "flowing", "meshed"])
def test_exports_are_the_same(name, format, tmp_path):
    network = NETWORKS[name]()
    save_model(recorded("traced", network, (torch.rand(1, 3, 13, 18),), tmp_path), tmp_path / "network.keras")
    exported = tmp_path / ("export.onnx" if format == "onnx" else "export.tflite")
    export_model(input=tmp_path / "network.keras", output=exported, format=format, size=(26, 21))
    graph = load_graph(exported)
    (tensor,) = graph.inputs
    for height, width in [(26, 21), (19, 34)] if format == "onnx" else [(26, 21)]:
        x = torch.rand(1, 3, height, width)
        (found,) = graph.run({tensor.name: array_from_source_order(x.numpy())}).values()
        np.testing.assert_allclose(array_to_source_order(found), network(x).detach().numpy(), atol=TOLERANCE)
