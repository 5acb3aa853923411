"""Bits above the stored ones: dropped where coding is lossless, clamped where it is lossy."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from openjpeg.utils import encode_array
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, JPEG2000Lossless, RLELossless

from cxredge.errors import InputError
from cxredge.images.levels import Meaning
from cxredge.images.read import read_film
from cxredge.recipe_input import InputSpec
from cxredge.vectors.sources import dicom, scene
from support.jpeg_lossless import jpeg_lossless

SPEC = InputSpec(height=16, width=16, fit="pad")
STRETCH = SPEC.model_copy(update={"no_window": "min-max"})
# openjpeg writes nothing smaller than its 32 x 32 of five halvings
DEEP = scene(34, 45, 0, 4095)
ABOVE = (np.arange(DEEP.size).reshape(DEEP.shape) * 7) % 16 << 12
LOSSY_J2K = UID("1.2.840.10008.1.2.4.91")


def words(signed: bool, above: bool) -> np.ndarray:
    """uint16 or int16: 12 bits of a film, and above them something else or what its sign asks for."""
    if above:
        return ((DEEP - 2048 * signed) & 0xFFF | ABOVE).astype(np.uint16).view(np.int16 if signed else np.uint16)
    return (DEEP - 2048 * signed).astype(np.int16 if signed else np.uint16)


def written(film: pydicom.Dataset) -> bytes:
    out = BytesIO()
    film.save_as(out, enforce_file_format=True)
    return out.getvalue()


def encoded(pixels: np.ndarray, kind: str) -> bytes:
    """A film of 16-bit words in one coding, whose header says that 12 bits are stored."""
    signed = pixels.dtype == np.int16
    if kind in ("explicit", "implicit"):
        return dicom(pixels, signed, implicit=kind == "implicit")
    film = pydicom.dcmread(BytesIO(dicom(pixels, signed, bits=16)))
    if kind == "deflated":
        film.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    elif kind == "big-endian":
        meta, film = film.file_meta, pydicom.Dataset({element.tag: element for element in film})
        film.file_meta, film.PixelData = meta, pixels.byteswap().tobytes()
        film.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    elif kind in ("rle", "jpeg-2000"):
        film.compress(RLELossless if kind == "rle" else JPEG2000Lossless, generate_instance_uid=False)
    else:
        film.file_meta.TransferSyntaxUID = UID(f"1.2.840.10008.1.2.4.{kind[-2:]}")
        film.PixelData = encapsulate([jpeg_lossless(pixels.view(np.uint16))])
        film["PixelData"].is_undefined_length = True
    film.BitsStored, film.HighBit = 12, 11
    return written(film)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    "kind", ["explicit", "implicit", "big-endian", "deflated", "rle", "jpeg-2000", "jpeg-57", "jpeg-70"]
)
def test_lossless_codings_drop_what_stands_above_the_stored_bits(kind: str, signed: bool) -> None:
    right = read_film(dicom(DEEP), SPEC)
    np.testing.assert_array_equal(right, np.floor(255 * DEEP / 4095 + 0.5))
    for above in (False, True):
        np.testing.assert_array_equal(read_film(encoded(words(signed, above), kind), SPEC), right)


@pytest.mark.parametrize("signed", [False, True])
def test_lossy_codings_are_clamped(signed: bool) -> None:
    pixels = (DEEP - 2048 * signed + 9).astype(np.int16 if signed else np.uint16)
    film = pydicom.dcmread(BytesIO(encoded(pixels, "jpeg-2000")))
    film.file_meta.TransferSyntaxUID = LOSSY_J2K
    stream = encode_array(pixels, bits_stored=16, compression_ratios=[2])
    film.PixelData = encapsulate([stream])
    # the brightest pixels lie above 12 bits: white, and not the black that their low bits would be
    film.BitsStored, film.HighBit = 11, 10
    grey = read_film(written(film), SPEC)
    low = -1024 if signed else 0
    stored = np.clip(DEEP - 2048 * signed + 9, low, low + 2047)
    # the transform rounds by a step of the 12 bits or two, which is less than one of the levels
    assert np.abs(grey - np.floor(255 * (stored - low) / 2047 + 0.5)).max() <= 1
    assert np.isin(grey, (0, 255)).sum() > 20


@pytest.mark.parametrize("signed", [False, True])
def test_a_lossy_stream_of_another_sign_than_its_header_is_refused(signed: bool) -> None:
    """Rounded on the other side of zero, it is no film; a lossless one keeps its bits, and is read as any words are."""
    film = pydicom.dcmread(BytesIO(encoded(words(signed, above=False), "jpeg-2000")))
    film.PixelRepresentation = int(not signed)
    read_film(written(film), SPEC)
    film.file_meta.TransferSyntaxUID = LOSSY_J2K
    with pytest.raises(InputError) as caught:
        read_film(written(film), SPEC)
    assert caught.value.code == "IMG-DAMAGED"
    assert "sign" in caught.value.cause


def with_header(data: bytes, bits: int, signed: int) -> bytes:
    """The same pixels under a header that says other bits and sign, and has no window."""
    film = pydicom.dcmread(BytesIO(data))
    film.BitsStored, film.HighBit, film.PixelRepresentation = bits, bits - 1, signed
    del film.WindowCenter, film.WindowWidth
    out = BytesIO()
    film.save_as(out)
    return out.getvalue()


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_one_real_film_in_every_lossless_coding_is_one_film_whatever_its_header_says(bits: int, signed: int) -> None:
    kinds = ("", "_RLE", "_bigendian", "_implicit", "_padded", "_jp2klossless", "_jpeg_ls_lossless")
    files = [Path(get_testdata_file(f"MR_small{kind}.dcm")).read_bytes() for kind in kinds]
    films = [read_film(with_header(data, bits, signed), STRETCH) for data in files]
    assert films[0].std() > 20
    for other in films[1:]:
        np.testing.assert_array_equal(other, films[0])


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("bits", [8, 10])
def test_one_real_film_in_the_lossless_jpegs_is_one_film_too(cxr_data: Path, bits: int, signed: int) -> None:
    def read(kind: str) -> np.ndarray:
        data = (cxr_data / f"dicom_samples/files/cr_rg3_mono1_10bit_{kind}.dcm").read_bytes()
        return read_film(with_header(data, bits, signed), SPEC)

    right = read("rle")
    for kind in ("jpeg_lossless_sv1", "j2k_lossless", "jpegls_lossless"):
        np.testing.assert_array_equal(read(kind), right)
    if bits == 10:
        # JPEG's cosine transform knows no sign: what is negative comes out of it as two's complement
        apart = np.abs(read("jpeg_extended12").astype(int) - right)
        assert np.median(apart) <= 2 if signed else apart.max() <= 30


@pytest.mark.parametrize(
    "kind", ["jpeg_lossless_sv1", "j2k_lossless", "j2k_lossy", "jpegls_lossless", "jpeg_extended12"]
)
def test_a_stream_of_fewer_bits_than_are_stored_is_refused(cxr_data: Path, kind: str) -> None:
    """It would be read four times too dark, or darker, and answered."""
    data = (cxr_data / f"dicom_samples/files/cr_rg3_mono1_10bit_{kind}.dcm").read_bytes()
    for bits in (13, 14, 16):
        with pytest.raises(InputError) as caught:
            read_film(with_header(data, bits, 0), SPEC)
        assert caught.value.code == "IMG-DAMAGED"
        assert f"{bits} bits" in caught.value.cause


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("signed", [False, True])
def test_unused_bits_of_every_width(bits: int, signed: bool) -> None:
    meaning = Meaning(bits, signed)
    every = np.arange(65536, dtype=np.uint16)
    kept = meaning.without_unused_bits(every.view(np.int16) if signed else every).astype(int)
    low = every.astype(int) & ((1 << bits) - 1)
    np.testing.assert_array_equal(kept, np.where(signed & (low >> (bits - 1) == 1), low - (1 << bits), low))
    if bits <= 8:
        small = np.arange(256, dtype=np.uint8)
        kept = meaning.without_unused_bits(small.view(np.int8) if signed else small)
        np.testing.assert_array_equal(
            kept, meaning.without_unused_bits((every.view(np.int16) if signed else every)[:256])
        )
