"""Compressed pixels of DICOM files: what is decoded is what was checked, alone, and read as its coding says."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from openjpeg.utils import encode_array
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import UID, RLELossless

from cxredge.errors import InputError
from cxredge.images.read import read_film
from cxredge.recipe_input import InputSpec
from cxredge.vectors.sources import dicom, scene
from support.jpeg_lossless import jpeg_lossless

SPEC = InputSpec(height=16, width=16, fit="pad")
DEEP = scene(34, 45, 0, 4095)
SHALLOW = scene(34, 45, 0, 255).astype(np.uint8)
JPEG, EXTENDED, LOSSLESS, LS, NEAR, J2K, LOSSY_J2K = (
    f"1.2.840.10008.1.2.4.{end}" for end in (50, 51, 57, 80, 81, 90, 91)
)


def baseline(pixels: np.ndarray) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95)
    return out.getvalue()


GOOD, OTHER = baseline(SHALLOW), baseline(255 - SHALLOW)
CUT = GOOD[: len(GOOD) // 2] + b"\xff\xd9"


def item(data: bytes) -> bytes:
    data += b"\0" * (len(data) % 2)
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(data)) + data


def file(syntax: str, pixels: bytes, bits: int = 8, allocated: int = 8, **more: object) -> bytes:
    """A film of 34 x 45 whose PixelData is that."""
    film = pydicom.dcmread(BytesIO(dicom(DEEP if allocated == 16 else SHALLOW, bits=allocated)))
    film.BitsStored, film.HighBit = bits, bits - 1
    film.file_meta.TransferSyntaxUID = UID(syntax)
    film.PixelData = pixels
    film["PixelData"].VR = "OB"
    film["PixelData"].is_undefined_length = True
    for keyword, value in more.items():
        setattr(film, keyword, value)
    out = BytesIO()
    film.save_as(out, enforce_file_format=True)
    return out.getvalue()


def code(data: bytes) -> str | None:
    try:
        read_film(data, SPEC)
    except InputError as error:
        return error.code
    return None


def basic(*offsets: int) -> bytes:
    return item(struct.pack(f"<{len(offsets)}I", *offsets))


def table(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}Q", *numbers)


BEHIND = len(item(GOOD))
WHOLE = {
    "no offsets": basic() + item(GOOD),
    "the first offset": basic(0) + item(GOOD),
    "in fragments": basic() + item(GOOD[:100]) + item(GOOD[100:]),
    "in fragments, with an offset": basic(0) + item(GOOD[:100]) + item(GOOD[100:]),
    "padded": basic() + item(GOOD + b"\xff\0"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_one_frame_is_read(name: str) -> None:
    right = np.asarray(Image.open(BytesIO(GOOD)))
    np.testing.assert_array_equal(read_film(file(JPEG, WHOLE[name]), SPEC), right)
    extended = {"ExtendedOffsetTable": table(0), "ExtendedOffsetTableLengths": table(len(GOOD))}
    np.testing.assert_array_equal(read_film(file(JPEG, WHOLE["no offsets"], **extended), SPEC), right)


@pytest.mark.parametrize(
    ("pixels", "extended", "right"),
    [
        (basic() + item(GOOD) + item(CUT), table(BEHIND), "IMG-DAMAGED"),
        (basic() + item(CUT) + item(GOOD), table(BEHIND), "IMG-DAMAGED"),
        (basic() + item(GOOD) + item(OTHER), table(0), "IMG-DAMAGED"),
        (basic() + item(GOOD) + item(OTHER), table(0, BEHIND), "IMG-MULTIFRAME"),
        (basic(BEHIND) + item(CUT) + item(GOOD), None, "IMG-DAMAGED"),
        (basic(BEHIND) + item(GOOD) + item(OTHER), None, "IMG-DAMAGED"),
        (basic(0, BEHIND) + item(GOOD) + item(OTHER), None, "IMG-MULTIFRAME"),
        (basic() + item(GOOD) + item(OTHER), None, "IMG-DAMAGED"),
        (basic(0) + item(GOOD) + item(OTHER), None, "IMG-DAMAGED"),
        (basic() + item(GOOD + b"\0" + GOOD), None, "IMG-DAMAGED"),
        (basic() + item(CUT), None, "IMG-TRUNCATED"),
    ],
)
def test_no_table_points_past_what_is_checked(pixels: bytes, extended: bytes | None, right: str) -> None:
    """Each was read: as the film with a grey half, as the first of two, or as the other one."""
    more = {} if extended is None else {"ExtendedOffsetTable": extended, "ExtendedOffsetTableLengths": bytes(8)}
    assert code(file(JPEG, pixels, **more)) == right


@pytest.mark.parametrize("length", [0x7FFFFF00, 0xFFFFFFFF, len(GOOD) + 200])
def test_a_fragment_longer_than_the_file_hides_nothing(length: int) -> None:
    """A decoder found the stream's end by itself, and what stood behind it changed the film."""
    window = b"\x28\0\x50\x10DS\2\x0020\x28\0\x51\x10DS\2\x0040"
    pixels = basic() + b"\xfe\xff\x00\xe0" + struct.pack("<I", length) + GOOD + b"\0" * (len(GOOD) % 2)
    for behind in (b"", window):
        assert code(file(JPEG, pixels) + behind) in ("IMG-TRUNCATED", "IMG-DAMAGED")


def test_a_delimiter_may_be_missing_behind_whole_fragments() -> None:
    right = np.asarray(Image.open(BytesIO(GOOD)))
    np.testing.assert_array_equal(read_film(file(JPEG, WHOLE["no offsets"])[:-8], SPEC), right)
    for cut in (4, 9, 30):
        assert code(file(JPEG, WHOLE["no offsets"])[:-cut]) == "IMG-TRUNCATED"


def test_a_run_length_frame_is_one_fragment() -> None:
    film = pydicom.dcmread(BytesIO(dicom(DEEP)))
    film.compress(RLELossless)
    (stream,) = pydicom.encaps.generate_frames(film.PixelData, number_of_frames=1)
    uid = str(RLELossless)
    alone = file(uid, encapsulate([stream]), 12, 16)
    np.testing.assert_array_equal(read_film(alone, SPEC), read_film(dicom(DEEP), SPEC))
    assert code(file(uid, basic() + item(stream) + item(stream), 12, 16)) == "IMG-MULTIFRAME"


def lossless_jpeg(pixels: np.ndarray) -> bytes:
    return encapsulate([jpeg_lossless(pixels.astype(np.uint16))])


def j2k(pixels: np.ndarray, **how: object) -> bytes:
    return encapsulate([encode_array(pixels.astype(np.uint16), bits_stored=16, **how)])


ABOVE = DEEP | (np.arange(DEEP.size).reshape(DEEP.shape) * 7 % 16 << 12)


@pytest.mark.parametrize("syntax", [LOSSLESS, EXTENDED, NEAR])
def test_a_lossless_stream_keeps_its_bits_whatever_it_is_called(syntax: str) -> None:
    right = read_film(dicom(DEEP), SPEC)
    for pixels in (DEEP, ABOVE):
        np.testing.assert_array_equal(read_film(file(syntax, lossless_jpeg(pixels), 12, 16), SPEC), right)


def test_a_reversible_stream_called_lossy_is_read_where_nothing_hangs_on_it() -> None:
    """It may have lost its last bits, so that what stands above the stored ones may be an overlay's or a coder's."""
    np.testing.assert_array_equal(read_film(file(LOSSY_J2K, j2k(DEEP), 12, 16), SPEC), read_film(dicom(DEEP), SPEC))
    assert code(file(LOSSY_J2K, j2k(ABOVE), 12, 16)) == "IMG-DAMAGED"
    assert code(file(J2K, j2k(ABOVE), 12, 16)) is None


def test_a_lossy_stream_under_a_lossless_name_is_refused() -> None:
    rounded = j2k(DEEP, compression_ratios=[4])
    assert code(file(LOSSY_J2K, rounded, 12, 16)) is None
    assert code(file(J2K, rounded, 12, 16)) == "IMG-DAMAGED"
    for syntax in (LOSSLESS, LS):
        assert code(file(syntax, encapsulate([GOOD]))) == "IMG-DAMAGED"


@pytest.mark.parametrize("selection", [0, 8, 0x11])
def test_a_predictor_that_is_none_is_refused(selection: int) -> None:
    stream = jpeg_lossless(DEEP.astype(np.uint16))
    at = stream.index(b"\xff\xda") + 4 + 3
    assert stream[at : at + 3] == b"\1\0\0"
    changed = stream[:at] + bytes([selection]) + stream[at + 1 :]
    assert code(file(LOSSLESS, encapsulate([changed]), 12, 16)) == "IMG-DAMAGED"


def test_a_point_transform_is_refused() -> None:
    """The decoder starts it from another value than T.81 H.1.2.1, and gives a film that is half white."""
    stream = jpeg_lossless(DEEP.astype(np.uint16))
    at = stream.index(b"\xff\xda") + 4 + 5
    assert code(file(LOSSLESS, encapsulate([stream[:at] + b"\1" + stream[at + 1 :]]), 12, 16)) == "IMG-SYNTAX"


def test_a_few_bytes_of_jpeg_ls_are_no_large_film(cxr_data: Path) -> None:
    """The decoder would fill 64 million pixels twice before it said so."""
    film = (cxr_data / "dicom_samples/files/cr_rg3_mono1_10bit_jpegls_lossless.dcm").read_bytes()
    sample = pydicom.dcmread(BytesIO(film))
    (stream,) = pydicom.encaps.generate_frames(sample.PixelData, number_of_frames=1)
    at = stream.index(b"\xff\xf7") + 5
    for side, kept in ((8192, 600), (2048, 600)):
        short = stream[:at] + struct.pack(">HH", side, side) + stream[at + 4 : kept] + b"\xff\xd9"
        sample.Rows = sample.Columns = side
        sample.PixelData = encapsulate([short])
        out = BytesIO()
        sample.save_as(out)
        with pytest.raises(InputError, match="cannot be that of") as caught:
            read_film(out.getvalue(), SPEC)
        assert caught.value.code == "IMG-TRUNCATED"
