"""Torch7 files made to harm: each ends in success or one clear line, soon and with little memory."""

import re
import struct
import time
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest
from support.torch7_cases import SHIPPED
from support.torch7_writer import module, table, tensor, write_t7

from convert.torch7.file import reader
from convert.torch7.file.reader import MAX_OBJECTS, MAX_VALUES, read_t7
from convert.torch7.file.values import LuaTable, TorchObject, TorchStorage, TorchTensor
from convert.torch7.summary import MAX_ROWS, summary
from errors import UserError

HUGE = 2**62
UNFINISHED = ("objects", "keys", "upvalues", "old upvalues", "storages")


@contextmanager
def used():
    """Measure processor time and the peak of what Python allocates."""
    usage, start = {}, time.process_time()
    tracemalloc.start()
    try:
        yield usage
        usage["seconds"] = time.process_time() - start
        usage["peak"] = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture
def model(tmp_path):
    """Write bytes and return the path."""

    def write(data):
        path = tmp_path / "model.t7"
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def refused(model):
    """Return the message with which a file is refused, one line that names the file and a byte."""

    def read(data):
        path = model(data)
        with used() as usage, pytest.raises(UserError) as caught:
            read_t7(path)
        message = str(caught.value)
        assert "\n" not in message
        assert len(message) < 500
        assert message.startswith(f"{path}: byte ")
        assert usage["seconds"] < 5
        assert usage["peak"] < 60 * len(data) + 1_000_000
        return message

    return read


def strange_tensor(size, stride, offset=0, stored=6):
    storage = TorchStorage("torch.FloatStorage", np.zeros(stored, "f4"))
    return TorchTensor("torch.FloatTensor", storage.array, storage, offset, size, stride)


@pytest.mark.parametrize("mode", ["binary", "ascii"])
@pytest.mark.parametrize(
    ("size", "stride", "offset", "message"),
    [
        ((7,), (1,), 0, "size [7] that reaches element 7 of its storage, expected at most 6"),
        ((2, 3), (4, 1), 0, "reaches element 7"),
        ((1,), (1,), 6, "reaches element 7"),
        ((2,), (HUGE,), 0, "reaches element"),
        ((HUGE,), (1,), 0, "reaches element"),
        ((HUGE, HUGE), (HUGE, HUGE), HUGE, "reaches element"),
        ((2,), (-1,), 3, "strides of 0 or more"),
        ((-2,), (1,), 0, "sizes of 1 or more"),
        ((0, HUGE), (1, 1), 0, "sizes of 1 or more"),
        ((0,) * 32, (0,) * 32, 0, "sizes of 1 or more"),
        ((2,), (1,), -1, "storage offset 0, expected 1 or more"),
        ((2,), (1,), -HUGE, "expected 1 or more"),
        ((HUGE,), (0,), 0, "much larger than the numbers stored"),
        ((2**13, 2**13), (0, 0), 0, "much larger than the numbers stored"),
        (tuple([2] * 32), tuple([0] * 32), 0, "much larger than the numbers stored"),
        (tuple([1] * 33), tuple([1] * 33), 0, "33 dimensions, expected 0 to 32"),
    ],
)
def test_sizes_and_strides(refused, mode, size, stride, offset, message):
    assert message in refused(write_t7(strange_tensor(size, stride, offset), mode=mode))


def test_many_tensors_on_one_storage_are_bounded(refused):
    """Each is small enough, but not what all of them would take when copied."""
    storage = TorchStorage("torch.FloatStorage", np.zeros(1000, "f4"))
    views = [TorchTensor("torch.FloatTensor", storage.array, storage, 0, (1000, 1000), (0, 1)) for _ in range(100)]
    assert "much larger than the numbers stored" in refused(write_t7(table(*views)))


def test_flattened_parameters_are_within_bounds(model):
    """As after getParameters(): a flat view on everything, and each weight a part of it, in two clones."""
    storage = TorchStorage("torch.FloatStorage", np.zeros(2**21, "f4"))
    parts = [TorchTensor("torch.FloatTensor", storage.array, storage, i << 15, (2**15,), (1,)) for i in range(64)]
    flat = TorchTensor("torch.FloatTensor", storage.array, storage, 0, (2**21,), (1,))
    assert len(read_t7(model(write_t7(table(flat, *parts, flat))))) == 66


def replaced(data, old, new):
    assert data.count(old) == 1
    return data.replace(old, new)


@pytest.mark.parametrize(
    ("length", "message"),
    [(-1, "negative length -1"), (2**31 - 1, "length 2147483647"), (-(2**31), "negative"), (1000, "length 1000")],
)
def test_string_lengths(refused, length, message):
    data = replaced(write_t7(table("abcdefg")), struct.pack("<i", 7), struct.pack("<i", length))
    assert message in refused(data)
    data = replaced(write_t7(table("abcdefg"), mode="ascii"), b"7\n", b"%d\n" % length)
    assert message in refused(data)


@pytest.mark.parametrize("size", [-1, 1_000_000, 2**31 - 1])
def test_table_sizes(refused, size):
    data = write_t7(table(table(*[True] * 77)))
    data = replaced(data, struct.pack("<ii", 2, 77), struct.pack("<ii", 2, size))
    assert f"a table of {size} entries" in refused(data)


@pytest.mark.parametrize("long_size", [4, 8])
@pytest.mark.parametrize("count", [-1, 12, 2**31 - 1, 2**62])
def test_storage_sizes(refused, long_size, count):
    layout = {4: "<i", 8: "<q"}[long_size]
    if count == 2**62 and long_size == 4:
        count = -(2**31)
    name = b"torch.ByteStorage"
    data = write_t7(table(1, TorchStorage(name.decode(), np.zeros(7, "u1"))), long_size=long_size)
    sound = name + struct.pack(layout, 7)
    assert "Byte numbers" in refused(replaced(data, sound, name + struct.pack(layout, count)))


@pytest.mark.parametrize("line", [b"-1", b"3", b"99999999999999999999", b"x", b""])
def test_storage_sizes_of_ascii_files(refused, line):
    data = write_t7(TorchStorage("torch.ShortStorage", np.array([4, 5], "i2")), mode="ascii")
    refused(replaced(data, b"\n2\n", b"\n" + line + b"\n"))


@pytest.mark.parametrize("numbers", [b"4 70000", b"4", b"4 5 6", b"4 x", b"4 1.5", b"", b"4 " + b"9" * 5000])
def test_numbers_of_ascii_files(refused, numbers):
    data = write_t7(TorchStorage("torch.ShortStorage", np.array([4, 5], "i2")), mode="ascii")
    refused(replaced(data, b"4 5", numbers))


@pytest.mark.parametrize("case", ["m_jointable.t7", "o_bn_v1.t7", "s_longname_dict.t7"])
def test_every_cut_is_named(refused, case):
    data = (SHIPPED / case).read_bytes()
    for end in range(12, len(data), 97):
        assert re.search("the end of the file|that fits the file", refused(data[:end]))


def test_every_cut_of_an_ascii_file_is_named(refused):
    """But for a cut inside the very last number, which leaves another number."""
    data = write_t7(table(read_t7(SHIPPED / "m_sbn.t7"), "the end"), mode="ascii")
    for end in range(8, len(data) - 1, 17):
        refused(data[:end])


def nested_tables(depth):
    """Return `depth` tables, each the only value of the one around it."""
    opened = b"".join(struct.pack("<iiiid", 3, i, 1, 1, 1.0) for i in range(depth))
    return opened + struct.pack("<ii", 1, 0) + bytes(4)


def test_deep_nesting(model):
    path = model(nested_tables(100_000))
    value = read_t7(path)
    assert "deeper levels are left out" in summary(value)
    depth = 0
    while isinstance(value, LuaTable):
        value, depth = value[1], depth + 1
    assert depth == 100_000


def unfinished(kind, depth):
    """Return objects within objects, tables as keys, functions within functions or tensors as storages."""
    name = b"torch.FloatTensor"
    level = {
        "objects": lambda i: struct.pack("<iii", 4, i, 2) + b"nn",
        "keys": lambda i: struct.pack("<iii", 3, i, 1),
        "upvalues": lambda i: struct.pack("<iii", 8, i, 0),
        "old upvalues": lambda i: struct.pack("<ii", 6, 0),
        "storages": lambda i: struct.pack("<iii", 4, i, len(name)) + name + struct.pack("<iq", 0, 1),
    }[kind]
    return b"".join(map(level, range(depth))) + struct.pack("<i", 2)


@pytest.mark.parametrize("kind", UNFINISHED)
def test_deep_nesting_of_others(refused, kind):
    assert "the end of the file" in refused(unfinished(kind, 10_000))


@pytest.mark.parametrize(("limit", "what"), [("MAX_VALUES", "values"), ("MAX_OBJECTS", "tables and objects")])
def test_number_of_values_is_bounded(refused, monkeypatch, limit, what):
    monkeypatch.setattr(reader, limit, 1000)
    assert f"more than 1,000 {what}" in refused(nested_tables(1001))


@pytest.mark.slow
@pytest.mark.parametrize("kind", UNFINISHED)
def test_the_most_objects_take_bounded_memory(model, kind):
    """All that may be read of the worst file takes far less than a gigabyte."""
    path = model(unfinished(kind, MAX_OBJECTS))
    with used() as usage, pytest.raises(UserError, match="the end of the file"):
        read_t7(path)
    assert usage["peak"] < 400_000_000


@pytest.mark.slow
def test_the_most_values_take_bounded_memory(model):
    path = model(write_t7(table(*[0.5] * (MAX_VALUES // 2 - 1))))
    with used() as usage:
        assert len(read_t7(path)) == MAX_VALUES // 2 - 1
    assert usage["peak"] < 500_000_000


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (struct.pack("<iii", 3, 1, 1) + bytes(8), "table key None"),
        (struct.pack("<iiiidi", 3, 1, 1, 1, float("nan"), 0), "table key nan"),
        (struct.pack("<iii", 3, 1, 2) + write_t7(1) * 4, "table key 1"),
        (struct.pack("<iii", 4, 1, 2) + b"nn" + write_t7(3), "no table with the fields"),
        (struct.pack("<iii", 4, 1, 200) + b"V " + bytes(198), "printable characters"),
        (struct.pack("<iii", 4, 1, 200) + b"V " + b"1" * 198, "class version 'V 1"),
        (struct.pack("<iii", 4, 1, 500) + bytes(500), "a class name or version of length 500, expected at most 200"),
        (struct.pack("<iii", 4, 1, 3) + b"V x" + write_t7("nn.Foo")[4:], "the class version 'V x'"),
        (struct.pack("<iii", 4, 1, 8) + b"tds.Atom" + bytes(50), "'tds.Atom', expected a type with a known layout"),
        (struct.pack("<iii", 4, 1, 8) + b"tds.Hash" + struct.pack("<q", 2**40), "a tds.Hash of 1099511627776 entries"),
        (struct.pack("<iii", 4, 1, 7) + b"tds.Vec" + struct.pack("<q", -1), "a tds.Vec of -1 entries"),
        (struct.pack("<iii", 4, 1, 16) + b"torch.QuadTensor" + bytes(50), "torch.QuadTensor"),
        (struct.pack("<iii", 3, 1, 1) + struct.pack("<i", 99), "type number 99, expected 0 to 8"),
    ],
)
def test_what_cannot_be(refused, data, message):
    assert message in refused(data)


def test_what_follows_the_value(refused):
    assert "4 bytes after the value, expected the end of the file" in refused(write_t7(table(5)) + b"more")


def test_a_storage_of_another_type(refused):
    value = tensor(np.zeros(3))
    value.storage = TorchStorage("torch.IntStorage", np.zeros(3, "i4"))
    assert "a torch.IntStorage as storage of a torch.FloatTensor" in refused(write_t7(value))
    value.storage = table()
    assert "a table as storage" in refused(write_t7(value))


def test_references_that_repeat_do_not_multiply(model):
    """Tables that hold the one before ten times: 10^40 entries if written out."""
    value = table()
    for _ in range(40):
        value = table(*[value] * 10)
    with used() as usage:
        text = summary(read_t7(model(write_t7(value))))
    assert usage["seconds"] < 5
    assert len(text) < 100_000


def test_summary_of_a_hostile_network_is_short(model):
    """Many objects that share one large table as fields, modules and nodes."""
    large = table(*[table() for _ in range(20_000)])
    fields = LuaTable({f"field{i}": large for i in range(200)} | {"modules": large, "forwardnodes": large})
    value = module("nn.Sequential", modules=table(*[TorchObject("nn.Foo", fields) for _ in range(20_000)]))
    path = model(write_t7(value))
    with used() as usage:
        text = summary(read_t7(path))
    assert usage["seconds"] < 60
    assert text.count("\n") <= MAX_ROWS + 2
    assert "the rest is left out" in text


def test_texts_of_a_summary_are_cut_and_plain():
    fields = {"name": "\x1b[2J" + "x" * 100_000, "list\n" + "y" * 1000: 3, "odd": 1e300}
    value = table(TorchObject("nn.\u202eFoo", LuaTable(fields)), **{"\x07" * 1000: tensor(np.zeros(3))})
    text = summary(value)
    assert len(text) < 1000
    assert all(" " <= character <= "~" or character == "\n" for character in text)
    assert len(text.splitlines()) == 4
