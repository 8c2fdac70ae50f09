"""Programs that sample pictures at places that they compute give PyTorch's numbers for pictures of any size."""

import numpy as np
import pytest
import torch
from support.program_networks import Calculated
from support.programs import converted, differences, export
from support.warping_networks import Flowing, Interpolating, Keypoints, Meshed, Transformer
from torch.nn import functional as F

from convert.axes import array_from_source_order, array_to_source_order
from convert.pytorch.programs.network import convert_program
from errors import UserError
from model.saving import save_model
from pipelines.export.export import export_model
from runtimes.loading import load_graph

TOLERANCE = 1e-5
AUTO = torch.export.Dim.AUTO
FORMS = ["exported", "decomposed", "traced", "scripted"]
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


def program(form, network, count, path):
    """Write a network, recorded with one picture for each input; torch.export fixes some sizes of their own accord."""
    pictures = tuple(torch.rand(1, 3, 13, 18) for _ in range(count))
    if form in ("exported", "decomposed"):
        made = torch.export.export(network.eval(), pictures, dynamic_shapes=({2: AUTO, 3: AUTO},) * count)
        torch.export.save(made.run_decompositions() if form == "decomposed" else made, path)
    else:
        (torch.jit.trace(network, pictures) if form == "traced" else torch.jit.script(network)).save(path)
    return path


# PyTorch's own code of affine_grid chooses by the size where corners are aligned.
CASES = [(name, form) for name in NETWORKS for form in FORMS if (name, form) != ("aligned transformer", "scripted")]


@pytest.mark.parametrize(("name", "form"), CASES)
def test_pictures_of_any_size(name, form, tmp_path):
    network, count = NETWORKS[name](), COUNTS.get(name, 1)
    path = program(form, network, count, tmp_path / "network.pt2")
    model = convert_program(path, [(3, None, None)] * count if form in ("traced", "scripted") else ()).model
    for batch, height, width in [(1, 13, 18), (1, 20, 15), (2, 16, 17)]:
        wanted = (batch, height, width, 3)
        if all(size in (None, other) for size, other in zip(model.inputs[0].shape, wanted, strict=True)):
            given = tuple(torch.rand(batch, 3, height, width) for _ in range(count))
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
    path = program("traced", network, 1, tmp_path / "network.pt2")
    save_model(convert_program(path, [(3, None, None)]).model, tmp_path / "network.keras")
    exported = tmp_path / ("export.onnx" if format == "onnx" else "export.tflite")
    export_model(input=tmp_path / "network.keras", output=exported, format=format, size=(26, 21))
    graph = load_graph(exported)
    (tensor,) = graph.inputs
    for height, width in [(26, 21), (19, 34)] if format == "onnx" else [(26, 21)]:
        x = torch.rand(1, 3, height, width)
        (found,) = graph.run({tensor.name: array_from_source_order(x.numpy())}).values()
        np.testing.assert_allclose(array_to_source_order(found), network(x).detach().numpy(), atol=TOLERANCE)
