"""Damaged and hostile archives of TorchScript end in one-line errors, soon, and nothing of them is run by Python."""

import builtins
import textwrap
import time
import zipfile

import pytest
import torch
from torch import nn

from convert.pytorch.programs import elementwise
from convert.pytorch.programs.network import convert_program
from convert.pytorch.programs.script import calls, interpreter
from errors import UserError

CODE = "net/code/__torch__.py"


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 2, 3)
        self.number = 3

    def forward(self, x):
        return self.convolution(x) * self.number


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """Return the members of an archive of a network that converts."""
    path = tmp_path_factory.mktemp("plain") / "net.pt"
    torch.jit.script(Plain().eval()).save(path)
    with zipfile.ZipFile(path) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    code = next(name for name in found if name.startswith("net/code/") and b"class Plain" in found[name])
    pickle = found["net/data.pkl"]
    module = code.removeprefix("net/code/").removesuffix(".py").replace("/", ".").encode()
    found["net/data.pkl"] = pickle.replace(module + b"\nPlain\n", b"__torch__\nPlain\n")
    found[CODE] = found.pop(code)
    return found


def converted(members, folder):
    path = folder / "net.pt"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return convert_program(path, [(3, 16, 16)])


def refused(members, folder):
    """Return the message for an archive."""
    begin = time.monotonic()
    with pytest.raises(UserError) as caught:
        converted(members, folder)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(folder / "net.pt"))
    assert len(message) < 700
    assert message.isprintable()
    assert time.monotonic() - begin < 60
    return message.removeprefix(f"{folder / 'net.pt'}: ")


def with_body(members, body, *, parameters="x: Tensor", more=""):
    lines = textwrap.indent(textwrap.dedent(body), "    ")
    code = f"class Plain(Module):\n  def forward(self: __torch__.Plain, {parameters}) -> Tensor:\n{lines}\n{more}"
    return {**members, CODE: code}


def test_the_archive_itself_converts(members, tmp_path):
    assert converted(members, tmp_path).model.output_shape == (None, 14, 14, 2)
    assert converted(with_body(members, "return x"), tmp_path).tensors == 2


@pytest.mark.parametrize("name", ["net/data.pkl", "net/constants.pkl", CODE, "net/data/0"])
def test_missing_members(name, members, tmp_path):
    refused({member: data for member, data in members.items() if member != name}, tmp_path)


@pytest.mark.parametrize("name", ["net/data.pkl", "net/constants.pkl", CODE, "net/data/0"])
@pytest.mark.parametrize("data", [b"", b"\x80\x02}.", b"\x80\x02N.", b"\0" * 50, b"cos\nsystem\n(S'true'\ntR."])
def test_other_members(name, data, members, tmp_path):
    refused({**members, name: data}, tmp_path)


def test_archives_of_the_first_versions(members, tmp_path):
    old = {"net/model.json": b"{}", "net/tensors/0": b"", CODE: b""}
    assert "a TorchScript archive of PyTorch 1.3 or older" in refused(old, tmp_path)
    assert "it holds no program" in refused({"net/data.pkl": b"\x80\x02}."}, tmp_path)


SYNTAX = [
    "import os\nreturn x",
    "from os import system\nreturn x",
    "global x\nreturn x",
    "return (lambda: x)()",
    "return [x for y in [1]]",
    "return x if True else x",
    "return x + x",
    "return f'{x}'",
    "return (y := x)",
    "with x:\n  pass\nreturn x",
    "try:\n  pass\nexcept:\n  pass\nreturn x",
    "del x\nreturn x",
    "def inner():\n  pass\nreturn x",
    "class Inner:\n  pass\nreturn x",
    "yield x",
    "await x",
    "return torch.cat(*[x])",
    "return torch.relu(**{'self': x})",
    "x += 1\nreturn x",
    "x, *y = [x, x]\nreturn x",
    "[x][0] = x\nreturn x",
    "for y in [1]:\n  pass\nreturn x",
    "return b'x'",
    "return ...",
    "return 1j",
    "return not x",
    "return {**{}}",
]


@pytest.mark.parametrize("body", SYNTAX)
def test_syntax_that_torchscript_does_not_print(body, members, tmp_path):
    message = refused(with_body(members, body), tmp_path)
    assert "which TorchScript does not print here" in message or "cannot be read" in message


NAMES = [
    "return eval('x')",
    "return exec('x')",
    "return open('/etc/passwd')",
    "return __import__('os')",
    "return os.system('true')",
    "return getattr(x, '__class__')",
    "return getattr(self, '__class__')",
    "return getattr(self, '__dict__')",
    "return self.attributes",
    "return self.kind",
    "return x.tensor",
    "return x.__class__.__mro__",
    "return (x).numpy()",
    "return (self).__init_subclass__()",
    "return 'x'.format(x)",
    "return [].append",
    "return ([]).append(x)",
    "return torch.ops.aten.relu(x)",
    "return torch.__dict__",
    "return torch.load('x')",
    "return torch.hub.load('x')",
    "return torch.from_file('/etc/passwd')",
    "return ops.prim.PythonOp(x)",
    "return ops.python.exec(x)",
    "return ops.aten.__class__(x)",
    "return CONSTANTS.c0",
    "return CONSTANTS.__class__",
    "return __torch__.os.system('true')",
    "return __torch__(x)",
    "return __torch__.Plain(x)",
    "return self.forward",
    "return (self.convolution)(x)",
    "return undefined",
    "return print(x)",
    "return range(3)",
    "return int",
    "return getattr(self, 'number', 1)",
    "return torch.relu",
    "return torch._set_item",
]


@pytest.mark.parametrize("body", NAMES)
def test_names_beyond_the_program(body, members, tmp_path, monkeypatch):
    monkeypatch.setattr(builtins, "eval", pytest.fail)
    refused(with_body(members, body), tmp_path)


TYPES = [
    "return torch.relu(3)",
    "return torch.relu('x')",
    "return torch.relu([x, [x]])",
    "return torch.relu({'a': x})",
    "return torch.relu(self)",
    "return torch.relu()",
    "return torch.relu(x, x, x)",
    "return torch.relu(x, nothing=1)",
    "return torch.add('x', 1)",
    "return torch.add([1], 1)",
    "return torch.div(1, 0)",
    "return torch.sqrt(-1)",
    "return torch.format(1)",
    "return torch.append(1, x)",
    "return [x][3]",
    "return [x]['a']",
    "return {'a': x}['b']",
    "return {x: x}['b']",
    "return {self: x}",
    "return x[0]",
    "return self[0]",
    "return int('x')",
    "return int(inf)",
    "return int(self)",
    "return int(x, x)",
    "return torch.size(3)",
    "return torch.size(x, 9)",
    "return torch.dim([x])",
    "return torch.tensor([[1], [1, 2]])",
    "return torch.tensor([self])",
    "return torch.item(x)",
    "return torch.slice([x], 'a')",
    "return torch.cat(x)",
    "return torch.cat([x, 3])",
    "return torch.cat([])",
    "return torch.conv2d(x, 1, None)",
    "return torch.conv2d(x, 'x')",
    "return torch.reshape(x, [self])",
    "return torch.zeros([1000000, 1000000])",
    "return ops.prim.min([])",
    "return ops.prim.NumToTensor('x')",
    "return ops.prim.NumToTensor([x])",
    "return ops.prim.dtype(3)",
    "a, b = [x]\nreturn a",
    "a, b = x\nreturn a",
    "x.y = 3\nreturn x",
    "if [x]:\n  pass\nreturn [1]",
    "for y in range('x'):\n  pass\nreturn x",
    "for y in range(x):\n  pass\nreturn x",
    "return 3",
    "return 'x'",
    "return self",
    "return None",
    "return []",
    "pass",
    "return torch.zeros([2])",
    "ops.prim.RaiseException('wrong\\n\\x1b[2J' )\nreturn x",
    "raise x",
    "return isinstance(x, os.path)",
    "return isinstance(x, 3)",
    "return annotate(x)",
    "return (self).forward()",
    "return (self).forward(x, x, x)",
    "return (self).forward(x, y=x)",
    "return (self).nothing(x)",
    "return torch.mul(torch.size(x, 0))",
    "return torch.mul(3, torch.size(x, 0), 3)",
    "return torch.floordiv(torch.size(x, 0), 0)",
    "return torch.eq(torch.size(x, 0))",
    "return torch.pow(torch.size(x, 0), 'x')",
    "return torch.append(torch.size(x, 0), 1)",
    "return torch.zeros([torch.mul(torch.size(x, 0), inf)])",
    "return [x][torch.size(x, 0)]",
    "return torch.format('{}', torch.size(x, 0), x, self)",
    "return torch.reshape(x, [torch.div(torch.size(x, 0), 0), torch.exp(torch.size(x, 0))])",
    "return torch.reshape(x, [torch.size(x, 0), torch.size(x, 2), torch.div(torch.size(x, 0), 2)])",
    "while torch.size(x, 0):\n  pass\nreturn x",
    "for y in range(x):\n  pass\nreturn x",
    "if torch.size(x, 0):\n  y = 1\nelse:\n  y = x\nreturn x",
]


@pytest.mark.parametrize("body", TYPES)
def test_wrong_types(body, members, tmp_path):
    refused(with_body(members, body), tmp_path)


LOOPS = [
    "while True:\n  pass\nreturn x",
    "for y in range(9223372036854775807):\n  pass\nreturn x",
    "while True:\n  x = torch.relu(x)\nreturn x",
    "return (self).forward(x)",
    "y = [1]\nwhile True:\n  y = torch.add(y, y)\nreturn x",
    "y = 'a'\nwhile True:\n  y = torch.add(y, y)\nreturn x",
    "y = 2\nwhile True:\n  y = torch.mul(y, y)\nreturn x",
    "y = torch.pow(9, torch.pow(9, 9))\nreturn x",
    "y = torch.mul([1], 1000000000000)\nreturn x",
    "y = torch.mul('a', 1000000000000)\nreturn x",
    "y = torch.__lshift__(1, 1000000000000)\nreturn x",
    "y = 'a{}{}'\nwhile True:\n  y = torch.format(y, y, y)\nreturn x",
    "y = [1]\nwhile True:\n  torch.append(y, 1)\nreturn x",
    "y = [1]\nwhile True:\n  y = [y, y]\nreturn x",
    "y = [x]\nfor i in range(100):\n  y = [y, y]\nreturn y",
    "y = [x]\ntorch.append(y, y)\nreturn y",
    "y = [1]\nfor i in range(100):\n  y = [y, y]\nreturn torch.eq(y, y)",
    "y = [1]\nfor i in range(100):\n  y = [y, y]\nreturn torch.reshape(x, y)",
    "y = [1]\nfor i in range(100):\n  y = [y, y]\nreturn torch.format('{}', y)",
    "y = [1]\nfor i in range(100):\n  y = [y, y]\nreturn torch.tensor(y)",
    "return torch.add(torch.zeros([131072, 1]), torch.zeros([1, 131072]))",
    "return torch.matmul(torch.zeros([131072, 1]), torch.zeros([1, 131072]))",
    "return torch.repeat(torch.zeros([131072]), [4000, 4000])",
    "return torch.repeat(x, [1, 1000000000, 1, 1])",
    "return torch.expand(torch.zeros([1, 1, 1]), [131072, 131072, 3])",
    "y = torch.zeros([1024])\nwhile True:\n  y = torch.cat([y, y])\nreturn x",
    "y = torch.zeros([4096, 4096])\nwhile True:\n  y = torch.add(y, 1)\nreturn x",
]


@pytest.mark.parametrize("body", LOOPS)
def test_endless_work(body, members, tmp_path, monkeypatch):
    monkeypatch.setattr(interpreter, "MAX_STEPS", 100_000)
    monkeypatch.setattr(calls, "MAX_OPERATORS", 1000)
    monkeypatch.setattr(calls, "MAX_NUMBERS", 1 << 27)
    monkeypatch.setattr(elementwise, "MAX_CONSTANT", 1 << 24)
    refused(with_body(members, body), tmp_path)


def test_mutual_recursion(members, tmp_path):
    more = (
        "def f(x: Tensor) -> Tensor:\n  return __torch__.g(x)\ndef g(x: Tensor) -> Tensor:\n  return __torch__.f(x)\n"
    )
    assert "calls within each other" in refused(with_body(members, "return __torch__.f(x)", more=more), tmp_path)


DEEP = {
    "parentheses": "return " + "(" * 5000 + "x" + ")" * 5000,
    "calls": "return " + "torch.relu(" * 90 + "x" + ")" * 90 + "[0]",
    "attributes": "return self" + ".convolution" * 20000,
    "signs": "return " + "-" * 20000 + "1",
    "items": "return x" + "[0]" * 20000,
    "number": "return " + "9" * 20000,
    "conditions": "\n".join("  " * depth + "if True:" for depth in range(90)) + "\n" + "  " * 90 + "return 3",
}


@pytest.mark.parametrize("case", DEEP)
def test_deep_code(case, members, tmp_path):
    refused(with_body(members, DEEP[case]), tmp_path)


def test_much_code(members, tmp_path):
    assert "cannot be read" in refused(with_body(members, "pass\n" * 1_000_000), tmp_path)


def test_signatures(members, tmp_path):
    assert "something else than tensors: x" in refused(with_body(members, "return x", parameters="x: int"), tmp_path)
    assert "something else" in refused(with_body(members, "return x", parameters="x"), tmp_path)
    for parameters in ("*x", "**x", "*, x: Tensor", "x: Tensor, /"):
        refused(with_body(members, "return x", parameters=parameters), tmp_path)
    assert "no class" in refused({**members, CODE: "x = 1"}, tmp_path)
    assert "no method forward" in refused({**members, CODE: "class Plain:\n  pass"}, tmp_path)


def test_objects_that_hold_themselves(members, tmp_path):
    # An object whose attribute `number` is a list that holds itself.
    pickle = b"\x80\x02c__torch__\nPlain\n)\x81}X\x06\x00\x00\x00number]q\x01h\x01asb."
    message = refused(with_body({**members, "net/data.pkl": pickle}, "return self.number"), tmp_path)
    assert "more than 256 tensors" in message
