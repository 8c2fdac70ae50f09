"""Programs that write into parts of their tensors give PyTorch's numbers."""

import pytest
import torch
from support.programs import FREE, differences
from torch import nn

from convert.pytorch.programs.network import convert_program

TOLERANCE = 1e-6
FORMS = ["exported", "decomposed", "traced", "scripted"]


class Preprocessed(nn.Module):
    """Channels brought to a mean and a deviation, one by one."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x):
        x = x.clone()
        x[:, 0] = (x[:, 0] - 0.485) / 0.229
        x[:, 1] -= 0.456
        x[:, 1] /= 0.224
        x[:, 2:3] = (x[:, 2:3] - 0.4) * 4
        return self.body(x)


class InputWritten(nn.Module):
    def forward(self, x):
        x[:, -1] *= 2
        x[:, :2].sub_(0.5).clamp_(0, 1)
        return x + 1


class Views(nn.Module):
    """Views of views, and others of the same tensor that are read later."""

    def forward(self, x):
        y = x * 2
        whole, row, seen = y.permute(0, 2, 3, 1), y[:, 1:], y[:, :, 1:-1, 2]
        whole[:, 1:, :, 0] = 1.5
        row[:, 0].mul_(3)
        y.transpose(2, 3)[:, 2, 1:].add_(y[:, 1, :, 1:].transpose(1, 2))
        return y, row, seen, whole, y.view(y.shape[0], -1)


class Borders(nn.Module):
    """Borders of pictures, every other row of channels, and numbers."""

    def forward(self, x):
        y = torch.zeros_like(x)
        y[:, :, 1:-1, 1:-1] = x[:, :, 1:-1, 1:-1]
        y[:, :, 0] = x.mean()
        y[:, 0::2] = y[:, 0::2] + 1
        y[:, [1]] = -1.0 * x[:, [1]]
        y[y > 1.4] = 0.0
        return y.squeeze(0) * 2


class Joined(nn.Module):
    """Parts of a tensor of zeros filled with pictures."""

    def forward(self, x):
        y = torch.zeros(x.shape[0], 5, x.shape[2], x.shape[3])
        y[:, 1:4] = x
        y[:, 4, :, :] = x[:, 0] * x[:, 1]
        y[:, 0].fill_(0.25)
        return y


NETWORKS = {"channels": Preprocessed, "input": InputWritten, "views": Views, "borders": Borders, "joined": Joined}


def program(form, network, folder, free):
    network.eval()
    picture = torch.rand(2 if free else 1, 3, 6, 7)
    if form in ("exported", "decomposed"):
        made = torch.export.export(
            network, (picture,), dynamic_shapes=(dict.fromkeys((0, 2, 3), FREE),) if free else None
        )
        torch.export.save(made.run_decompositions() if form == "decomposed" else made, folder / "network.pt2")
    else:
        made = torch.jit.trace(network, picture) if form == "traced" else torch.jit.script(network)
        made.save(folder / "network.pt2")
    return folder / "network.pt2"


def difference(model, network, x):
    return max(differences(model, lambda picture: network(picture.clone()), (x,)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NETWORKS)
def test_pictures_of_one_size(name, form, tmp_path):
    torch.manual_seed(0)
    network = NETWORKS[name]()
    model = convert_program(program(form, network, tmp_path, False), [(3, 6, 7)]).model
    for batch in (1, 2):
        if model.input_shape[0] in (None, batch):
            assert difference(model, network, torch.rand(batch, 3, 6, 7)) <= TOLERANCE


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["channels", "input", "views", "joined"])
def test_pictures_of_any_size(name, form, tmp_path):
    torch.manual_seed(0)
    network = NETWORKS[name]()
    model = convert_program(program(form, network, tmp_path, True), [(3, None, None)]).model
    for size in [(2, 3, 6, 7), (1, 3, 9, 5)]:
        assert difference(model, network, torch.rand(size)) <= TOLERANCE
