"""Programs with convolutions whose weights they compute, and with patches, give PyTorch's numbers."""

import numpy as np
import pytest
import torch
from support.dynamic_networks import Filtered, Modulating, Predicted, Swapped, Transferred, Whitened
from support.program_networks import Calculated
from support.programs import FORMS, converted, differences, recorded, takes
from torch.nn import functional as F

from convert.axes import array_from_source_order, array_to_source_order
from errors import UserError
from model.saving import save_model
from pipelines.export.export import export_model
from runtimes.loading import load_graph

TOLERANCE = 2e-6
NETWORKS = {
    "modulating": (Modulating, 1),
    "predicted": (Predicted, 2),
    "swapped": (Swapped, 2),
    "transferred": (Transferred, 2),
    "transferred by steps": (lambda: Transferred(2), 2),
    "filtered": (Filtered, 1),
    "whitened": (Whitened, 1),
}
# Decomposed, what adds patches writes to positions of several axes.
CASES = [(name, form) for name in NETWORKS for form in FORMS if not (form == "decomposed" and "transferred" in name)]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize(("name", "form"), CASES)
def test_pictures_of_any_size(name, form, tmp_path):
    make, count = NETWORKS[name]
    network = make()
    model = recorded(form, network, tuple(torch.rand(1, 3, 18, 22) for _ in range(count)), tmp_path)
    for shape in [(1, 3, 18, 22), (1, 3, 20, 26), (2, 3, 24, 16)]:
        if takes(model, shape):
            given = tuple(torch.rand(shape) for _ in range(count))
            assert max(differences(model, network, given)) <= TOLERANCE


@pytest.mark.parametrize("name", ["modulating", "predicted"])
def test_a_kernel_for_each_of_two_pictures(name, tmp_path):
    make, count = NETWORKS[name]
    network = make()
    pictures = tuple(torch.rand(2, 3, 18, 22) for _ in range(count))
    model = recorded("exported", network, pictures, tmp_path)
    assert model.inputs[0].shape == (2, None, None, 3)
    assert max(differences(model, network, pictures)) <= TOLERANCE


GROUPS = {
    "patches": lambda x, y: [
        *(F.unfold(x, (3, 2), 2, (1, 2), (2, 1)), F.fold(y.flatten(2)[:, :, :49], (8, 7), (2, 1))),
        *(F.fold(y.flatten(2)[:, :, :16], (9, 8), (3, 2), stride=2), x.unfold(3, 4, 3), x.unfold(1, 2, 1)),
    ],
    "positions": lambda x, y: [
        *(
            x.gather(1, y[:, :2].argsort(1)),
            x.gather(3, y.argmax(3, keepdim=True)),
            *x.topk(3, 2),
            *x.topk(2, -1, False),
        ),
        *(*x.sort(1), *x.sort(3, descending=True), x.argsort(2), torch.scatter(x, 1, y.argmax(1, keepdim=True), 2.0)),
        *(x.scatter(2, y.topk(2, 2)[1], y), x[:, :, [[0], [3]], [1, -2]], x.diagonal(dim1=1, dim2=2)),
        *(torch.linalg.matrix_power(x[:, :, :, :8], 3), x * torch.eye(8, 10)),
    ],
    "convolutions": lambda x, y: [
        *(F.conv2d(x, y[:, :, :3, :3]), F.conv2d(x, y[:, :3, :3, :2], y[:, 0, 0, 0], (2, 1), 1, groups=2)),
        *(
            F.conv2d(x, y[:, :, :2, :3], None, 1, "same", 2),
            F.conv_transpose2d(x[:, :2], y[:, :, :3, :2], y[0, :, 0, 0], 2),
        ),
    ],
}


@pytest.mark.backends
@pytest.mark.parametrize("group", GROUPS)
def test_numbers_are_those_of_pytorch(group, tmp_path):
    network = Calculated(GROUPS[group])
    inputs = torch.randn(2, 6, 8, 10), torch.rand(2, 6, 8, 10) - 0.5
    found = differences(converted(network, inputs, tmp_path).model, network, inputs)
    assert max(found) <= 5e-6, found


@pytest.mark.parametrize(
    ("calculate", "message"),
    [
        (lambda x, y: [F.unfold(x, 65)], "patches of 4225 positions: 1 to 4,096 are allowed"),
        (lambda x, y: [x.diagonal(1, 2, 3)], "for the main diagonal"),
        (lambda x, y: [torch.matrix_power(x, 0) + x], "to the power 0 is not supported"),
        (lambda x, y: [x.scatter(3, x.argsort(3), x)], "puts 65 numbers into each line; at most 64"),
    ],
)
def test_what_is_not_supported_is_told(calculate, message, tmp_path):
    with pytest.raises(UserError, match=message):
        converted(Calculated(calculate), (torch.rand(1, 2, 65, 65),) * 2, tmp_path)


@pytest.mark.parametrize("format", ["onnx", "litert"])
@pytest.mark.parametrize("name", ["modulating", "filtered", "whitened"])
def test_exports_are_the_same(name, format, tmp_path):
    network = NETWORKS[name][0]()
    save_model(recorded("traced", network, (torch.rand(1, 3, 18, 22),), tmp_path), tmp_path / "network.keras")
    exported = tmp_path / ("export.onnx" if format == "onnx" else "export.tflite")
    export_model(input=tmp_path / "network.keras", output=exported, format=format, size=(26, 22))
    graph = load_graph(exported)
    (tensor,) = graph.inputs
    for height, width in [(26, 22), (18, 34)] if format == "onnx" else [(26, 22)]:
        x = torch.rand(1, 3, height, width)
        (found,) = graph.run({tensor.name: array_from_source_order(x.numpy())}).values()
        np.testing.assert_allclose(array_to_source_order(found), network(x).detach().numpy(), atol=1e-5)
