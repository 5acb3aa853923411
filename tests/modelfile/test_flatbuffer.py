"""The schema's reader against flatbuffers' own writer, and against bytes that lie."""

from __future__ import annotations

import struct

import flatbuffers
import pytest

from cxredge.modelfile.flatbuffer import Schema

SCHEMA = Schema("""
file_identifier "TST1";
enum Colour : byte { Red = 0, Green = 3, Blue }  // Blue is 4
union Thing { Leaf, Other: Leaf }
table Leaf { number: int = 7; gone: [ubyte] (deprecated, force_align: 16); name: string; }
table Root { colour: Colour = Green; thing: Thing; leaves: [Leaf]; sizes: [uint64]; raw: [ubyte]; flag: bool; }
root_type Root;
""")


def leaf(builder: flatbuffers.Builder, number: int | None, name: str | None) -> int:
    text = builder.CreateString(name) if name else 0
    builder.StartObject(3)
    if number is not None:
        builder.PrependInt32Slot(0, number, 7)
    builder.PrependUOffsetTRelativeSlot(2, text, 0)
    return int(builder.EndObject())


def vector(builder: flatbuffers.Builder, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def root(colour: int | None = None, member: int = 0, leaves: int = 0) -> bytes:
    builder = flatbuffers.Builder(64)
    thing = leaf(builder, -5, "thing") if member else 0
    many = vector(builder, [leaf(builder, i, None) for i in range(leaves)]) if leaves else 0
    builder.StartVector(8, 2, 8)
    builder.PrependUint64(1 << 40)
    builder.PrependUint64(3)
    sizes = builder.EndVector()
    raw = builder.CreateByteVector(b"abc")
    builder.StartObject(7)
    if colour is not None:
        builder.PrependInt8Slot(0, colour, 3)
    builder.PrependUint8Slot(1, member, 0)
    builder.PrependUOffsetTRelativeSlot(2, thing, 0)
    builder.PrependUOffsetTRelativeSlot(3, many, 0)
    builder.PrependUOffsetTRelativeSlot(4, sizes, 0)
    builder.PrependUOffsetTRelativeSlot(5, raw, 0)
    builder.Finish(builder.EndObject(), SCHEMA.identifier)
    return bytes(builder.Output())


def test_everything_that_was_written_is_read() -> None:
    record = SCHEMA.read(root(colour=4, member=2, leaves=9), "Root")
    assert (record["colour"], record["thing_type"]) == ("Blue", "Other")
    assert record["thing"] == {"number": -5, "gone": [], "name": "thing"}
    assert [one["number"] for one in record["leaves"]] == list(range(9))
    assert record["sizes"] == [3, 1 << 40]
    assert bytes(record["raw"]) == b"abc"


def test_what_is_absent_has_its_default() -> None:
    record = SCHEMA.read(root(), "Root")
    assert (record["colour"], record["flag"]) == ("Green", 0)
    assert (record["thing_type"], record["thing"], record["leaves"]) == (None, None, [])


@pytest.mark.parametrize(("colour", "member"), [(1, 0), (None, 3)])
def test_numbers_without_a_name_are_refused(colour: int | None, member: int) -> None:
    with pytest.raises(ValueError, match="none of"):
        SCHEMA.read(root(colour=colour, member=member), "Root")


def test_any_cut_and_any_changed_word_is_read_or_refused() -> None:
    data = root(colour=4, member=1, leaves=3)
    damaged = [data[:end] for end in range(len(data))]
    for at in range(0, len(data), 4):
        words = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
        damaged += [data[:at] + struct.pack("<I", word) + data[at + 4 :] for word in words]
    refused = 0
    for one in damaged:
        try:
            SCHEMA.read(one, "Root")
        except ValueError:
            refused += 1
    assert refused > len(data)


def test_tables_that_share_their_parts_many_times_are_refused() -> None:
    """A few bytes that stand for millions of tables."""
    schema = Schema("table A { b: [B]; } table B { c: [C]; } table C { n: int; }")
    builder = flatbuffers.Builder(64)
    builder.StartObject(1)
    place = builder.EndObject()
    for _ in range(2):
        many = vector(builder, [place] * 3000)
        builder.StartObject(1)
        builder.PrependUOffsetTRelativeSlot(0, many, 0)
        place = builder.EndObject()
    builder.Finish(place)
    with pytest.raises(ValueError, match="overlap"):
        schema.read(bytes(builder.Output()), "A")
