"""Run-length segments that decode to more than their planes are refused before they are decoded."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from cxredge.errors import InputError
from cxredge.images.read import read_film
from cxredge.images.rle import SLACK, check_rle
from cxredge.recipe_input import InputSpec
from cxredge.vectors.sources import dicom, scene

SPEC = InputSpec(height=16, width=16, fit="pad")
PLANE = 2 * 128


def stream(*segments: bytes, count: int | None = None) -> bytes:
    starts, at = [], 64
    for segment in segments:
        starts.append(at)
        at += len(segment)
    head = [len(segments) if count is None else count, *starts]
    return struct.pack("<16I", *head, *([0] * (16 - len(head)))) + b"".join(segments)


def code(data: bytes, segments: int = 1) -> str | None:
    try:
        check_rle("film", data, segments, PLANE)
    except InputError as error:
        return error.code
    return None


RUNS = b"\x81\x07" * 2
"""Two rows of 128, a run each."""


def test_what_gives_the_plane_passes() -> None:
    assert code(stream(RUNS)) is None
    assert code(stream(RUNS + b"\0" * 2)) is None, "padding"
    assert code(stream(b"\x00\x07" * PLANE)) is None, "every byte a run of its own"
    assert code(stream(b"\xff\x07" + RUNS[2:] + b"\x83\x07"), 1) is None, "a run into the next row"
    assert code(stream(RUNS, RUNS), 2) is None


@pytest.mark.parametrize(
    "data",
    [
        stream(b"\x81\x07" * 10_000_000),
        stream(RUNS + b"\x81\x07"),
        stream(RUNS + b"\x00\x07"),
        stream(RUNS + bytes(SLACK + 1)),
        stream(b"\x82\x07" + RUNS),
        stream(b"\x00\x07" * 255 + b"\x01\x07\x07"),
        stream(b"\x80" * 20_000_000),
        stream(b"\x7f" + bytes(128) + RUNS[2:], b"\x81\x07" * 100),
        stream(RUNS, count=2),
        stream(RUNS)[:60],
        stream(RUNS, RUNS),
        struct.pack("<16I", 1, 10, *[0] * 14) + RUNS,
    ],
    ids=[
        "20 MB of runs",
        "one run more",
        "one byte more",
        "too many zeros",
        "a run beyond the plane",
        "a literal run beyond it",
        "20 MB of nothing",
        "second segment",
        "count",
        "cut",
        "more",
        "in the header",
    ],
)
def test_what_gives_more_is_refused(data: bytes) -> None:
    assert code(data, 2 if data.count(b"\x7f") == 1 else 1) == "IMG-DAMAGED"


def test_what_ends_early_is_refused() -> None:
    for segment in (b"", RUNS[:2], RUNS[:3], b"\x7f" + bytes(100), RUNS[:2] + b"\x7f" + bytes(127)):
        assert code(stream(segment)) == "IMG-TRUNCATED", segment


@pytest.mark.parametrize(("rows", "columns"), [(33, 39), (27, 40), (32, 40), (33, 41), (34, 40)])
def test_more_or_fewer_pixels_are_no_film(rows: int, columns: int) -> None:
    """A film of 33 x 40, whose header says something smaller or larger."""
    film = pydicom.dcmread(BytesIO(dicom(scene(33, 40, 0, 4095))))
    film.compress(RLELossless)
    film.Rows, film.Columns = rows, columns
    out = BytesIO()
    film.save_as(out)
    with pytest.raises(InputError) as caught:
        read_film(out.getvalue(), SPEC)
    assert caught.value.code == ("IMG-TRUNCATED" if rows * columns > 33 * 40 else "IMG-DAMAGED")


def test_a_film_of_twenty_megabytes_of_runs_is_refused() -> None:
    film = pydicom.dcmread(BytesIO(dicom(scene(16, 16, 0, 255), bits=8)))
    film.file_meta.TransferSyntaxUID = RLELossless
    film.PixelData = encapsulate([stream(b"\x81\x07" * 10_000_000)])
    film["PixelData"].is_undefined_length = True
    out = BytesIO()
    film.save_as(out)
    with pytest.raises(InputError) as caught:
        read_film(out.getvalue(), SPEC)
    assert caught.value.code == "IMG-DAMAGED"


def test_what_pydicom_encodes_passes() -> None:
    for bits in (8, 12):
        film = pydicom.dcmread(BytesIO(dicom(scene(61, 47, 0, (1 << bits) - 1), bits=bits)))
        plain = read_film(dicom(scene(61, 47, 0, (1 << bits) - 1), bits=bits), SPEC)
        film.compress(RLELossless)
        out = BytesIO()
        film.save_as(out)
        np.testing.assert_array_equal(read_film(out.getvalue(), SPEC), plain)
