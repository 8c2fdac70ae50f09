"""The architectures of published style and super-resolution networks give PyTorch's pixels."""

import numpy as np
import pytest
import torch
from support.published_networks import (
    AnimeGenerator,
    CartoonGenerator,
    RRDBNet,
    SRVGGNetCompact,
    TransformerNetwork,
)
from support.pytorch_networks import pictures

from convert.pytorch.network import convert_pytorch
from errors import UserError

TOLERANCE = 2e-5  # of the largest number
SIZES = [(32, 48), (45, 51), (30, 29)]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def check(path, network, size, *, scale=1.0, offset=0.0, is_bgr=False):
    """Compare with a network that takes and returns `offset` + `scale` * picture; return the conversion."""
    conversion = convert_pytorch(path)
    images = pictures(*size)
    with torch.no_grad():
        given = torch.from_numpy(images).permute(0, 3, 1, 2) * scale + offset
        returned = network(given.flip(1)).flip(1) if is_bgr else network(given)
    raw = returned.permute(0, 2, 3, 1).numpy()
    expected = (raw - offset) / scale
    found = np.asarray(conversion.model(images))
    expected = expected[:, : found.shape[1], : found.shape[2]]
    assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()
    assert np.ptp(expected) > 0.02
    np.testing.assert_allclose(
        conversion.pictures(raw[..., ::-1] if is_bgr else raw), (raw - offset) / scale, atol=1e-5
    )
    return conversion


def saved(state, folder):
    torch.save(state, folder / "net.pth")
    return folder / "net.pth"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("is_next", [False, True], ids=["two convolutions", "three convolutions"])
@pytest.mark.parametrize("has_tanh", [False, True], ids=["plain", "tanh"])
def test_fast_neural_style_agrees(has_tanh, is_next, size, tmp_path):
    network = TransformerNetwork(has_tanh, is_next).eval()
    conversion = check(saved(network.state_dict(), tmp_path), network, size, scale=255.0, is_bgr=True)
    assert ("150 times tanh" in conversion.decided) == has_tanh


@pytest.mark.parametrize("size", SIZES)
def test_cartoon_gan_agrees(size, tmp_path):
    network = CartoonGenerator().eval()
    check(saved(network.state_dict(), tmp_path), network, size, scale=2.0, offset=-1.0, is_bgr=True)


@pytest.mark.parametrize("size", SIZES)
def test_anime_gan_agrees(size, tmp_path):
    network = AnimeGenerator().eval()
    check(saved(network.state_dict(), tmp_path), network, size, scale=2.0, offset=-1.0)


def renamed(state, names):
    for old, new in names.items():
        state = {name.replace(old, new): tensor for name, tensor in state.items()}
    return state


LATER = {"conv_body": "trunk_conv", "body.": "RRDB_trunk.", "rdb": "RDB", "conv_up": "upconv", "conv_hr": "HRconv"}


def numbered(state, enlargements=2):
    """Return a state dict with the names of the first files of ESRGAN, and so many enlargements."""
    last = 3 * enlargements + 2
    places = {"conv_first": "0", "conv_body": "1.sub.2", "conv_hr": f"{last}", "conv_last": f"{last + 2}"}
    places |= {f"conv_up{number}": f"{3 * number}" for number in range(1, enlargements + 1)}
    found = {}
    for name, tensor in state.items():
        module, _, kind = name.rpartition(".")
        if "rdb" in module:
            found[f"model.{module.replace('body.', '1.sub.').replace('rdb', 'RDB')}.0.{kind}"] = tensor
        elif module in places:
            found[f"model.{places[module]}.{kind}"] = tensor
    return found


@pytest.mark.parametrize("layout", [dict, lambda state: renamed(state, LATER), numbered], ids=["new", "later", "first"])
def test_esrgan_agrees(layout, tmp_path):
    network = RRDBNet()
    path = saved({"params_ema": layout(network.state_dict())}, tmp_path)
    assert "2 blocks, enlarges 4 times" in check(path, network, (19, 22)).decided


@pytest.mark.parametrize(("shrinking", "size"), [(2, (18, 22)), (4, (20, 24))])
def test_esrgan_with_pixels_as_channels_agrees(shrinking, size, tmp_path):
    network = RRDBNet(6, 3, 1, shrinking)
    path = saved({"params": network.state_dict()}, tmp_path)
    assert f"enlarges {4 // shrinking} times" in check(path, network, size).decided


def test_odd_sizes_are_kept_where_pixels_are_channels(tmp_path):
    network = RRDBNet(6, 3, 1, 2)
    model = convert_pytorch(saved(network.state_dict(), tmp_path)).model
    images = pictures(17, 21)
    extended = np.pad(images, ((0, 0), (0, 1), (0, 1), (0, 0)), "edge")
    np.testing.assert_allclose(model(images), model(extended)[:, :34, :42], atol=1e-6)


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_compact_networks_agree(factor, tmp_path):
    network = SRVGGNetCompact(factor=factor)
    path = saved({"params": network.state_dict()}, tmp_path)
    assert f"5 convolutions, enlarges {factor} times" in check(path, network, (19, 22)).decided


@pytest.mark.parametrize(
    "network",
    [RRDBNet(), SRVGGNetCompact(), TransformerNetwork(False, False), CartoonGenerator(), AnimeGenerator()],
    ids=lambda network: type(network).__name__,
)
def test_networks_with_another_tensor_are_unknown(network, tmp_path):
    with pytest.raises(UserError, match="tensors of an unknown network"):
        convert_pytorch(saved(network.state_dict() | {"extra.weight": torch.zeros(3)}, tmp_path))


@pytest.mark.parametrize(("shrinking", "enlargements"), [(2, 0), (4, 0), (4, 1)])
def test_networks_that_would_shrink_pictures_are_unknown(shrinking, enlargements, tmp_path):
    state = numbered(RRDBNet(8, 4, 2, shrinking).state_dict(), enlargements)
    with pytest.raises(UserError, match="tensors of an unknown network"):
        convert_pytorch(saved(state, tmp_path))
