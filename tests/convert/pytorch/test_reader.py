"""What torch.save and safetensors write is read as torch.load reads it."""

import argparse
from collections import Counter, OrderedDict, defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from convert.pytorch.reader import read_pytorch
from convert.pytorch.tensors import Tensor
from convert.pytorch.unpickler import Unread
from errors import UserError

FORMATS = {
    "zip": {},
    "legacy": {"_use_new_zipfile_serialization": False},
    "protocol 4": {"pickle_protocol": 4},
    "legacy protocol 4": {"_use_new_zipfile_serialization": False, "pickle_protocol": 4},
}
BASE = torch.arange(24.0).reshape(4, 6)


def assert_same(found, expected):
    if isinstance(expected, torch.Tensor):
        assert isinstance(found, Tensor)
        plain = expected.detach().float() if expected.dtype == torch.bfloat16 else expected.detach()
        np.testing.assert_array_equal(found.array(), plain.numpy())
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_same(found[key], value)
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        assert found == expected


def checkpoint():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.rand(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    return {"epoch": 3, "state_dict": network.state_dict(), "optimizer": optimizer.state_dict(), "best": 0.5, "x": None}


@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize(
    "value",
    [
        checkpoint(),
        {"transposed": BASE.t(), "part": BASE[1:, ::2], "shared": BASE, "repeated": torch.tensor([3.0]).expand(4, 2)},
        {"half": BASE.half(), "bfloat16": BASE.bfloat16(), "double": BASE.double(), "long": BASE.long()},
        {"byte": BASE.byte(), "int": BASE.int(), "bool": BASE > 3, "complex": torch.complex(BASE, BASE)},
        {"empty": torch.zeros(0, 3), "scalar": torch.tensor(5), "parameter": nn.Parameter(BASE)},
        [BASE, (1, "x", True, -(2**40), 2.5, {"size": torch.Size([1, 2])})],
        OrderedDict(b=BASE, a=defaultdict(list)),
    ],
    ids=["checkpoint", "views", "floats", "others", "odd", "list", "dicts"],
)
def test_values_are_torchs(value, options, tmp_path):
    torch.save(value, tmp_path / "file.pth", **options)
    assert_same(read_pytorch(tmp_path / "file.pth"), value)


@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
def test_what_a_script_keeps_beside_is_passed_over(options, tmp_path):
    value = {"options": argparse.Namespace(size=3), "best": np.float64(0.5), "device": torch.device("cpu"), "w": BASE}
    value |= {"losses": np.arange(3.0), "milestones": Counter([2, 3]), "file": Path("a.jpg"), "seen": {1, 2}}
    value |= {"started": datetime(2017, 1, 2), "type": torch.float16, "took": timedelta(3), "root": 1j}
    value |= {"version": torch.torch_version.TorchVersion("2.1"), "steps": range(3), "part": slice(2)}
    torch.save(value, tmp_path / "file.pth", **options)
    found = read_pytorch(tmp_path / "file.pth")
    assert_same(found.pop("w"), BASE)
    assert set(found) == set(value) - {"w"}
    assert all(isinstance(value, Unread) for value in found.values())


def test_safetensors_are_read(tmp_path):
    value = {"a": BASE, "b": BASE.bfloat16(), "c": BASE.half(), "d": torch.tensor(3), "e": torch.zeros(0, 2)}
    save_file(value, tmp_path / "file.safetensors")
    assert_same(read_pytorch(tmp_path / "file.safetensors"), {name: value[name] for name in sorted(value)})


def test_versions_of_modules_are_kept(tmp_path):
    torch.save(nn.BatchNorm2d(2).state_dict(), tmp_path / "file.pth")
    assert read_pytorch(tmp_path / "file.pth").metadata == {"": {"version": 2}}


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}], ids=["zip", "legacy"])
def test_whole_models_are_named(options, tmp_path):
    torch.save(nn.Sequential(nn.ReLU()), tmp_path / "file.pth", **options)
    with pytest.raises(UserError, match=r"file\.pth: .*torch\.nn\.modules\.container\.Sequential.*model\.state_dict"):
        read_pytorch(tmp_path / "file.pth")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8), "quantised"),
        (lambda x: x.to_sparse(), "sparse"),
        (lambda x: x.to("meta"), "meta"),
        (lambda x: x.to(torch.float8_e4m3fn), "8-bit float or wide unsigned"),
        (lambda x: torch.nested.nested_tensor([x, x]), "nested"),
        (lambda x: (torch.quint8, x), "quantised"),  # as a quantised layer writes its type before its weight
    ],
)
def test_tensors_of_other_kinds_are_named(make, kind, tmp_path):
    torch.save({"conv1.weight": make(torch.eye(3))}, tmp_path / "file.pth")
    with pytest.raises(UserError, match=rf"file\.pth: .*it holds {kind} tensors, .*save dense"):
        read_pytorch(tmp_path / "file.pth")


def test_views_with_another_sign_are_refused(tmp_path):
    """Files hold the numbers as they were, and that they count negated."""
    torch.save({"conv1.weight": torch._neg_view(torch.ones(3))}, tmp_path / "file.pth")
    assert torch.load(tmp_path / "file.pth")["conv1.weight"].tolist() == [-1, -1, -1]
    with pytest.raises(UserError, match=r"file\.pth: .*not a plain view of a storage"):
        read_pytorch(tmp_path / "file.pth")


def test_torchscript_is_named(tmp_path):
    torch.jit.script(nn.Sequential(nn.ReLU())).save(tmp_path / "file.pt")
    with pytest.raises(UserError, match="a TorchScript archive, which holds a program"):
        read_pytorch(tmp_path / "file.pt")


def test_other_files_are_named(tmp_path):
    (tmp_path / "a.pth").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    with pytest.raises(UserError, match=r"a\.pth is a PNG picture, neither a PyTorch file nor safetensors"):
        read_pytorch(tmp_path / "a.pth")
    with pytest.raises(UserError, match="no such file"):
        read_pytorch(tmp_path / "b.pth")


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}], ids=["zip", "legacy"])
def test_cut_files_are_refused(options, tmp_path):
    torch.save({"weight": torch.rand(1000)}, tmp_path / "whole.pth", **options)
    data = (tmp_path / "whole.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"cut\.pth"):
        read_pytorch(tmp_path / "cut.pth")


def test_damaged_numbers_are_refused(tmp_path):
    torch.save({"weight": torch.rand(1000)}, tmp_path / "whole.pth")
    data = bytearray((tmp_path / "whole.pth").read_bytes())
    at = data.index(b"data/0") + 2000
    data[at] ^= 255
    (tmp_path / "damaged.pth").write_bytes(data)
    tensor = read_pytorch(tmp_path / "damaged.pth")["weight"]
    with pytest.raises(ValueError, match="CRC"):
        tensor.array()


def test_published_files_are_torchs(shared):
    files = sorted((shared / "fixtures" / "real" / "pytorch_style").glob("*.model"))
    assert len(files) >= 3
    for path in files:
        assert_same(read_pytorch(path), torch.load(path, map_location="cpu", weights_only=True))
