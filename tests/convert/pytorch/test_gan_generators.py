"""The generators of CycleGAN, CUT and pix2pix give PyTorch's pixels."""

import numpy as np
import pytest
import torch
from support.gan_networks import ResnetGenerator, UnetGenerator
from support.pytorch_networks import pictures, trained

from convert.pytorch.network import convert_pytorch
from errors import UserError

TOLERANCE = 2e-5  # of the largest number
SIZES = [(44, 40), (45, 51), (30, 29)]
BATCH = "batch normalisation with the running statistics"


def saved(network, folder):
    torch.save(network.state_dict(), folder / "latest_net_G.pth")
    return folder / "latest_net_G.pth"


def check(path, network, images):
    """Compare with a network of -1..1, which may return larger pictures; return the conversion."""
    conversion = convert_pytorch(path)
    with torch.no_grad():
        returned = network(torch.from_numpy(images).permute(0, 3, 1, 2) * 2 - 1)
    raw = returned.permute(0, 2, 3, 1).numpy()[:, : images.shape[1], : images.shape[2]]
    expected = (raw + 1) / 2
    assert np.ptp(expected) > 0.02
    assert np.abs(np.asarray(conversion.model(images)) - expected).max() <= TOLERANCE
    np.testing.assert_allclose(conversion.pictures(raw), expected, atol=1e-6)
    return conversion


@pytest.mark.parametrize(("width", "blocks", "size"), [(3, 1, (44, 40)), (2, 6, (45, 51))])
def test_generators_of_cyclegan_agree(width, blocks, size, tmp_path):
    network = trained(ResnetGenerator(width, blocks))
    conversion = check(saved(network, tmp_path), network, pictures(*size))
    assert "residual block" in conversion.decided
    assert "instance normalisation" in conversion.decided


@pytest.mark.parametrize("kinds", [("running_mean",), ("running_mean", "num_batches_tracked")])
def test_statistics_of_instance_normalisations_are_not_used(kinds, tmp_path):
    """PyTorch before 0.4 stored them, and the authors' program drops them."""
    network = trained(ResnetGenerator())
    unused = {f"model.2.{kind}": torch.ones(3 if kind == "running_mean" else ()) for kind in kinds}
    torch.save(network.state_dict() | unused, tmp_path / "net.pth")
    check(tmp_path / "net.pth", network, pictures(44, 40))


@pytest.mark.parametrize("batch", [False, True])
def test_generators_with_dropout_agree(batch, tmp_path):
    network = trained(ResnetGenerator(batch=batch, dropout=True))
    conversion = check(saved(network, tmp_path), network, pictures(33, 30))
    assert (BATCH in conversion.decided) == batch


def test_batch_normalisation_uses_the_running_statistics(tmp_path):
    network = trained(ResnetGenerator(batch=True))
    assert BATCH in check(saved(network, tmp_path), network, pictures(33, 30)).decided
    state = {name: tensor for name, tensor in network.state_dict().items() if not name.endswith("tracked")}
    torch.save(state, tmp_path / "old.pth")  # PyTorch before 0.4.1 had no counter
    check(tmp_path / "old.pth", network, pictures(33, 30))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("blurs", "told"),
    [
        ((True, True), "halves and doubles with blurring"),
        ((True, False), "; halves with blurring"),
        ((False, True), "; doubles with blurring"),
    ],
)
def test_generators_of_cut_agree(blurs, told, size, tmp_path):
    network = trained(ResnetGenerator(blurs=blurs))
    assert told in check(saved(network, tmp_path), network, pictures(*size)).decided


def test_generators_of_cut_with_batch_normalisation_and_dropout_agree(tmp_path):
    network = trained(ResnetGenerator(batch=True, dropout=True, blurs=(True, True)))
    check(saved(network, tmp_path), network, pictures(33, 30))


@pytest.mark.parametrize("levels", [5, 6])
@pytest.mark.parametrize("batch", [False, True])
def test_generators_of_pix2pix_agree(batch, levels, tmp_path):
    network = trained(UnetGenerator(levels=levels, batch=batch)) if levels == 5 else wide(levels, batch)
    conversion = check(saved(network, tmp_path), network, pictures(64, 128))
    assert f"{levels} levels" in conversion.decided
    assert (BATCH in conversion.decided) == batch


def wide(levels, batch):
    """Return a network with more levels than `trained` has pixels."""
    torch.manual_seed(0)
    network = UnetGenerator(levels=levels, batch=batch)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    with torch.no_grad():
        network(torch.rand(2, 3, 128, 128))
    return network.eval()


def test_pictures_that_the_levels_cannot_halve_are_extended(tmp_path):
    network = trained(UnetGenerator())
    model = convert_pytorch(saved(network, tmp_path)).model
    images = pictures(45, 64)
    extended = np.pad(images, ((0, 0), (0, 19), (0, 0), (0, 0)), "edge")
    np.testing.assert_allclose(model(images), model(extended)[:, :45], atol=1e-6)


@pytest.mark.parametrize(
    "network",
    [ResnetGenerator(blurs=(True, True)), ResnetGenerator(batch=True), UnetGenerator()],
    ids=["CUT", "batch", "U-Net"],
)
@pytest.mark.parametrize("name", ["extra.weight", "model.2.weight", "model.model.1.model.2.weight"])
def test_generators_with_other_tensors_are_unknown(name, network, tmp_path):
    torch.save(network.state_dict() | {name: torch.zeros(4)}, tmp_path / "net.pth")
    with pytest.raises(UserError, match="tensors of an unknown network"):
        convert_pytorch(tmp_path / "net.pth")


def test_generators_of_half_a_batch_normalisation_are_unknown(tmp_path):
    state = ResnetGenerator(batch=True).state_dict()
    del state["model.2.running_var"]
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(UserError, match="tensors of an unknown network"):
        convert_pytorch(tmp_path / "net.pth")
