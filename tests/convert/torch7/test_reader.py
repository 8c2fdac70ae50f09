"""Sound Torch7 files: against torchfile, against themselves written again, and in every format and type."""

import struct
import time

import numpy as np
import pytest
import torchfile
from support.torch7_cases import CASES, SHIPPED
from support.torch7_writer import module, table, tensor, write_t7

from convert.torch7.file.reader import read_t7
from convert.torch7.file.storages import STORAGE_KINDS, TENSOR_KINDS
from convert.torch7.file.values import LuaFunction, LuaTable, TorchObject, TorchStorage, TorchTensor

BINARY_CASES = [case for case in CASES if case.mode == "binary"]
# Functions are not kept, so that a file with some cannot be written again.
WRITABLE_CASES = [case for case in CASES if case.name != "m_contiguous_copy"]


@pytest.fixture
def reread(tmp_path):
    """Write a value and read it again."""

    def write_and_read(value, **options):
        return read_bytes(tmp_path, write_t7(value, **options))

    return write_and_read


def read_bytes(folder, data):
    path = folder / "model.t7"
    path.write_bytes(data)
    return read_t7(path)


def plain(value):
    """Return what torchfile would return for something that is no container."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, TorchTensor | TorchStorage):
        return value.array
    return (value.code_size,) if isinstance(value, LuaFunction) else value


def assert_same(ours, theirs):
    """Compare what `read_t7` and torchfile read, whatever refers to whatever."""
    pending, seen, tensors = [(ours, theirs)], {}, 0
    while pending:
        ours, theirs = pending.pop()
        if isinstance(ours, LuaTable | TorchObject | TorchStorage | TorchTensor):
            if id(theirs) in seen:
                assert seen[id(theirs)] is ours
                continue
            seen[id(theirs)] = ours
        if isinstance(ours, TorchObject):
            assert (ours.type_name.encode(), ours.version) == (theirs._typename, theirs._version_number)
            ours, theirs = ours.fields, theirs._obj
        if isinstance(ours, LuaTable):
            assert len(ours) == len(theirs)
            pairs = zip(ours.items(), theirs.items(), strict=True)
            pending += [pair for one, other in pairs for pair in zip(one, other, strict=True)]
        elif isinstance(ours, TorchTensor | TorchStorage):
            tensors += 1
            np.testing.assert_array_equal(ours.array, theirs, strict=ours.array.size > 0)
        else:
            value = theirs[:1] if isinstance(ours, LuaFunction) else theirs
            assert plain(ours) == value
            assert isinstance(value, type(plain(ours)))
    return tensors


@pytest.mark.parametrize("case", BINARY_CASES, ids=str)
def test_agrees_with_torchfile(case):
    theirs = torchfile.load(str(case.path), use_list_heuristic=False)
    assert assert_same(read_t7(case.path), theirs) > 0


@pytest.mark.parametrize("case", WRITABLE_CASES, ids=str)
def test_every_byte_is_understood(case):
    """Written again, a file is the same to the byte (but for the sign of NaN)."""
    written = write_t7(read_t7(case.path), mode=case.mode)
    sound = case.path.read_bytes()
    assert written == (sound if case.mode == "binary" else sound.replace(b"-nan", b"nan"))


def flatten(value, path=""):
    """Return scalars and arrays by path, without gradients, which are whatever memory held when Torch7 ran."""
    fields = value.fields if isinstance(value, TorchObject) else value
    if not isinstance(fields, LuaTable):
        return {path: value.array if isinstance(value, TorchTensor) else value}
    flat = {}
    for name, item in fields.items():
        flat.update({} if str(name).startswith("grad") else flatten(item, f"{path}.{name}"))
    return flat


def test_ascii_equals_its_binary_twin():
    binary, ascii_ = (flatten(read_t7(SHIPPED / f"tn_johnson_small{end}.t7")) for end in ("", "_ascii"))
    assert binary.keys() == ascii_.keys()
    assert sum(path.endswith(".weight") for path in binary) == 28
    for path, value in binary.items():
        np.testing.assert_array_equal(value, ascii_[path], err_msg=path)


@pytest.mark.parametrize("options", [{"long_size": 4}, {"mode": "ascii"}], ids=str)
@pytest.mark.parametrize("case", [case for case in WRITABLE_CASES if case.path.stat().st_size < 60_000], ids=str)
def test_other_formats(reread, case, options):
    sound = read_t7(case.path)
    assert write_t7(reread(sound, **options), mode="ascii") == write_t7(sound, mode="ascii")


def test_double_stays_double(shared):
    model = read_t7(shared / "fixtures" / "torch7" / "tn_johnson_small_double.t7")
    assert model.get("modules")[2].get("weight").array.dtype == np.float64


@pytest.mark.parametrize("mode", ["binary", "ascii"])
@pytest.mark.parametrize("long_size", [8, 4])
@pytest.mark.parametrize("type_name", sorted(TENSOR_KINDS))
def test_tensor_types(reread, type_name, long_size, mode):
    numbers = np.arange(24).reshape(2, 3, 4)
    storage_name = type_name.replace("Tensor", "Storage")
    renamed = {"torch.IntTensor": type_name, "torch.IntStorage": storage_name}
    value = reread(tensor(numbers, "Int"), mode=mode, long_size=long_size, renamed=renamed)
    assert value.type_name == type_name
    assert value.storage.type_name == storage_name
    np.testing.assert_array_equal(value.array, numbers)
    sizes = {"Byte": 1, "Char": 1, "Short": 2, "Half": 2, "Int": 4, "Float": 4, "Long": 8, "Double": 8}
    expected = long_size if (TENSOR_KINDS[type_name], mode) == ("Long", "binary") else sizes[TENSOR_KINDS[type_name]]
    assert value.array.itemsize == expected
    assert len(STORAGE_KINDS) == len(TENSOR_KINDS) == 17


@pytest.mark.parametrize("mode", ["binary", "ascii"])
def test_negative_numbers_and_extremes(reread, mode):
    for kind, dtype in (("Char", "i1"), ("Short", "i2"), ("Int", "i4"), ("Long", "i8")):
        ends = [np.iinfo(dtype).min, -1, np.iinfo(dtype).max]
        assert reread(tensor(np.array(ends), kind), mode=mode).array.tolist() == ends
    floats = np.array([np.inf, -np.inf, np.nan, 1e-45, 3.4e38, -0.0], "f4")
    result = reread(tensor(floats), mode=mode).array
    np.testing.assert_array_equal(result, floats)
    assert np.signbit(result[-1])
    halves = np.array([6e-8, 65504, np.inf, -1.5])
    assert reread(tensor(halves, "Half"), mode=mode).array.tolist() == halves.astype("f2").tolist()


@pytest.mark.parametrize("mode", ["binary", "ascii"])
def test_plain_values(reread, mode):
    sound = table(
        None, 1, -2.5, 1e300, float("inf"), "", "text\nwith lines", "Stil \u00e4", True, False, table(), deep=table(1)
    )
    values = reread(sound, mode=mode)
    assert 1 not in values  # a nil is nothing in Lua
    found = [values[i] for i in range(2, 11)]
    assert found == [1, -2.5, 1e300, float("inf"), "", "text\nwith lines", "Stil \u00e4", True, False]
    assert [type(value) for value in found] == [int, float, float, float, str, str, str, bool, bool]
    assert values[11] == values[11] != values["deep"]
    assert values["deep"].sequence() == [1]
    assert values.sequence() == []


def test_whole_numbers_are_int_while_exact(reread):
    values = reread(table(2.0**53 - 1, 2.0**53, -0.0))
    assert [type(value) for value in values.values()] == [int, float, int]


def test_strings_that_are_not_utf8_can_be_printed(tmp_path):
    data = write_t7("abc").replace(b"abc", b"a\xff\x1b")
    assert read_bytes(tmp_path, data) == "a\\xff\x1b"


def test_sharing_and_cycles(reread):
    shared = tensor(np.arange(6.0))
    part = TorchTensor("torch.FloatTensor", shared.array[1:3], shared.storage, 1, (2,), (2,))
    node = module("nn.Node", weight=shared, again=shared, part=part)
    node.fields["self"] = node
    node.fields[node] = node.fields
    found = reread(node)
    assert found.get("self") is found
    assert found.get(found) is found.fields
    assert found.get("weight") is found.get("again")
    assert found.get("part").storage is found.get("weight").storage
    np.testing.assert_array_equal(found.get("part").array, [1, 3])
    assert np.shares_memory(found.get("part").array, found.get("weight").array)


def test_tensors_are_read_only_views_of_their_storage():
    model = read_t7(SHIPPED / "s_noncontiguous.t7")
    weight, bias = model.get("modules")[1].get("weight"), model.get("modules")[2].get("bias")
    assert weight.array.base is not None
    assert not weight.array.flags.c_contiguous
    assert (bias.stride, bias.offset > 0) == ((2,), True)
    for value in (weight, bias):
        assert not value.array.flags.writeable
        assert np.shares_memory(value.array, value.storage.array)
        assert value.array.shape == value.size


def test_expanded_tensors(reread):
    storage = TorchStorage("torch.FloatStorage", np.array([5, 7], "f4"))
    value = TorchTensor("torch.FloatTensor", storage.array, storage, 1, (1000, 1000), (0, 0))
    assert (reread(value).array == 7).all()


def test_stride_of_one_element_means_nothing(reread):
    storage = TorchStorage("torch.FloatStorage", np.array([5, 7], "f4"))
    value = TorchTensor("torch.FloatTensor", storage.array, storage, 0, (1, 2), (2**62, 1))
    assert reread(value).array.tolist() == [[5, 7]]


def test_empty_and_released_tensors(reread):
    nothing = TorchTensor("torch.FloatTensor", np.empty(0, "f4"))
    empty_storage = TorchStorage("torch.DoubleStorage", np.empty(0))
    released = TorchTensor("torch.DoubleTensor", np.empty(0), empty_storage, 0, (3, 4), (4, 1))
    for mode in ("binary", "ascii"):
        values = reread(table(nothing, released), mode=mode)
        assert values[1].array.shape == values[2].array.shape == (0,)
        assert values[1].storage is None
        assert values[2].size == (3, 4)


def test_class_versions(reread):
    old, new = TorchObject("nn.Old", table(), 0), TorchObject("nn.New", table(), 12)
    for mode in ("binary", "ascii"):
        values = reread(table(old, new), mode=mode)
        assert [(value.type_name, value.version) for value in values.values()] == [("nn.Old", 0), ("nn.New", 12)]
    assert {read_t7(SHIPPED / "o_bn_v1.t7").get("modules")[1].version} == {1}


@pytest.mark.parametrize("kind", [6, 7, 8])
def test_functions_are_skipped(tmp_path, kind):
    """Kind 6 has no number of its own (torch7's File.lua), 7 and 8 have and may refer to themselves."""
    number = b"" if kind == 6 else struct.pack("<i", 9)
    upvalues = write_t7(table(1.5)).replace(struct.pack("<ii", 3, 1), struct.pack("<ii", 3, 7), 1)
    function = struct.pack("<i", kind) + number + struct.pack("<i", 5) + b"\x1bLJ\x02\0" + upvalues
    data = struct.pack("<iii", 3, 20, 2) + write_t7("f") + function + write_t7("after") + write_t7(True)
    values = read_bytes(tmp_path, data)
    assert isinstance(values["f"], LuaFunction)
    assert (values["f"].code_size, values["f"].upvalues[1], values["after"]) == (5, 1.5, True)


def test_functions_in_real_files():
    copy = read_t7(SHIPPED / "m_contiguous_copy.t7").get("modules")[2]
    assert isinstance(copy.get("updateOutput"), LuaFunction)
    assert copy.type_name == "nn.Copy"


def test_reading_is_fast(shared):
    """6.7 MB take some 30 ms."""
    path = shared / "fixtures" / "torch7" / "tn_johnson_full.t7"
    times = []
    for _ in range(3):
        start = time.process_time()
        read_t7(path)
        times.append(time.process_time() - start)
    assert min(times) < 0.2


@pytest.mark.parametrize("names", [("tds.Hash", "tds.Vec"), ("tds_hash", "tds_vec")])
def test_tables_of_tds(tmp_path, names):
    """As hash.lua and vec.lua of torch/tds write them: a C long and that many pairs or values."""

    def opened(number, name, count):
        texts = b"".join(struct.pack("<i", len(text)) + text for text in (b"V 0", name.encode()))
        return struct.pack("<ii", 4, number) + texts + struct.pack("<q", count)

    vector = opened(2, names[1], 3) + write_t7(1.5) + write_t7(None) + write_t7("x")
    data = opened(1, names[0], 2) + write_t7("words") + vector + write_t7(7) + write_t7(True)
    value = read_bytes(tmp_path, data)
    assert list(value) == ["words", 7]
    assert value[7] is True
    assert dict(value["words"]) == {1: 1.5, 3: "x"}
