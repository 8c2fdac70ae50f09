"""The scan of protobuf's wire format, against protobuf's own serialiser."""

import numpy as np
import pytest
from support.caffe_writer import tagged

from convert import wire
from convert.caffe.file.schema import message_class
from convert.wire import BYTES, FOUR_BYTES, VARINT, WireError, fields, signed, varints


def scan(data):
    return [
        (item.number, item.wire_type, item.value if item.wire_type == VARINT else bytes(item.value))
        for item in fields(memoryview(data))
    ]


def test_fields_of_a_message_are_found_in_order():
    message = message_class("LayerParameter")(name="é", bottom=["a", "b"], phase=1)
    assert scan(message.SerializeToString()) == [
        (1, BYTES, "é".encode()),
        (3, BYTES, b"a"),
        (3, BYTES, b"b"),
        (10, VARINT, 1),
    ]


def test_unpacked_numbers_come_as_one_field():
    blob = message_class("BlobProto")(data=[1.5, 2.5, -3.0], num=7, double_data=[1e300, 2.0])
    found = scan(blob.SerializeToString())
    floats = next(value for number, _, value in found if number == 5)
    doubles = next(value for number, _, value in found if number == 8)
    assert [number for number, _, _ in found] == [1, 5, 8]
    np.testing.assert_array_equal(np.frombuffer(floats, "<f4"), [1.5, 2.5, -3.0])
    np.testing.assert_array_equal(np.frombuffer(doubles, "<f8"), [1e300, 2.0])


def test_run_of_numbers_ends_where_another_field_begins():
    blob = message_class("BlobProto")
    data = (
        blob(data=[1.0] * 100).SerializeToString()
        + blob(num=3).SerializeToString()
        + blob(data=[2.0]).SerializeToString()
    )
    assert [(number, kind) for number, kind, _ in scan(data)] == [(5, FOUR_BYTES), (1, VARINT), (5, FOUR_BYTES)]


@pytest.mark.parametrize("value", [0, 1, -1, 127, 128, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63)])
def test_integers_keep_their_sign(value):
    data = message_class("BlobShape")(dim=[value]).SerializeToString()
    assert [signed(number) for _, _, number in scan(data)] == [value]


def test_packed_integers_are_read():
    assert varints(memoryview(b"\x01\x80\x01\xff\x01")) == [1, 128, 255]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x0a\x05abc", "5 bytes announced at byte 2, 3 left"),
        (b"\x08", "integer is cut short"),
        (b"\x08\xff", "integer is cut short"),
        (b"\x08" + b"\xff" * 11, "more than ten bytes"),
        (b"\x2d\0\0", "number is cut short"),
        (b"\x00\x00", "field number 0"),
        (b"\x0b", "wire type 3 at byte 0"),
        (b"\x0f", "wire type 7"),
        (tagged(1, b"x")[:-1], "1 bytes announced"),
    ],
)
def test_damage_is_named(data, message):
    with pytest.raises(WireError, match=message):
        scan(data)


def test_endless_tiny_fields_are_refused(monkeypatch):
    monkeypatch.setattr(wire, "MAX_FIELDS", 100)
    assert len(scan(b"\x08\x01" * 99)) == 99
    with pytest.raises(WireError, match="more than 100 fields"):
        scan(b"\x08\x01" * 101)
    with pytest.raises(WireError, match="more than 100 integers"):
        varints(memoryview(b"\x01" * 101))
