"""Damaged files: refused by code, or read as some film, but never an exception of another kind and never for long."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.errors import InputError
from cxredge.images.preprocess import preprocess
from cxredge.recipe import InputSpec
from cxredge.vectors.films import films
from cxredge.vectors.sources import dicom

SPEC = InputSpec(height=16, width=16, fit="pad")
FILMS = [data for name, data, *_ in films() if name.endswith(("grey16.png", "orientation-6.jpg", "t.dcm", "w.dcm"))]


def survives(data: bytes) -> None:
    start = time.monotonic()
    try:
        film = preprocess(data, SPEC)
    except InputError as error:
        assert error.code.startswith("IMG-")
    else:
        assert film.shape == (1, 16, 16)
    assert time.monotonic() - start < 10


mutations = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=12)


def mutate(data: bytes, changes: list[tuple[int, int]], reach: int) -> bytes:
    copy = bytearray(data)
    for at, value in changes:
        copy[at % min(reach, len(copy))] = value
    return bytes(copy)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FILMS), mutations, st.sampled_from([200, 900, 10**6]))
def test_mutated_files(data: bytes, changes: list[tuple[int, int]], reach: int) -> None:
    survives(mutate(data, changes, reach))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FILMS), st.floats(0, 1), st.binary(max_size=40))
def test_cut_and_spliced_files(data: bytes, share: float, tail: bytes) -> None:
    survives(data[: int(share * len(data))] + tail)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\0" * 128 + b"DICM"]), st.binary(max_size=400))
def test_noise_behind_a_signature(signature: bytes, noise: bytes) -> None:
    survives(signature + noise)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(
        ["Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel"]
    ),
    st.integers(0, 65535),
)
def test_any_number_in_the_header(keyword: str, value: int) -> None:
    survives(dicom(np.arange(64).reshape(8, 8), **{keyword: value}))


@cache
def sample(path: Path) -> bytes:
    return path.read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "cr_rg3_mono1_10bit_jpeg_lossless_sv1.dcm",
        "cr_rg3_mono1_10bit_jpegls_lossless.dcm",
        "cr_rg3_mono1_10bit_jpeg_extended12.dcm",
        "cr_rg3_mono1_10bit_j2k_lossy.dcm",
        "cr_mono2_jpegbaseline8.dcm",
        "ot_deflated_8bit.dcm",
        "mr_small_rle.dcm",
        "mr_small_explicit_be.dcm",
    ],
)
def test_mutated_real_streams(cxr_data: Path, name: str) -> None:
    data = sample(cxr_data / "dicom_samples" / "files" / name)
    at = max(data.find(b"\xe0\x7f\x10\x00"), 0)
    rng = np.random.Generator(np.random.PCG64(len(data)))
    for index in range(8):
        copy = bytearray(data)
        start, stop = ((at, at + 900), (at, len(copy)), (132, 2500), (at + 200, at + 260))[index % 4]
        for _ in range(rng.integers(1, 8)):
            copy[int(rng.integers(start, min(stop, len(copy))))] = int(rng.integers(256))
        survives(bytes(copy))
