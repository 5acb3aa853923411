"""Headers that can be read in two ways, each held against the right levels, which are computed here by themselves."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless

from cxredge.errors import InputError
from cxredge.images.dicom_meaning import _first_input
from cxredge.images.read import read_film
from cxredge.recipe_input import InputSpec
from cxredge.vectors.sources import dicom, lut, scene

SPEC = InputSpec(height=16, width=16, fit="pad")
STRETCH = SPEC.model_copy(update={"no_window": "min-max"})
COLOUR = SPEC.model_copy(update={"channels": 3})
DEEP = scene(20, 26, 0, 4095)
CURVE = np.arange(4096) ** 2 // 4112
ENCODINGS = ("explicit", "implicit", "big-endian", "deflated")


def refusal(data: bytes, spec: InputSpec = SPEC) -> InputError:
    with pytest.raises(InputError) as refused:
        read_film(data, spec)
    return refused.value


def encoded(encoding: str, pixels: np.ndarray, signed: bool = False, bits: int = 12, **tags: Any) -> bytes:
    data = dicom(pixels, signed, bits, encoding == "implicit", **tags)
    if encoding in ("explicit", "implicit"):
        return data
    film = pydicom.dcmread(BytesIO(data))
    fresh = pydicom.Dataset({element.tag: element for element in film})
    fresh.file_meta = film.file_meta
    fresh.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    if encoding == "big-endian":
        fresh.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        # pydicom writes the words of OW elements as they are
        for item in (fresh, *fresh.get("ModalityLUTSequence", []), *fresh.get("VOILUTSequence", [])):
            for element in item:
                if element.VR == "OW":
                    element.value = np.frombuffer(element.value, "<u2").byteswap().tobytes()
    out = BytesIO()
    fresh.save_as(out, enforce_file_format=True)
    return out.getvalue()


def levels(entries: np.ndarray, bits: int, first: int, inputs: np.ndarray) -> np.ndarray:
    """Grey of a VOI LUT (PS3.3 C.11.2.1.1)."""
    index = np.clip(np.floor(inputs + 0.5).astype(int) - first, 0, len(entries) - 1)
    return np.floor(255 * entries[index] / (2**bits - 1) + 0.5).astype(np.uint8)


# signed stored, slope, intercept, first input: inputs can be negative in all, or in none
SIGNED_INPUTS = {
    "rescaled below zero": (False, 1, -1024, -1024),
    "by half a level": (False, 1, -0.5, -1),
    "falling": (False, -1, 0, -4095),
    "falling from above": (False, -2, 4095, -4095),
    "signed": (True, 1, 0, -2048),
    "signed, raised and not enough": (True, 1, 2047, -1),
}
UNSIGNED_INPUTS = {
    "raised": (True, 1, 35000, 32952),
    "steep": (False, 16, 0, 32800),
    "falling": (False, -1, 40000, 36000),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("written_as", ["US", "SS"])
@pytest.mark.parametrize("case", [*SIGNED_INPUTS, *(f"+{name}" for name in UNSIGNED_INPUTS)])
def test_the_first_input_of_a_voi_lut_has_the_sign_that_its_inputs_can_have(
    case: str, written_as: str, encoding: str
) -> None:
    signed, slope, intercept, first = UNSIGNED_INPUTS[case[1:]] if case[0] == "+" else SIGNED_INPUTS[case]
    stored = DEEP - 2048 * signed
    tags = {"RescaleSlope": slope, "RescaleIntercept": intercept}
    table = lut(first, 12, CURVE, signed=written_as == "SS")
    grey = read_film(encoded(encoding, stored, signed, VOILUTSequence=table, **tags), SPEC)
    np.testing.assert_array_equal(grey, levels(CURVE, 12, first, slope * stored + intercept))
    assert np.ptp(grey) > 100


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("written_as", ["US", "SS"])
@pytest.mark.parametrize(("signed", "first"), [(True, -2048), (True, -100), (False, 33000), (False, 50)])
def test_the_first_input_of_a_modality_lut_has_the_sign_of_the_pixels(
    signed: bool, first: int, written_as: str, encoding: str
) -> None:
    stored = (DEEP // 2 if signed else DEEP) + first
    table = lut(first, 12, CURVE, signed=written_as == "SS")
    data = encoded(encoding, stored, signed, 16, ModalityLUTSequence=table)
    np.testing.assert_array_equal(read_film(data, SPEC), levels(CURVE, 12, first, stored))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("written_as", ["US", "SS"])
def test_inputs_from_a_modality_lut_are_never_negative(written_as: str, encoding: str) -> None:
    modality = lut(-2048, 16, 34000 + np.arange(4096), signed=True)
    voi = lut(34000, 12, CURVE, signed=written_as == "SS")
    data = encoded(encoding, DEEP - 2048, True, ModalityLUTSequence=modality, VOILUTSequence=voi)
    np.testing.assert_array_equal(read_film(data, SPEC), levels(CURVE, 12, 0, DEEP))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_table_that_no_value_meets_is_read_the_other_way(encoding: str) -> None:
    # no value is negative, and 64512 lies beyond all of them: -1024 is what was written
    data = encoded(encoding, DEEP, VOILUTSequence=lut(-1024, 12, CURVE, signed=True))
    np.testing.assert_array_equal(read_film(data, SPEC), levels(CURVE, 12, -1024, DEEP))


@pytest.mark.parametrize(
    ("stated", "count", "least", "greatest", "first"),
    [
        (0xFC00, 4096, -1024.0, 3071.0, -1024),
        (0xFC00, 4096, -0.5, 4095.0, -1024),
        (0xFC00, 4096, 0.0, 65535.0, 0xFC00),
        (0xFC00, 4096, 0.0, 4095.0, -1024),
        (0xFC00, 1024, 0.0, 4095.0, 0xFC00),  # ends at -1 read one way, starts at 64512 the other: meets nothing
        (0x8000, 1, -32768.0, 32767.0, -32768),
        (0x8000, 1, 0.0, 32768.0, 0x8000),
        (40000, 4096, -1024.0, 64511.0, 40000),  # -25536 to -21441 lies below every value
        (0x7FFF, 4096, -5.0, 5.0, 0x7FFF),
        (0, 65536, 0.0, 65535.0, 0),
    ],
)
def test_readings_of_a_first_input(stated: int, count: int, least: float, greatest: float, first: int) -> None:
    assert _first_input(stated, count, least, greatest) == first


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("count", [256, 255, 100])
@pytest.mark.parametrize("packed", [False, True])
def test_entries_of_8_bits_stand_in_words_or_two_in_a_word(packed: bool, count: int, encoding: str) -> None:
    entries = np.arange(count) * 37 % 256
    table = lut(1500, 8, entries, packed=packed)
    grey = read_film(encoded(encoding, DEEP, VOILUTSequence=table), SPEC)
    np.testing.assert_array_equal(grey, levels(entries, 8, 1500, DEEP))


def test_pixels_of_8_bits_written_as_words_are_turned_round_in_big_endian_files() -> None:
    odd = scene(21, 27, 0, 255)
    raw = odd.astype("u1").tobytes() + b"\0"
    for behind in (b"", bytes(400)):
        data = encoded("big-endian", odd, bits=8, PixelData=np.frombuffer(raw, "<u2").byteswap().tobytes() + behind)
        data = data.replace(b"\x7f\xe0\x00\x10OB", b"\x7f\xe0\x00\x10OW")
        np.testing.assert_array_equal(read_film(data, SPEC), odd)


def test_packed_entries_that_are_bytes_are_not_turned_round() -> None:
    entries = np.arange(256) * 37 % 256
    table = lut(1500, 8, entries, packed=True)
    table[0]["LUTData"].VR = "OB"
    grey = read_film(encoded("big-endian", DEEP, VOILUTSequence=table), SPEC)
    np.testing.assert_array_equal(grey, levels(entries, 8, 1500, DEEP))


@pytest.mark.parametrize("vr", ["US", "SS"])
def test_entries_written_as_numbers_are_unsigned(vr: str) -> None:
    entries = np.arange(4096) * 15
    table = lut(0, 16, entries)
    del table[0].LUTData
    numbers = entries.astype(np.uint16).view(np.int16 if vr == "SS" else np.uint16)
    table[0].add_new("LUTData", vr, numbers.tolist())
    np.testing.assert_array_equal(read_film(dicom(DEEP, VOILUTSequence=table), SPEC), levels(entries, 16, 0, DEEP))


@pytest.mark.filterwarnings("ignore:A value of type")
def test_a_descriptor_of_raw_words_is_read_and_of_other_things_is_not() -> None:
    table = lut(0, 12, CURVE)
    words = np.array([4096, 0, 12], "<u2").tobytes()
    for vr, value, right in (("OW", words, True), ("OW", words[:4], False), ("DS", ["4096", "0", "12"], False)):
        del table[0].LUTDescriptor
        table[0].add_new("LUTDescriptor", vr, value)
        data = dicom(DEEP, VOILUTSequence=table)
        if right:
            np.testing.assert_array_equal(read_film(data, SPEC), levels(CURVE, 12, 0, DEEP))
        else:
            assert refusal(data).code == ("IMG-DAMAGED" if vr == "DS" else "IMG-WINDOW")


@pytest.mark.parametrize("first", [0, 1])
def test_the_first_of_several_luts_and_windows_counts(first: int) -> None:
    tables = [lut(0, 12, CURVE)[0], lut(0, 12, CURVE[::-1])[0]]
    data = dicom(DEEP, VOILUTSequence=tables[::-1] if first else tables)
    np.testing.assert_array_equal(read_film(data, SPEC), levels((CURVE, CURVE[::-1])[first], 12, 0, DEEP))
    centres, widths = [900, 3000, 2000], [700, 900, 4000]
    data = dicom(DEEP, WindowCenter=centres, WindowWidth=widths)
    np.testing.assert_array_equal(
        read_film(data, SPEC), read_film(dicom(DEEP, WindowCenter=900, WindowWidth=700), SPEC)
    )


@pytest.mark.parametrize("bits", range(9, 17))
def test_a_voi_lut_must_fill_the_bits_that_it_claims(bits: int) -> None:
    half = 1 << (bits - 1)
    ramp = np.arange(4096) * (half - 1) // 4095
    for spec in (SPEC, STRETCH):
        refused = refusal(dicom(DEEP, VOILUTSequence=lut(0, bits, ramp)), spec)
        assert refused.code == "IMG-WINDOW"
        assert f"says {bits} bits" in refused.cause
        assert f"{half - 1}, fills {bits - 1}," in refused.cause
    just = np.arange(4096) * half // 4095
    np.testing.assert_array_equal(
        read_film(dicom(DEEP, VOILUTSequence=lut(0, bits, just)), SPEC), levels(just, bits, 0, DEEP)
    )


def test_a_modality_lut_must_fill_its_bits_where_they_decide_the_grey() -> None:
    table = lut(0, 16, np.arange(4096))
    refused = refusal(dicom(DEEP, ModalityLUTSequence=table))
    assert (refused.code, "says 16 bits" in refused.cause, "4095, fills 12," in refused.cause) == (
        "IMG-RESCALE",
        True,
        True,
    )
    plain = dicom(DEEP)
    np.testing.assert_array_equal(read_film(dicom(DEEP, ModalityLUTSequence=table), STRETCH), read_film(plain, STRETCH))
    window = {"WindowCenter": 1800, "WindowWidth": 2100}
    np.testing.assert_array_equal(
        read_film(dicom(DEEP, ModalityLUTSequence=table, **window), SPEC), read_film(dicom(DEEP, **window), SPEC)
    )
    voi = {"VOILUTSequence": lut(0, 12, CURVE)}
    np.testing.assert_array_equal(
        read_film(dicom(DEEP, ModalityLUTSequence=table, **voi), SPEC), levels(CURVE, 12, 0, DEEP)
    )


GREY = scene(34, 45, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("coding", ["interleaved", "planes", "big-endian", "rle", "jpeg-2000", "jpeg"])
def test_rgb_of_three_equal_channels_is_grey(coding: str) -> None:
    def film(rgb: np.ndarray) -> bytes:
        if coding == "planes":
            return dicom(rgb, bits=8, PlanarConfiguration=1, PixelData=rgb.transpose(2, 0, 1).tobytes())
        if coding in ("interleaved", "big-endian"):
            return encoded("explicit" if coding == "interleaved" else coding, rgb, bits=8)
        made = pydicom.dcmread(BytesIO(dicom(rgb, bits=8)))
        if coding == "jpeg":
            from PIL import Image

            out = BytesIO()
            Image.fromarray(rgb).save(out, "JPEG", quality=100, subsampling=0, keep_rgb=True)
            made.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
            made.PixelData = pydicom.encaps.encapsulate([out.getvalue()])
            made["PixelData"].is_undefined_length = True
        else:
            made.compress(RLELossless if coding == "rle" else pydicom.uid.JPEG2000Lossless)
        out = BytesIO()
        made.save_as(out, enforce_file_format=True)
        return out.getvalue()

    equal = np.dstack([GREY] * 3)
    for spec in (SPEC, STRETCH):
        apart = read_film(film(equal), spec).astype(int) - read_film(dicom(GREY, bits=8), spec)
        assert np.abs(apart).max() <= (4 if coding == "jpeg" else 0)
    assert read_film(film(equal), COLOUR).shape == (34, 45, 3)
    off = equal.copy()
    off[-1, -1, 2] ^= 64
    assert refusal(film(off)).code == "IMG-COLOUR"


@pytest.mark.parametrize(
    ("code", "tags"),
    [
        ("IMG-COLOUR", {"PhotometricInterpretation": "YBR_FULL"}),
        ("IMG-COLOUR", {"PhotometricInterpretation": "PALETTE COLOR", "SamplesPerPixel": 1}),
        ("IMG-PHOTOMETRIC", {"SamplesPerPixel": 1}),
        ("IMG-DAMAGED", {"PixelRepresentation": 1}),
        ("IMG-DAMAGED", {"PixelData": np.dstack([GREY] * 3).tobytes() + b"\0\1"}),
        ("IMG-TRUNCATED", {"PixelData": np.dstack([GREY] * 3).tobytes()[:-4]}),
    ],
)
def test_what_else_can_be_wrong_with_rgb(code: str, tags: dict[str, Any]) -> None:
    assert refusal(dicom(np.dstack([GREY] * 3), bits=8, **tags)).code == code


def test_rgb_of_16_bits_is_refused_for_its_depth() -> None:
    assert refusal(dicom(np.dstack([DEEP] * 3))).code == "IMG-DEPTH"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("behind", [1, 2, 127, 128, 5000])
def test_zeros_behind_the_pixels_are_not_looked_at_and_anything_else_is(behind: int, bits: int, encoding: str) -> None:
    pixels = scene(21, 27, 0, (1 << bits) - 1)
    raw = pixels.astype("u1" if bits == 8 else "<u2").tobytes()
    # the byte that makes an odd length even is no pixel and may be any
    raw += b"\xaa" * (len(raw) % 2)
    whole = raw + bytes(behind + behind % 2)
    right = np.floor(255 * pixels / ((1 << bits) - 1) + 0.5)
    np.testing.assert_array_equal(read_film(encoded(encoding, pixels, bits=bits, PixelData=whole), SPEC), right)
    for at in (len(raw), len(whole) - 1):
        more = whole[:at] + b"\1" + whole[at + 1 :]
        refused = refusal(encoded(encoding, pixels, bits=bits, PixelData=more))
        assert (refused.code, "not zero" in refused.cause) == ("IMG-DAMAGED", True)
    cut = raw[: len(raw) - 2 - 2 * (bits == 8)]
    assert refusal(encoded(encoding, pixels, bits=bits, PixelData=cut)).code == "IMG-TRUNCATED"


@pytest.mark.parametrize(
    "tags",
    [
        {"SharedFunctionalGroupsSequence": []},
        {"PerFrameFunctionalGroupsSequence": [], "NumberOfFrames": 1},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.7", "NumberOfFrames": 1},
    ],
)
def test_one_frame_of_an_enhanced_or_segmentation_object_is_called_that(tags: dict[str, Any]) -> None:
    refused = refusal(dicom(DEEP, **tags))
    assert refused.code == "IMG-MULTIFRAME"
    assert "enhanced or segmentation object" in refused.cause
    assert "frames)" not in refused.cause


def test_a_real_segmentation_and_real_frames_are_called_what_they_are() -> None:
    assert "segmentation" in refusal(Path(get_testdata_file("liver_1frame.dcm")).read_bytes()).cause
    assert "(2 frames)" in refusal(dicom(DEEP, NumberOfFrames=2)).cause
