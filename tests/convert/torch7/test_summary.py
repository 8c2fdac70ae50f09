"""The printed module tree."""

import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from support.torch7_cases import CASES, SHIPPED
from support.torch7_writer import module, table, tensor

from convert.torch7.file.reader import read_t7
from convert.torch7.file.values import LuaFunction, LuaTable, TorchObject, TorchTensor
from convert.torch7.summary import describe, summary


def parameter_count(value):
    """Count what Torch7's Module:parameters() returns: weight and bias, through `modules`, each storage place once."""
    found, pending = {}, [value.get("model") if isinstance(value, LuaTable) else value]
    while pending:
        item = pending.pop()
        for name in ("weight", "bias"):
            parameter = item.get(name)
            if isinstance(parameter, TorchTensor):
                found[id(parameter.storage), parameter.offset] = parameter.array.size
        modules = item.get("modules")
        pending += modules.sequence() if modules else []
    return sum(found.values())


def printed_types(case):
    """Return the modules as Torch7 prints them, which leaves out what is inside a gModule."""
    text = case.path.with_suffix(".txt").read_text()
    return sorted(re.findall(r"\bnn\.\w+", text))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_parameters_of_every_case(case):
    value = read_t7(case.path)
    assert summary(value).splitlines()[-1].endswith(f" modules, {parameter_count(value):,} parameters")


@pytest.mark.parametrize("case", [case for case in CASES if not case.name.startswith("g_")], ids=str)
def test_modules_as_torch7_prints_them(case):
    lines = [line for line in summary(read_t7(case.path)).splitlines() if "not counted" not in line]
    types = [match[1] for line in lines if (match := re.match(r" *(?:model: |pooling: |\[\d+\] )?(nn\.\w+)", line))]
    assert sorted(types) == printed_types(case)


def test_a_network():
    assert summary(read_t7(SHIPPED / "m_paralleltable.t7")) == (
        "nn.Sequential; 236 parameters\n"
        "  [0] nn.ConcatTable; 12 parameters\n"
        "    [0] nn.Identity\n"
        "    [1] nn.SpatialConvolution; 3 -> 3, kernel 1x1, stride 1x1, padding 0x0; weight 3x3x1x1, bias 3;"
        " 12 parameters\n"
        "  [1] nn.ParallelTable; 224 parameters\n"
        "    [0] nn.SpatialConvolution; 3 -> 4, kernel 3x3, stride 1x1, padding 1x1; weight 4x3x3x3, bias 4;"
        " 112 parameters\n"
        "    [1] nn.Sequential; 112 parameters\n"
        "      [0] nn.SpatialConvolution; 3 -> 4, kernel 3x3, stride 1x1, padding 1x1; weight 4x3x3x3, bias 4;"
        " 112 parameters\n"
        "      [1] nn.ReLU; inplace true, threshold 0, val 0\n"
        "  [2] nn.CAddTable\n"
        "10 modules, 236 parameters"
    )


def test_sizes_are_height_x_width():
    fields = {"kH": 1, "kW": 2, "dH": 3, "dW": 4, "padH": 5, "padW": 6, "dilationH": 7, "dilationW": 8}
    text = summary(module("nn.Foo", **fields, adjH=9, adjW=10))
    assert "kernel 1x2, stride 3x4, padding 5x6, dilation 7x8, adjustment 9x10" in text
    text = summary(module("nn.Foo", pad_l=1, pad_r=2, pad_t=3, pad_b=4))
    assert "left/right/top/bottom 1/2/3/4" in text


def test_graphs_say_where_inputs_come_from():
    lines = summary(read_t7(SHIPPED / "g_gmodule_nested.t7")).splitlines()
    assert lines[1] == "  [0] nn.Identity; from the input"
    assert lines[3] == "  [2] nn.gModule; verbose false, nInputs 1; 460 parameters; from [1]"
    assert lines[9] == "    [3] nn.CAddTable; from [0], [2]"


def test_split_nodes_of_graphs():
    """A node without module that splits the output of one module for two others."""
    first, second, third = (module("nn.Identity") for _ in range(3))
    inside = table(mapindex=table())
    one = table(module=first, mapindex=table(inside))
    split = table(mapindex=table(one), nSplitOutputs=2)
    parts = [table(mapindex=table(split), selectindex=i) for i in (1, 2)]
    data = [one, table(module=second, mapindex=table(parts[0])), table(module=third, mapindex=table(parts[1]))]
    nodes = [module("nngraph.Node", data=item) for item in [inside, split, *parts, *data]]
    graph = module("nn.gModule", modules=table(first, second, third), forwardnodes=table(*nodes))
    lines = summary(graph).splitlines()
    assert lines[1:4] == [
        "  [0] nn.Identity; from the input",
        "  [1] nn.Identity; from [0] output 1",
        "  [2] nn.Identity; from [0] output 2",
    ]


def test_graphs_that_run_in_circles():
    data = table()
    data["mapindex"] = table(data)
    graph = module("nn.gModule", forwardnodes=table(module("nngraph.Node", data=data), 5, module("nn.Foo")))
    assert summary(graph) == "nn.gModule\n1 modules, 0 parameters"


def test_checkpoints():
    lines = summary(read_t7(SHIPPED / "fns_zero_bn_ckpt.t7")).splitlines()
    assert "  train_loss_history: {3.5, 2.25, 1.125}" in lines
    assert '    padding_type: "zero"' in lines
    assert "  model: nn.Sequential; 18,651 parameters" in lines
    assert lines[-1] == "40 modules, 18,651 parameters"


def test_shared_modules_and_weights_count_once():
    weight = tensor(np.zeros((3, 4)))
    view = TorchTensor("torch.FloatTensor", weight.array, weight.storage, 0, (3, 4), (4, 1))
    one, other = module("nn.Linear", weight=weight), module("nn.Linear", weight=view)
    text = summary(module("nn.Sequential", modules=table(one, other, one)))
    assert text == (
        "nn.Sequential; 12 parameters\n"
        "  [0] nn.Linear; weight 3x4; 12 parameters\n"
        "  [1] nn.Linear; weight 3x4 (shared)\n"
        "  [2] nn.Linear; shared, see modules[0]\n"
        "3 modules, 12 parameters"
    )


def test_unknown_modules():
    """Modules in fields of any name count, but for those beside weights, which are for work alone."""
    inner = module("nn.Bar", weight=tensor(np.zeros(5), "Half"))
    assert summary(module("my.Foo", net=inner, branches=table(module("nn.Baz", bias=tensor(np.zeros(2)))))) == (
        "my.Foo; 7 parameters\n"
        "  net: nn.Bar; weight 5 Half; 5 parameters\n"
        "  branches: a table of 1 entries\n"
        "    [1]: nn.Baz; bias 2; 2 parameters\n"
        "3 modules, 7 parameters"
    )
    norm = read_t7(SHIPPED / "m_instancenorm_tn.t7")
    assert "bn: nn.SpatialBatchNormalization" in summary(norm)
    assert summary(norm).endswith("not counted\n2 modules, 10 parameters")


def test_values_that_are_no_modules():
    storage = tensor(np.arange(3), "Long").storage
    assert summary(tensor(np.zeros((2, 3)))) == "torch.FloatTensor 2x3\n0 modules, 0 parameters"
    assert summary(None) == "nil\n0 modules, 0 parameters"
    assert describe(storage) == "torch.LongStorage of 3 numbers"
    assert describe(LuaFunction(5)) == "a Lua function (never run)"
    assert summary(table(5, "a", True)) == '{5, "a", true}\n0 modules, 0 parameters'
    view = module("nn.View", size=storage, numElements=6)
    assert summary(view) == "nn.View; numElements 6, size 0x1x2\n1 modules, 0 parameters"


def test_cycles_end():
    loop = module("nn.Sequential")
    loop.fields["modules"] = table(loop, table(loop), table(loop.fields))
    loop.fields["me"] = loop
    assert summary(TorchObject("nn.Top", LuaTable({loop: loop, "loop": loop}))) == (
        "nn.Top\n"
        "  loop: nn.Sequential\n"
        "    [0] nn.Sequential; shared, see loop\n"
        "    [1] a table of 1 entries\n"
        "      [1]: nn.Sequential; shared, see loop\n"
        "    [2] a table of 1 entries\n"
        "      [1]: a table of 2 entries\n"
        "        modules: a table of 3 entries\n"
        "          [1]: nn.Sequential; shared, see loop\n"
        "          [2]: a table of 1 entries; shared, see loop.modules[1]\n"
        "          [3]: a table of 1 entries; shared, see loop.modules[2]\n"
        "        me: nn.Sequential; shared, see loop\n"
        "    me: nn.Sequential; shared, see loop; not counted\n"
        "2 modules, 0 parameters"
    )


def test_needs_neither_keras_nor_tensorflow():
    program = (
        "import sys\n"
        "from convert.torch7.file.reader import read_t7\n"
        "from convert.torch7.summary import summary\n"
        "summary(read_t7(sys.argv[1]))\n"
        "assert not {'keras', 'tensorflow', 'torch', 'scipy', 'torchfile'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program, SHIPPED / "m_bn.t7"], cwd=ROOT, check=True)
