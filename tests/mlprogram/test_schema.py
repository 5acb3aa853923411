"""The schema as data is coremltools' own: numbers, kinds, labels and the list of dtypes."""

from __future__ import annotations

from typing import Any

import pytest
from coremltools.proto import MIL_pb2, Model_pb2

from cxredge.errors import InputError
from cxredge.mlprogram import schema
from cxredge.mlprogram.schema import DATA_TYPES, parse_model

NESTED = {
    "Model": Model_pb2.Model,
    "Binding": MIL_pb2.Argument.Binding,
    "ConstantDimension": MIL_pb2.Dimension.ConstantDimension,
    "ImmediateValue": MIL_pb2.Value.ImmediateValue,
    "BlobFileValue": MIL_pb2.Value.BlobFileValue,
    "Floats": MIL_pb2.TensorValue.RepeatedFloats,
    "Ints": MIL_pb2.TensorValue.RepeatedInts,
    "Bools": MIL_pb2.TensorValue.RepeatedBools,
    "Strings": MIL_pb2.TensorValue.RepeatedStrings,
    "LongInts": MIL_pb2.TensorValue.RepeatedLongInts,
    "Doubles": MIL_pb2.TensorValue.RepeatedDoubles,
    "Bytes": MIL_pb2.TensorValue.RepeatedBytes,
}
NAMES = sorted(set(schema._MESSAGES) - {"Opaque"})


def ours(name: str) -> Any:
    return schema._model_class().DESCRIPTOR.file.message_types_by_name[name]


def theirs(name: str) -> Any:
    return (NESTED.get(name) or getattr(MIL_pb2, name)).DESCRIPTOR


def described(field: Any) -> tuple[Any, ...]:
    # an enum is read as its number
    kind = field.TYPE_INT32 if field.type == field.TYPE_ENUM else field.type
    oneof = field.containing_oneof.name if field.containing_oneof else None
    is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
    entry = [described(f) for f in field.message_type.fields] if is_map else None
    return (field.name, field.number, kind, field.is_repeated, oneof, entry)


@pytest.mark.parametrize("name", NAMES)
def test_fields_are_those_of_coremltools(name: str) -> None:
    known = {f.name: described(f) for f in theirs(name).fields}
    for field in ours(name).fields:
        expected = known[field.name]
        made = described(field)
        # of our own names for nested messages, and which oneof a model's kind stands in, nothing depends
        assert made == (expected if made[4] else (*expected[:4], None, expected[5])), field.name


@pytest.mark.parametrize("name", NAMES)
def test_messages_of_fields_are_those_of_coremltools(name: str) -> None:
    for field in ours(name).fields:
        message = field.message_type
        if message is None or message.name == "Opaque" or message.GetOptions().map_entry:
            continue
        assert theirs(name).fields_by_name[field.name].message_type is theirs(message.name), field.name


def test_dtypes_are_those_of_coremltools() -> None:
    assert {number: name.lower() for name, number in MIL_pb2.DataType.items() if number} == DATA_TYPES


def test_oneofs_are_whole() -> None:
    """A member that we did not know would read as nothing at all."""
    for name in ("Binding", "ValueType", "Value", "ImmediateValue", "TensorValue", "Dimension"):
        members = {f.name for f in theirs(name).fields if f.containing_oneof}
        assert members <= {f.name for f in ours(name).fields}, name


@pytest.mark.parametrize("data", [b"\xff" * 40, b"\x0a\x05ab", b"\xb2\x1f\x80\x80\x80\x80\x0f"])
def test_unreadable(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        parse_model(data)
    assert caught.value.code == "MLPROGRAM-SYNTAX"


def test_a_model_nested_without_end_is_refused() -> None:
    """Blocks within operators within blocks: a reader without a limit would overflow its stack."""
    block = b""
    for _ in range(2000):
        block = field(3, field(4, block))
    # the block of the main function, by the entries of the two maps
    function = field(3, field(2, block))
    with pytest.raises(InputError) as caught:
        parse_model(field(502, field(2, field(2, function))))
    assert caught.value.code == "MLPROGRAM-SYNTAX"


def field(number: int, body: bytes) -> bytes:
    """A message or a map entry's value on the wire."""
    return varint(number << 3 | 2) + varint(len(body)) + body


def varint(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])
