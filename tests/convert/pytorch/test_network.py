"""Networks that PyTorch wrote give its pixels."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support.gan_networks import ResnetGenerator
from support.pytorch_networks import TransformerNet, pictures, stylized, trained

from convert.pytorch.network import convert_pytorch
from convert.pytorch.summary import summarize
from errors import ArgumentError, UserError

TOLERANCE = 2e-5  # of the largest number


def check(path, network, size=(44, 40), tolerance=TOLERANCE, **options):
    conversion = convert_pytorch(path, **options)
    images = pictures(*size)
    expected = stylized(network, images)
    found = np.asarray(conversion.model(images))
    assert found.shape == images.shape
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()
    return conversion


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}], ids=["zip", "legacy"])
@pytest.mark.parametrize(("width", "blocks", "last"), [(2, 1, 3), (5, 5, 9), (8, 0, 5)])
def test_any_width_agrees(width, blocks, last, options, tmp_path):
    network = trained(TransformerNet(width, blocks, last=last))
    torch.save(network.state_dict(), tmp_path / "net.model", **options)
    conversion = check(tmp_path / "net.model", network)
    assert conversion.tensors == len(network.state_dict())
    assert "of each picture" in conversion.decided


def test_odd_sizes_are_kept(tmp_path):
    network = trained(TransformerNet())
    torch.save(network.state_dict(), tmp_path / "net.pth")
    check(tmp_path / "net.pth", network, size=(45, 51))


def test_running_statistics_are_used_where_torch_uses_them(tmp_path):
    network = trained(TransformerNet(statistics=True))
    torch.save(network.state_dict(), tmp_path / "net.pth")
    assert "running" in check(tmp_path / "net.pth", network).decided


def test_running_statistics_of_old_files_are_not_used(tmp_path):
    """PyTorch before 0.4 stored them for every instance normalisation and never used them."""
    network = trained(TransformerNet())
    state = network.state_dict()
    for name in [name for name in state if ".in" in f".{name}" and name.endswith("weight")]:
        for kind in ("running_mean", "running_var"):
            state[name.replace("weight", kind)] = torch.rand_like(state[name])
    del state._metadata
    torch.save(state, tmp_path / "net.pth")
    assert "of each picture" in check(tmp_path / "net.pth", network).decided


def test_the_first_version_agrees(tmp_path):
    """It named a normalisation's parameters otherwise, had an epsilon of its own, and took and returned BGR."""
    network = trained(TransformerNet())
    for part in network.modules():
        if isinstance(part, torch.nn.InstanceNorm2d):
            part.eps = 1e-9
    names = {"weight": "scale", "bias": "shift"}
    state = {
        f"{module}.{names[kind] if '.in' in f'.{module}' else kind}": tensor
        for (module, _, kind), tensor in ((n.rpartition("."), t) for n, t in network.state_dict().items())
    }
    torch.save(state, tmp_path / "mosaic.pth")
    check(tmp_path / "mosaic.pth", lambda x: network(x.flip(1)).flip(1))


@pytest.mark.parametrize("version", [1, 2])
def test_running_statistics_count_since_files_tell_versions(version, tmp_path):
    """PyTorch 0.4.0 wrote statistics where they are used, with version 1 and no counter; 0.4.1 wrote version 2."""
    network = trained(TransformerNet(statistics=True))
    state = network.state_dict()
    for name in [name for name in state if name.endswith("num_batches_tracked")]:
        del state[name]
        state._metadata[name.rpartition(".")[0]]["version"] = version
    torch.save(state, tmp_path / "mosaic.pth")
    assert "running statistics" in check(tmp_path / "mosaic.pth", network).decided


def test_other_names_of_the_last_convolutions_mean_other_pixels(tmp_path):
    """Those of pytorch-neural-style-transfer-johnson, which takes and returns pixels of unit variance."""
    network = trained(TransformerNet())
    names = {"deconv1.": "up1.conv2d.", "deconv2.": "up2.conv2d.", "deconv3.": "up3."}
    state = network.state_dict()
    for old, new in names.items():
        state = {name.replace(old, new): tensor for name, tensor in state.items()}
    torch.save({"commit_hash": "0", "content_weight": 1.0, "state_dict": state}, tmp_path / "mosaic.pth")
    mean, deviation = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    check(tmp_path / "mosaic.pth", lambda x: 255 * (mean + deviation * network((x / 255 - mean) / deviation)))


@pytest.mark.parametrize("prefix", ["module.", "model.module.", "generator.", "model._orig_mod.module.net."])
@pytest.mark.parametrize("key", ["state_dict", "net"])
def test_checkpoints_and_wrappers_are_seen_through(prefix, key, tmp_path):
    network = trained(TransformerNet())
    optimizer = torch.optim.Adam(network.parameters())
    state = {prefix + name: tensor for name, tensor in network.state_dict().items()}
    torch.save({"epoch": 2, key: state, "optimizer": optimizer.state_dict()}, tmp_path / "net.pth")
    assert check(tmp_path / "net.pth", network).entry == f"{key}.{prefix[:-1]}"


def test_several_networks_are_chosen_from(tmp_path):
    first, second = trained(TransformerNet(), 1), trained(TransformerNet(2, 1), 2)
    torch.save({"a": first.state_dict(), "b": second.state_dict()}, tmp_path / "net.pth")
    with pytest.raises(ArgumentError, match=r"contains several networks; choose with `entry`: a, b"):
        convert_pytorch(tmp_path / "net.pth")
    with pytest.raises(ArgumentError, match=r"no network at c; choose with `entry`: a, b"):
        convert_pytorch(tmp_path / "net.pth", entry="c")
    check(tmp_path / "net.pth", second, entry="b")


def test_a_network_under_two_names_is_found_under_both(tmp_path):
    network = trained(TransformerNet())
    state = network.state_dict()
    torch.save({"model": state, "ema": state, "best": network.state_dict()}, tmp_path / "net.pth")
    for entry in ("model", "ema", "best"):
        assert check(tmp_path / "net.pth", network, entry=entry).entry == entry
    assert check(tmp_path / "net.pth", network).entry == "model"
    with pytest.raises(ArgumentError, match="choose with `entry`: model, ema, best"):
        convert_pytorch(tmp_path / "net.pth", entry="emma")


def test_dicts_that_hold_each_other_many_times_over_end(tmp_path):
    inner: object = trained(TransformerNet()).state_dict()
    for _ in range(6):
        inner = {str(index): inner for index in range(20)}
    torch.save(inner, tmp_path / "net.pth")
    assert convert_pytorch(tmp_path / "net.pth").entry == "0.0.0.0.0.0"


def test_half_precision_agrees(tmp_path):
    network = trained(TransformerNet()).half()
    save_file(network.state_dict(), tmp_path / "net.safetensors")
    check(tmp_path / "net.safetensors", network.float())


def test_shared_and_strided_weights_agree(tmp_path):
    network = trained(TransformerNet())
    network.res2.load_state_dict(network.res1.state_dict())
    state = network.state_dict()
    state.update(network.res1.state_dict(prefix="res2."))
    name = "conv3.conv2d.weight"
    state[name] = state[name].permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
    torch.save(state, tmp_path / "net.pth")
    check(tmp_path / "net.pth", network)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), "contains NaN"),
        (float("inf"), "contains infinite values"),
        (-1e11, r"contains 1e\+11, beyond 1e\+10"),
    ],
)
def test_weights_of_no_training_are_refused(value, told, tmp_path):
    network = trained(TransformerNet())
    network.res1.in2.bias.data[1] = value
    torch.save(network.state_dict(), tmp_path / "net.pth")
    with pytest.raises(UserError, match=rf"net\.pth: tensor res1\.in2\.bias {told}"):
        convert_pytorch(tmp_path / "net.pth")


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("res2.conv1.conv2d.bias"),
        lambda state: state.update(extra=torch.zeros(3)),
        lambda state: state.update({"in3.weight": torch.zeros(7)}),
        lambda state: state.update({"in3.running_mean": torch.zeros(7)}),
    ],
    ids=["lacking", "more", "shape", "statistics"],
)
def test_others_are_listed(change, tmp_path):
    state = trained(TransformerNet()).state_dict()
    change(state)
    torch.save(state, tmp_path / "net.pth")
    message = r"net\.pth: contains tensors of an unknown network: conv1\.conv2d\.weight 3 x 3 x 9 x 9, .* and \d+ more"
    with pytest.raises(UserError, match=message):
        convert_pytorch(tmp_path / "net.pth")


@pytest.mark.parametrize("network", [TransformerNet(5, 1), ResnetGenerator(5, 1)], ids=["TransformerNet", "CycleGAN"])
def test_networks_without_channels_are_unknown(network, tmp_path):
    """All tensors fit each other where the width is 0."""
    widths = (5, 10, 20)
    state = {
        name: torch.zeros([0 if size in widths else size for size in tensor.shape])
        for name, tensor in network.state_dict().items()
    }
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(UserError, match=r"tensors of an unknown network: .* 0 x 3 x"):
        convert_pytorch(tmp_path / "net.pth")


def test_files_without_tensors_are_named(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "net.pth")
    with pytest.raises(UserError, match="contains no named tensors"):
        convert_pytorch(tmp_path / "net.pth")


def test_arrays_of_numpy_are_told_from_tensors(tmp_path):
    state = trained(TransformerNet()).state_dict()
    torch.save({"state": {name: tensor.numpy() for name, tensor in state.items()}}, tmp_path / "net.pth")
    with pytest.raises(UserError, match=r"net\.pth: contains arrays of NumPy and no tensors; .*torch\.from_numpy"):
        convert_pytorch(tmp_path / "net.pth")
    torch.save({"model": state, "history": np.zeros(3)}, tmp_path / "net.pth")
    assert convert_pytorch(tmp_path / "net.pth").entry == "model"


def test_summary_lists_the_tensors(tmp_path):
    torch.save({"a": {"b\x1b[2J": torch.zeros(2, 3)}, "c": torch.tensor(1)}, tmp_path / "net.pth")
    lines = summarize(tmp_path / "net.pth").splitlines()
    assert lines == ["c           scalar  Long", r"a.b\x1b[2J  2 x 3   Float", "tensors: 2"]


NAMES = ("gnsmrky_candy_nc16", "gnsmrky_candy_nc8", "gnsmrky_mosaic_nc8")


@pytest.mark.parametrize("name", NAMES)
def test_published_networks_agree(name, shared):
    path = shared / "fixtures" / "real" / "pytorch_style" / f"{name}.model"
    network = TransformerNet(int(name.partition("_nc")[2]), 5)
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    check(path, network.eval())


def test_published_network_agrees_with_its_authors_onnx_file(shared):
    import onnxruntime

    real = shared / "fixtures" / "real"
    session = onnxruntime.InferenceSession(real / "onnx_style" / "gnsmrky_candy_nc8_256x256.onnx")
    images = pictures(256, 256)[:1]
    (expected,) = session.run(None, {session.get_inputs()[0].name: images.transpose(0, 3, 1, 2) * 255})
    expected = expected.transpose(0, 2, 3, 1) / 255
    found = np.asarray(convert_pytorch(real / "pytorch_style" / "gnsmrky_candy_nc8.model").model(images))
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
