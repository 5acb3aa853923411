"""What of a DICOM file is looked at: bounds on elements, items, depth and bytes, and each element once."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest

from cxredge.errors import InputError
from cxredge.images import dicom_elements
from cxredge.images.dicom_elements import MAX_DEPTH, MAX_ELEMENTS
from cxredge.images.read import read_film
from cxredge.recipe_input import InputSpec
from cxredge.vectors.sources import dicom, lut, scene
from support.command import ROOT
from support.peak_memory import reading

SPEC = InputSpec(height=16, width=16, fit="pad")
FILM = dicom(scene(20, 26, 0, 4095))
EXPLICIT, IMPLICIT, BIG, DEFLATED = (f"1.2.840.10008.1.2{x}" for x in (".1", "", ".2", ".1.99"))
UNDEFINED = b"\xff\xff\xff\xff"
ITEM, ITEM_END, END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"
EMPTY = ITEM + b"\0\0\0\0"


def file(body: bytes, syntax: str = EXPLICIT) -> bytes:
    """A file of that data set; for DEFLATED it is deflated."""
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    if syntax == DEFLATED:
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = packer.compress(body) + packer.flush()
    return b"\0" * 128 + b"DICM" + b"\x02\0\x10\0UI" + struct.pack("<H", len(uid)) + uid + body


def body_of(film: bytes) -> bytes:
    """Data set of ``dicom``'s file: behind its meta group, whose length it states."""
    at = 132 + 12 + struct.unpack_from("<I", film, 140)[0]
    return film[at:]


BODY = body_of(FILM)
IDENTITY = b"\x08\0\x05\0CS\n\0ISO_IR 100"


def explicit(tag: bytes, vr: bytes, value: bytes, undefined: bool = False) -> bytes:
    return tag + vr + b"\0\0" + (UNDEFINED if undefined else struct.pack("<I", len(value))) + value


def code_or_none(data: bytes) -> str | None:
    try:
        read_film(data, SPEC)
    except InputError as error:
        return error.code
    return None


def code(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        read_film(data, SPEC)
    assert len(caught.value.cause) < 300
    return caught.value.code


def nested(depth: int, undefined: bool) -> bytes:
    """Sequences inside one another, in a private group."""
    value = b""
    for _ in range(depth):
        item = ITEM + (UNDEFINED + value + ITEM_END if undefined else struct.pack("<I", len(value)) + value)
        value = explicit(b"\x09\0\x10\x10", b"SQ", item + (END if undefined else b""), undefined)
    return value


def test_the_film_without_more_is_what_pydicom_reads() -> None:
    for syntax in (EXPLICIT, DEFLATED):
        np.testing.assert_array_equal(read_film(file(BODY, syntax), SPEC), read_film(FILM, SPEC))


MANY = MAX_ELEMENTS + 10
TOO_MANY = {
    "elements": b"\x09\0\x10\x10LO\0\0" * MANY,
    "items": explicit(b"\x08\0\x40\x11", b"SQ", EMPTY * MANY),
    "items of undefined length": explicit(b"\x08\0\x40\x11", b"SQ", (ITEM + UNDEFINED + ITEM_END) * MANY + END, True),
    "private items": explicit(b"\x09\0\x10\x10", b"SQ", EMPTY * MANY),
    "unknown of undefined length": explicit(b"\x09\0\x10\x10", b"UN", EMPTY * MANY + END, True),
    "elements in an item": explicit(
        b"\x08\0\x40\x11", b"SQ", ITEM + struct.pack("<I", 8 * MANY) + b"\x09\0\x10\x10LO\0\0" * MANY
    ),
    "items of a LUT": explicit(b"\x28\0\x10\x30", b"SQ", EMPTY * MANY),
    "a sequence in each of many items": explicit(
        b"\x08\0\x40\x11",
        b"SQ",
        (ITEM + UNDEFINED + explicit(b"\x09\0\x10\x10", b"SQ", EMPTY) + ITEM_END) * (MANY // 3 + 10) + END,
        True,
    ),
    "depth": nested(MAX_DEPTH + 1, False),
    "depth of undefined length": nested(MAX_DEPTH + 1, True),
    "depth by far": nested(5000, True),
}


@pytest.mark.parametrize("syntax", [EXPLICIT, DEFLATED])
@pytest.mark.parametrize("name", TOO_MANY)
def test_more_than_the_bounds_is_refused(name: str, syntax: str) -> None:
    assert code(file(IDENTITY + TOO_MANY[name] + BODY, syntax)) == "IMG-SIZE"


def test_as_much_as_the_bounds_is_read() -> None:
    for more in (b"\x09\0\x10\x10LO\0\0" * (MAX_ELEMENTS - 100), nested(MAX_DEPTH, True), nested(MAX_DEPTH, False)):
        np.testing.assert_array_equal(read_film(file(IDENTITY + more + BODY), SPEC), read_film(FILM, SPEC))


def test_implicit_and_big_endian_are_counted_too() -> None:
    assert code(file(b"\x08\0\x40\x11" + UNDEFINED + EMPTY * MANY + END, IMPLICIT)) == "IMG-SIZE"
    many = b"\x00\x08\x11\x40SQ\0\0" + UNDEFINED + b"\xff\xfe\xe0\x00\0\0\0\0" * MANY
    assert code(file(many, BIG)) == "IMG-SIZE"


def test_many_bytes_before_the_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom_elements, "MAX_HEADER_BYTES", 1 << 16)
    for syntax in (EXPLICIT, DEFLATED):
        assert code(file(explicit(b"\x09\0\x10\x10", b"OB", b"\0" * (1 << 16)) + BODY, syntax)) == "IMG-SIZE"
        fits = file(explicit(b"\x09\0\x10\x10", b"OB", b"\0" * 60_000) + BODY, syntax)
        np.testing.assert_array_equal(read_film(fits, SPEC), read_film(FILM, SPEC))


def test_pixels_may_lie_far_behind_what_is_unpacked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom_elements, "MAX_HEADER_BYTES", 1000)
    np.testing.assert_array_equal(read_film(file(BODY, DEFLATED), SPEC), read_film(FILM, SPEC))
    assert len(BODY) > 1000


def test_a_value_that_counts_has_a_bound() -> None:
    long = explicit(b"\x28\0\x06\x30", b"OW", b"\0" * (dicom_elements.MAX_VALUE + 2))
    inside = explicit(b"\x28\0\x10\x30", b"SQ", ITEM + struct.pack("<I", len(long)) + long)
    assert code(file(IDENTITY + explicit(b"\x28\0\x50\x10", b"OB", b"1" * (1 << 20) + b"11") + BODY)) == "IMG-DAMAGED"
    assert code(file(IDENTITY + inside + BODY)) in ("IMG-DAMAGED", "IMG-WINDOW")


ROWS = b"\x28\0\x10\0US\2\0\x14\0"
WINDOW = b"\x28\0\x50\x10DS\2\x009 \x28\0\x51\x10DS\2\x005 "


@pytest.mark.parametrize("syntax", [EXPLICIT, DEFLATED])
@pytest.mark.parametrize("more", [ROWS, WINDOW, explicit(b"\xe0\x7f\x10\x00", b"OW", b"\1\0" * 8)])
def test_what_counts_stands_once_and_before_the_pixels(more: bytes, syntax: str) -> None:
    """Readers take the first, the last, or what stands before the pixels: several films."""
    for film in (
        BODY + more,
        BODY + b"\x09\0\x10\x10LO\0\0" + more,
        BODY + explicit(b"\x08\0\x40\x11", b"SQ", EMPTY) + more,
    ):
        assert code(file(film, syntax)) == "IMG-DAMAGED"
    if more is not WINDOW:
        assert code(file(more + BODY, syntax)) == "IMG-DAMAGED"
    assert code(file(WINDOW + WINDOW + BODY, syntax)) == "IMG-DAMAGED"


@pytest.mark.parametrize("twice", [False, True])
def test_a_lut_has_one_descriptor(twice: bool) -> None:
    descriptor = b"\x28\0\x02\x30US\6\0" + struct.pack("<3H", 4096, 0, 12)
    table = explicit(b"\x28\0\x06\x30", b"OW", np.arange(4096, dtype="<u2").tobytes())
    item = ITEM + UNDEFINED + descriptor * (2 if twice else 1) + table + ITEM_END
    film = file(explicit(b"\x28\0\x10\x30", b"SQ", item + END, True) + BODY)
    if twice:
        assert code(film) == "IMG-DAMAGED"
    else:
        np.testing.assert_array_equal(read_film(film, SPEC), read_film(FILM, SPEC))


@pytest.mark.parametrize("vr", [b"Da", b"DA", b"D\0", b"a\0", b"\2\0"])
def test_a_representation_is_one_for_every_reader(vr: bytes) -> None:
    """``Da`` is explicit to one reader and implicit to the other, and hides what stands behind it from one of them."""
    private = b"\x09\0\x10\x10" + vr + b"\2\0" + b"xx"
    right = {b"DA": None, b"Da": "IMG-DAMAGED", b"D\0": "IMG-DAMAGED"}.get(vr, "another")
    if right == "another":  # an implicit element, of a length that leads beyond the file
        assert code(file(IDENTITY + private + BODY)) in ("IMG-NO-PIXELS", "IMG-TRUNCATED", "IMG-SIZE")
    elif right is None:
        np.testing.assert_array_equal(read_film(file(IDENTITY + private + BODY), SPEC), read_film(FILM, SPEC))
    else:
        assert code(file(IDENTITY + private + BODY)) == right


def test_no_window_is_hidden_in_an_element_of_two_lengths() -> None:
    view = b"\x18\0\x01\x51Da" + struct.pack("<H", len(WINDOW) - 4)
    for hidden in (WINDOW, WINDOW * 2):
        assert code(file(IDENTITY + view + b"\0" * 10 + hidden + BODY)) == "IMG-DAMAGED"


def test_explicit_and_implicit_elements_are_not_mixed() -> None:
    implicit_rows = b"\x28\0\x10\0\2\0\0\0\x14\0"
    assert code(file(IDENTITY + implicit_rows + BODY)) == "IMG-DAMAGED"
    private = b"\x09\0\x10\x10\2\0\0\0xx"
    np.testing.assert_array_equal(read_film(file(IDENTITY + private + BODY), SPEC), read_film(FILM, SPEC))
    table = ITEM + UNDEFINED + private + ITEM_END
    assert code(file(IDENTITY + explicit(b"\x28\0\x10\x30", b"SQ", table + END, True) + BODY)) == "IMG-DAMAGED"


def test_an_implicit_element_of_a_capital_length_leads_nobody_astray() -> None:
    """Its length is 0x4141, as which a reader sees "AA"."""
    film = dicom(scene(20, 26, 0, 4095), implicit=True)
    view = b"\x18\0\x01\x51" + struct.pack("<I", 0x4141) + b"\0" * 0x4141
    data = file(b"\x08\0\x05\0\0\0\0\0" + view + body_of(film), IMPLICIT)
    np.testing.assert_array_equal(read_film(data, SPEC), read_film(FILM, SPEC))


@pytest.mark.parametrize("more", [-2, 2, 8])
@pytest.mark.parametrize("tag", [b"\x08\0\x40\x11", b"\x28\0\x10\x30"])
def test_items_and_sequences_end_where_they_say(tag: bytes, more: int) -> None:
    inside = b"\x09\0\x10\x10LO\4\0abcd"
    whole = ITEM + struct.pack("<I", len(inside)) + inside
    assert code_or_none(file(IDENTITY + explicit(b"\x08\0\x40\x11", b"SQ", whole) + BODY)) is None
    wrong_item = ITEM + struct.pack("<I", len(inside) + more) + inside
    sequence = tag + b"SQ\0\0" + struct.pack("<I", len(whole)) + wrong_item
    assert code(file(IDENTITY + sequence + BODY)) == "IMG-DAMAGED"
    sequence = tag + b"SQ\0\0" + struct.pack("<I", len(whole) + more) + whole
    assert code(file(IDENTITY + sequence + BODY)) == "IMG-DAMAGED"
    early = ITEM + struct.pack("<I", len(inside) + 16) + inside + ITEM_END + bytes(8)
    assert code(file(IDENTITY + explicit(tag, b"SQ", early) + BODY)) == "IMG-DAMAGED"


FALLING = explicit(b"\x28\0\x06\x30", b"OW", np.arange(4095, -1, -1, dtype="<u2").tobytes())
RISING = explicit(b"\x28\0\x06\x30", b"OW", np.arange(4096, dtype="<u2").tobytes())
DESCRIPTOR = b"\x28\0\x02\x30US\6\0" + struct.pack("<3H", 4096, 0, 12)


def voi(inside: bytes, vr: bytes = b"SQ") -> bytes:
    return IDENTITY + explicit(b"\x28\0\x10\x30", vr, ITEM + UNDEFINED + inside + ITEM_END + END, True) + BODY


@pytest.mark.parametrize("vr", [b"OB", b"OW", b"UT", b"LT"])
def test_no_table_is_hidden_in_an_element_without_a_length(vr: bytes) -> None:
    """A reader that looks for the delimiter's bytes finds the one inside, and the table behind it."""
    hidden = explicit(b"\x29\0\x11\x10", b"OB", END + DESCRIPTOR + FALLING)
    private = explicit(b"\x29\0\x10\x10", vr, ITEM + struct.pack("<I", len(hidden)) + hidden + END, True)
    film = file(voi(DESCRIPTOR + RISING + private))
    if vr == b"LT":  # its length takes two bytes
        assert code_or_none(film) is not None
    else:
        np.testing.assert_array_equal(read_film(film, SPEC), read_film(FILM, SPEC))


def test_an_unknown_sequence_is_implicit_whatever_it_looks_like() -> None:
    """PS3.5 6.2.2. Its first element has a length whose bytes are "US"."""
    fake = DESCRIPTOR + FALLING
    true = b"\x28\0\x02\x30\6\0\0\0" + struct.pack("<3H", 4096, 0, 12)
    true += b"\x28\0\x06\x30" + struct.pack("<I", 8192) + np.arange(4096, dtype="<u2").tobytes()
    length = 0x00045355
    first = b"\x28\0\x01\0" + struct.pack("<I", length) + (b"\0\0\0\0" + fake).ljust(length, b"\0")
    np.testing.assert_array_equal(read_film(file(voi(first + true, b"UN")), SPEC), read_film(FILM, SPEC))


@pytest.mark.parametrize("syntax", [EXPLICIT, DEFLATED])
@pytest.mark.parametrize("stated", [4096, 1 << 20, (1 << 32) - 2])
def test_pixels_are_all_there_that_are_announced(stated: int, syntax: str) -> None:
    at = BODY.index(b"\xe0\x7f\x10\x00OW\0\0")
    longer = BODY[: at + 8] + struct.pack("<I", stated) + BODY[at + 12 :]
    assert code(file(longer, syntax)) == ("IMG-SIZE" if stated > dicom_elements.MAX_PIXEL_BYTES else "IMG-TRUNCATED")


def replaced(tag: bytes, element: bytes) -> bytes:
    at = BODY.index(tag)
    return BODY[:at] + element + BODY[at + 8 + int.from_bytes(BODY[at + 6 : at + 8], "little") :]


@pytest.mark.parametrize(
    "body",
    [
        IDENTITY + explicit(b"\x28\0\x10\x30", b"OB", DESCRIPTOR + RISING) + BODY,
        b"\x28\0\x10\x30LO\4\0abcd" + BODY,
        b"\x50\x20\x10\0LO\4\0abcd" + BODY,
        voi(DESCRIPTOR + explicit(b"\x28\0\x06\x30", b"UN", bytes(8190))),
        voi(DESCRIPTOR + explicit(b"\x28\0\x06\x30", b"OW", ITEM + struct.pack("<I", 8192) + bytes(8192) + END, True)),
        IDENTITY + explicit(b"\x28\0\x10\0", b"UN", EMPTY + END, True) + BODY,
        b"\x28\0\x50\x10DS\x0a\x002048\\1_00 \x28\0\x51\x10DS\4\x004096" + BODY,
        voi(DESCRIPTOR + b"\x28\0\x06\x30UL\x00\x40" + bytes(0x4000)),
        voi(b"\x28\0\x02\x30UL\x0c\0" + struct.pack("<3I", 4096, 0, 12) + RISING),
        replaced(b"\x28\0\x10\0US", b"\x28\0\x10\0IS\2\x0020"),
        replaced(b"\x28\0\x10\0US", b"\x28\0\x10\0UL\4\0\x14\0\0\0"),
        replaced(b"\x28\0\x04\0CS", b"\x28\0\x04\0LO\x0c\0MONOCHROME2 "),
        b"\x28\0\x50\x10LO\4\x002048\x28\0\x51\x10LO\4\x004096" + BODY,
        b"\x28\0\x50\x10DS\4\x001_00\x28\0\x51\x10DS\4\x004096" + BODY,
        b"\x28\0\x50\x10DS\4\x001\xb2\xb3 \x28\0\x51\x10DS\4\x004096" + BODY,
        b"\x28\0\x08\0IS\4\x000_1 " + BODY,
        b"\x28\0\x08\0IS\4\x001.0 " + BODY,
        BODY.replace(b"\xe0\x7f\x10\x00OW\0\0", b"\xe0\x7f\x10\x00UT\0\0"),
        b"\xfe\xff\x0d\xe0\0\0\0\0" + BODY,
        IDENTITY + EMPTY + BODY,
        IDENTITY + END + BODY,
        IDENTITY + b"\xe0\x7f\x08\0OF\0\0\4\0\0\0\0\0\0\0" + BODY,
    ],
)
def test_an_element_has_its_own_representation(body: bytes) -> None:
    """One reader makes a number of it, and another none, or another one."""
    assert code(file(body)) in ("IMG-DAMAGED", "IMG-WINDOW", "IMG-NO-PIXELS")


@pytest.mark.parametrize("value", [b"\x005.0", b"5\t ", b"5.0\0x"])
def test_a_number_begins_with_its_digits(value: bytes) -> None:
    window = b"\x28\0\x50\x10DS" + struct.pack("<H", len(value)) + value + b"\x28\0\x51\x10DS\2\x0099"
    assert code(file(window + BODY)) == "IMG-DAMAGED"


def test_unknown_words_have_no_order() -> None:
    film = pydicom.dcmread(BytesIO(FILM))
    fresh = pydicom.Dataset({element.tag: element for element in film})
    fresh.file_meta = film.file_meta
    fresh.file_meta.TransferSyntaxUID = BIG
    out = BytesIO()
    fresh.save_as(out, enforce_file_format=True)
    big = out.getvalue()
    assert code_or_none(big) is None
    assert code(big.replace(b"\x7f\xe0\x00\x10OW", b"\x7f\xe0\x00\x10UN")) == "IMG-DAMAGED"
    unknown = FILM.replace(b"\xe0\x7f\x10\x00OW", b"\xe0\x7f\x10\x00UN")
    np.testing.assert_array_equal(read_film(unknown, SPEC), read_film(FILM, SPEC))


def test_what_is_empty_or_absent_has_its_default() -> None:
    right = read_film(FILM, SPEC)
    for body in (
        replaced(b"\x28\0\x03\x01US", b""),
        replaced(b"\x28\0\x02\0US", b""),
        b"\x28\0\x08\0IS\2\0  " + BODY,
        b"\x28\0\x08\0IS\2\0\0\0" + BODY,
        b"\x28\0\x50\x10DS\0\0\x28\0\x51\x10DS\2\0  " + BODY,
    ):
        np.testing.assert_array_equal(read_film(file(body), SPEC), right)


def test_a_compressed_icon_is_no_header() -> None:
    """Its fragments are no elements (PS3.5 A.4), and hold anything."""
    rng = np.random.default_rng(5)
    fragment = b"\xff\xd8" + rng.integers(0, 256, 5000, np.uint8).tobytes()
    pixels = EMPTY + ITEM + struct.pack("<I", len(fragment)) + fragment + END
    icon = ITEM + UNDEFINED + explicit(b"\xe0\x7f\x10\x00", b"OB", pixels, True) + ITEM_END
    sequence = explicit(b"\x88\0\x00\x02", b"SQ", icon + END, True)
    for more in (sequence, explicit(b"\x09\0\x10\x10", b"OB", pixels, True)):
        np.testing.assert_array_equal(read_film(file(IDENTITY + more + BODY), SPEC), read_film(FILM, SPEC))


@pytest.mark.parametrize("vr", [b"UR", b"UC", b"OV", b"UV", b"OB"])
def test_a_meta_group_may_have_any_representation(vr: bytes) -> None:
    film = file(BODY)
    extra = explicit(b"\x02\0\x26\0", vr, b"http://a.bc ")
    np.testing.assert_array_equal(read_film(film[:132] + extra + film[132:], SPEC), read_film(FILM, SPEC))


def test_a_transfer_syntax_is_given_once() -> None:
    second = b"\x02\0\x10\0UI" + struct.pack("<H", len(IMPLICIT) + 1) + IMPLICIT.encode() + b"\0"
    assert code(file(second + BODY)) == "IMG-SYNTAX"


@pytest.mark.parametrize("syntax", [EXPLICIT, DEFLATED])
def test_what_else_stands_behind_the_pixels_may_be_anything(syntax: str) -> None:
    for behind in (
        TOO_MANY["items"],
        TOO_MANY["depth by far"],
        b"\xfc\xff\xfc\xffXX nonsense",
        b"\xff" * 100,
        bytes(9999),
    ):
        np.testing.assert_array_equal(read_film(file(BODY + behind, syntax), SPEC), read_film(FILM, SPEC))


@pytest.mark.parametrize("syntax", [EXPLICIT, DEFLATED])
@pytest.mark.parametrize("offsets", [b"", EMPTY])
def test_pixels_without_a_length_that_are_not_compressed_are_refused(syntax: str, offsets: bytes) -> None:
    at = BODY.index(b"\xe0\x7f\x10\x00")
    pixels = bytes(len(BODY) - at - 12)
    items = offsets + ITEM + struct.pack("<I", len(pixels)) + pixels + END
    assert code(file(BODY[:at] + b"\xe0\x7f\x10\x00OW\0\0" + UNDEFINED + items, syntax)) == "IMG-DAMAGED"


def test_fragments_are_counted(cxr_data: Path) -> None:
    film = (cxr_data / "dicom_samples/files/cr_rg3_mono1_10bit_rle.dcm").read_bytes()
    at = film.index(b"\xe0\x7f\x10\x00") + 12
    assert code(film[:at] + EMPTY * MANY + film[at:]) == "IMG-SIZE"


def test_a_meta_group_without_end() -> None:
    assert code(b"\0" * 128 + b"DICM" + b"\x02\0\x03\0UI\0\0" * 2000 + BODY) == "IMG-SYNTAX"


def test_a_lut_is_still_read_through_the_cut() -> None:
    curve = np.arange(4096) ** 2 // 4112
    film = dicom(scene(20, 26, 0, 4095), VOILUTSequence=lut(0, 12, curve))
    levels = np.floor(255 * curve[scene(20, 26, 0, 4095)] / 4095 + 0.5)
    np.testing.assert_array_equal(read_film(film, SPEC), levels.astype(np.uint8))


@pytest.mark.parametrize(
    ("name", "code"),
    [("q_items_200k_deflated", "IMG-SIZE"), ("j2k_prec_bomb", "IMG-SIZE"), ("j2k_prec_bomb_small", "IMG-SIZE")],
)
def test_bombs_take_little_memory(name: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "film.dcm").write_bytes(FILM)
    said, grown = reading(tmp_path / "film.dcm", ROOT / "tests" / "cases" / f"{name}.dcm")
    assert said == code
    assert grown < 40, f"{grown} MiB"


def test_four_million_items_and_a_run_of_nothing_take_little_memory(tmp_path: Path) -> None:
    (tmp_path / "film.dcm").write_bytes(FILM)
    items = explicit(b"\x08\0\x40\x11", b"SQ", EMPTY * 4_000_000)
    (tmp_path / "items.dcm").write_bytes(file(items + BODY, DEFLATED))
    said, grown = reading(tmp_path / "film.dcm", tmp_path / "items.dcm")
    assert said == "IMG-SIZE"
    assert grown < 150, f"{grown} MiB: what was unpacked, and no object for each"
