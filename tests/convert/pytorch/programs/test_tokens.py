"""Programs with windows, tokens and learnt queries give PyTorch's numbers, for other batches and sizes too."""

import pytest
import torch
from support.programs import FORMS, converted, differences, record, recorded, takes
from support.token_networks import Nearest, Queried, ShiftedWindows, Unfolded
from torch import nn

from convert.pytorch.programs.network import convert_program

TOLERANCE = 2e-6
NETWORKS = {
    "shifted": ShiftedWindows,
    "unfolded": Unfolded,
    "repeat": lambda: Queried("repeat"),
    "expand": lambda: Queried("expand"),
    "expand first": lambda: Queried("expand first"),
}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


# PyTorch makes no scripts of tensors that are taken apart by `q, k, v = ...`.
CASES = [
    (name, form) for name in NETWORKS for form in FORMS if form != "scripted" or name not in ("shifted", "unfolded")
]


@pytest.mark.parametrize(("name", "form"), CASES)
def test_pictures_of_any_size(name, form, tmp_path):
    network = NETWORKS[name]()
    model = recorded(form, network, (torch.rand(1, 3, 16, 24),), tmp_path)
    for shape in [(1, 3, 16, 24), (1, 3, 24, 32), (2, 3, 32, 16)]:
        if takes(model, shape):
            assert max(differences(model, network, (torch.rand(shape),))) <= TOLERANCE


@pytest.mark.parametrize(("name", "form"), [*CASES, *(("nearest", form) for form in FORMS)])
def test_a_recorded_size(name, form, tmp_path):
    network = Nearest() if name == "nearest" else NETWORKS[name]()
    path = record(form, network, (torch.rand(1, 3, 16, 24),), tmp_path / "network.pt2")
    model = convert_program(path, [(3, 16, 24)]).model
    for shape in [(1, 3, 16, 24), (2, 3, 16, 24)]:
        if takes(model, shape):
            assert max(differences(model, network, (torch.rand(shape),))) <= TOLERANCE


@pytest.mark.parametrize("form", ["traced", "scripted"])
@pytest.mark.parametrize("name", ["repeat", "expand", "expand first"])
def test_queries_are_repeated_for_any_number_of_pictures(name, form, tmp_path):
    model = recorded(form, NETWORKS[name](), (torch.rand(1, 3, 16, 24),), tmp_path)
    assert model.input_shape == (None, None, None, 3)


def test_spectral_normalisation(tmp_path):
    network = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 8, 3)), nn.ReLU()).eval()
    picture = (torch.rand(2, 3, 9, 7),)
    assert max(differences(converted(network, picture, tmp_path).model, network, picture)) <= TOLERANCE
