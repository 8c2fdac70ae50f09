"""Hostile pickles: nothing that they name is run, and none takes long or much memory."""

import io
import os
import pickle

import pytest

from convert.pytorch import unpickler
from convert.pytorch.tensors import FormatError
from convert.pytorch.unpickler import Unpickler


class Call:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def load(data):
    return Unpickler().load(io.BytesIO(data))


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    "value",
    [Call(os.system, "exit 1"), Call(eval, "1"), Call(getattr, "", "join"), Call(pickle.loads, b""), [Call(open, "x")]],
    ids=["system", "eval", "getattr", "loads", "open"],
)
def test_calls_are_refused(value, protocol):
    with pytest.raises(FormatError, match=r"names .*, which is neither a tensor nor a container|opcode"):
        load(pickle.dumps(value, protocol))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a PyTorch pickle"),
        (b"\x80\x02", "not a PyTorch pickle"),
        (b"\x80\x02.", "not a PyTorch pickle"),
        (b"\x80\x02(.", "invalid stack"),
        (b"\x80\x02}K\x01K\x02u.", "not a PyTorch pickle"),
        (b"\x80\x02h\x05.", "not a PyTorch pickle"),
        (b"\x80\x02K\x01)R.", "a call to something"),
        (b"\x80\x02]K\x01b.", "a state for something"),
        (b"\x80\x02K\x01Q.", "external object"),
        (b"\x80\x02(i__main__\nX\n.", "opcode INST"),
        (b"\x80\x02\x82\x01.", "opcode EXT1"),
        (b"\x80\x02cos\nsystem\n.", r"names os\.system"),
        (b"\x80\x02c\x1b[2J\nx\n.", r"names \\x1b\[2J\.x"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00)))tR.", "not a plain view of a storage"),
        (b"I" + b"9" * 5000 + b"\n.", "not a PyTorch pickle"),
    ],
)
def test_damaged_pickles_are_refused(data, message):
    with pytest.raises(FormatError, match=message):
        load(data)


def test_large_indices_of_the_memo_cost_nothing():
    assert load(b"\x80\x02K\x07r\xff\xff\xff\x7f.") == 7


def test_deep_and_self_containing_values_are_read():
    assert load(b"\x80\x02" + b")" + 200_000 * b"\x85" + b".") is not None
    ring = load(b"\x80\x02]q\x00h\x00a.")
    assert ring[0] is ring


def test_deep_keys_are_left_out():
    assert load(b"\x80\x02}" + b")" + 200_000 * b"\x85" + b"K\x01s.") == {}


def test_colliding_keys_are_left_out():
    prime = 2**61 - 1
    items = b"".join(pickle.dumps(index * prime, 2)[2:-1] + b"N" for index in range(1, 20_000))
    assert len(load(b"\x80\x02}(" + items + b"u.")) < 10


def test_repeated_items_are_refused(monkeypatch):
    monkeypatch.setattr(unpickler, "MAX_OPCODES", 40_000)
    pairs = pickle.dumps([[index, index] for index in range(1_000)], 2)[:-1] + b"q\xff"
    again = b"0ccollections\nOrderedDict\nh\xff\x85R"
    with pytest.raises(FormatError, match="the same items over and over"):
        load(pairs + 60 * again + b".")


def test_long_pickles_are_refused(monkeypatch):
    monkeypatch.setattr(unpickler, "MAX_OPCODES", 1000)
    with pytest.raises(FormatError, match="more than 1000 steps"):
        load(b"\x80\x02" + 1001 * b"N" + b".")
