from __future__ import annotations

import numpy as np
import pytest

from cxredge.errors import InputError
from cxredge.images.codestream import check_stream, jpeg_exif, jpeg_segments, orientation, repair_sequential_scan
from cxredge.vectors.sources import jpeg, scene

STREAM = jpeg(scene(20, 26, 0, 255).astype(np.uint8), orientation=3)


def test_frame_of_a_jpeg() -> None:
    frame = check_stream("x", STREAM)
    assert (frame.height, frame.width, frame.components) == (20, 26, 1)
    colour = jpeg(np.dstack([scene(9, 8, 0, 255).astype(np.uint8)] * 3))
    assert check_stream("x", colour).components == 3


def test_frame_of_jpeg_2000_subtracts_the_offset() -> None:
    siz = b"\xff\x4f\xff\x51" + bytes(4) + b"".join(n.to_bytes(4) for n in (110, 60, 10, 20, 1, 1, 0, 0)) + b"\0\x01"
    frame = check_stream("x", siz + b"\xff\xd9")
    assert (frame.height, frame.width, frame.components) == (40, 100, 1)


@pytest.mark.parametrize("cut", [2, 20, 100])
def test_no_frame_is_damaged(cut: int) -> None:
    with pytest.raises(InputError) as refusal:
        check_stream("x", STREAM[:cut])
    assert refusal.value.code == "IMG-DAMAGED"


def test_end_marker_of_the_thumbnail_does_not_count() -> None:
    with pytest.raises(InputError) as refusal:
        check_stream("x", STREAM[:2] + b"\xff\xe2\0\x04\xff\xd9" + STREAM[2:-2])
    assert refusal.value.code == "IMG-TRUNCATED"


def test_only_a_sequential_scan_with_zeros_is_repaired() -> None:
    assert repair_sequential_scan(STREAM) is STREAM
    end = next(end for marker, _, end in jpeg_segments(STREAM) if marker == 0xDA)
    assert STREAM[end - 3 : end] == b"\0\x3f\0"
    broken = STREAM[: end - 3] + b"\0\0\0" + STREAM[end:]
    assert repair_sequential_scan(broken) == STREAM
    progressive = broken.replace(b"\xff\xc0", b"\xff\xc2", 1)
    assert repair_sequential_scan(progressive) is progressive


def test_orientation_in_both_byte_orders() -> None:
    exif = jpeg_exif("film", STREAM)
    assert exif is not None
    assert orientation("x", exif) == 3
    little = b"II*\0\x08\0\0\0\x02\0" + b"\x00\x01\x03\0\x01\0\0\0\x05\0\0\0" + b"\x12\x01\x03\0\x01\0\0\0\x07\0\0\0"
    assert orientation("x", little) == 7
    assert orientation("x", little[:22] + b"\0" * 40) == 1
    twice = little[:8] + b"\x03\0" + little[10:] + little[22:]
    with pytest.raises(InputError, match="twice"):
        orientation("x", twice)
    assert orientation("x", twice[:8] + b"\x02\0" + twice[10:]) == 7
    with pytest.raises(InputError):
        orientation("x", little[:-6])
    as_long = little.replace(b"\x12\x01\x03", b"\x12\x01\x04")
    with pytest.raises(InputError):
        orientation("x", as_long)
