"""Just enough of JPEG, JPEG-LS and JPEG 2000 streams to judge them before a decoder sees them.

Markers: ITU-T T.81 Annex B (JPEG), T.87 Annex C (JPEG-LS), T.800 Annex A (JPEG 2000). All numbers are big-endian.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cxredge.errors import InputError
from cxredge.images.refuse import MAX_PIXELS, MAX_SCANNED_PIXELS, MAX_SCANS

SOS = 0xDA
# start-of-frame markers C0..CF without DHT (C4), JPG (C8) and DAC (CC), and JPEG-LS's F7
FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
MAX_SEGMENTS = 10_000
"""Most marker segments of a JPEG stream: pictures of cameras have some hundred."""
MAX_FILL = 1 << 16
"""Most fill bytes before a header's marker; decoders step through them one by one."""
_FILL = re.compile(rb"\xff++")
JPEG_2000 = b"\xff\x4f\xff\x51"


Coding = Literal["lossless", "cosine", "rounded", "either"]
"""What became of stored values. cosine: JPEG's transform; rounded: near-lossless JPEG-LS, or an irreversible JPEG 2000
transform; either: a reversible JPEG 2000 stream under the syntax of lossy ones, which may have lost its last bits."""


@dataclass(frozen=True)
class Frame:
    """What a stream says of itself."""

    height: int
    width: int
    components: int
    bits: int
    """Of a sample of the first component."""
    coded: int
    """Offset behind the headers, where coded data begins."""
    signed: bool | None = None
    """Whether its samples have a sign; None where the coding does not say (JPEG, JPEG-LS)."""


def jpeg_segments(stream: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, end) of each header segment's payload, the first SOS included and last.

    Ends early, without a word, where the bytes are no segment: what is then missing tells the caller.
    """
    at = 2
    # all FF but the last are fill bytes (T.81 B.1.1.2)
    while (fill := _FILL.match(stream, at)) and fill.end() + 3 <= len(stream):
        if fill.end() - at > MAX_FILL:
            return
        at = fill.end() - 1
        marker = stream[at + 1]
        length = int.from_bytes(stream[at + 2 : at + 4])
        if length < 2 or at + 2 + length > len(stream):
            return
        yield marker, at + 4, at + 2 + length
        if marker == SOS:
            return
        at += 2 + length


def check_stream(what: str, stream: bytes) -> Frame:
    """Size and components of a JPEG, JPEG-LS or JPEG 2000 stream that has its end marker.

    Raises InputError IMG-DAMAGED (no frame header), IMG-TRUNCATED (no end marker), IMG-SIZE (too many scans or
    segments).
    """
    frame = _jpeg_2000_frame(stream) if stream.startswith(JPEG_2000) else _jpeg_frame(what, stream)
    if frame is None:
        raise InputError(
            "IMG-DAMAGED", f"{what}: the compressed image has no readable frame header", "export the film again"
        )
    # FF D9 ends both families and cannot stand inside their coded data; cameras append blocks of their own after it
    if stream.rfind(b"\xff\xd9") < frame.coded:
        raise InputError(
            "IMG-TRUNCATED", f"{what}: the compressed image has no end marker", "copy or export the film again"
        )
    scans = 0 if stream.startswith(JPEG_2000) else stream.count(b"\xff\xda")
    # a frame beyond ``MAX_PIXELS`` is its reader's to refuse, who may know a better word for it
    pixels = min(frame.height * frame.width, MAX_PIXELS)
    if scans > MAX_SCANS or scans * pixels > MAX_SCANNED_PIXELS:
        raise InputError(
            "IMG-SIZE",
            f"{what}: the JPEG image has {scans} scans of {pixels} pixels; at most {MAX_SCANS} scans, and "
            f"{MAX_SCANNED_PIXELS} pixels in all of them, are read",
            "save it as a baseline JPEG",
        )
    return frame


def ends_alone(stream: bytes, end: int) -> bool:
    """Whether nothing stands behind a compressed image but padding: writers take 00 or FF for it."""
    return not stream[end:].strip(b"\x00\xff")


def _jpeg_frame(what: str, stream: bytes) -> Frame | None:
    found: tuple[int, int, int, int] | None = None
    for count, (marker, start, end) in enumerate(jpeg_segments(stream)):
        if count == MAX_SEGMENTS:
            raise InputError(
                "IMG-SIZE",
                f"{what}: the JPEG image has more than {MAX_SEGMENTS} segments",
                "save it without metadata",
            )
        if marker in FRAME_MARKERS and end - start >= 6:
            height, width = int.from_bytes(stream[start + 1 : start + 3]), int.from_bytes(stream[start + 3 : start + 5])
            found = height, width, stream[start + 5], stream[start]
        if marker == SOS and found is not None:
            return Frame(*found, coded=end)
    return None


def _jpeg_2000_frame(stream: bytes) -> Frame | None:
    if len(stream) < 43:
        return None
    # SIZ: marker 2, length 2, capabilities 2, then X, Y, X offset, Y offset, four tile numbers, components
    x, y, x0, y0 = (int.from_bytes(stream[at : at + 4]) for at in (8, 12, 16, 20))
    components, depth = int.from_bytes(stream[40:42]), stream[42]
    return Frame(y - y0, x - x0, components, (depth & 127) + 1, coded=42, signed=depth > 127)


def repair_sequential_scan(stream: bytes) -> bytes:
    """Write the only legal spectral selection, 0..63, into a sequential DCT stream's scan header.

    T.81 B.2.3 fixes Ss = 0, Se = 63, Ah = Al = 0 for sequential modes, so the three bytes carry no information;
    writers are known that leave them zero (the DICOM committee's own 12-bit samples), and our decoder insists on
    them. Any other stream is returned as it is.
    """
    sequential = False
    for marker, start, end in jpeg_segments(stream):
        if marker in (0xC0, 0xC1):
            sequential = True
        if marker == SOS and sequential and stream[end - 3 : end] == b"\0\0\0" and end - start >= 6:
            return stream[: end - 3] + b"\x00\x3f\x00" + stream[end:]
    return stream


def orientation(what: str, exif: bytes) -> int:
    """Exif orientation 1..8 of a TIFF-structured Exif block (Exif 2.32, tag 0x0112); 1 where the tag is absent.

    Only the first directory counts; XMP is not read. Raises InputError IMG-ORIENTATION.
    """

    def refuse(cause: str) -> InputError:
        return InputError(
            "IMG-ORIENTATION",
            f"{what}: {cause}",
            "turn the film upright and save it without Exif data",
            map(str, range(1, 9)),
        )

    order = {b"II*\0": "little", b"MM\0*": "big"}.get(exif[:4])
    if order is None:
        raise refuse("its Exif block is no TIFF structure, so which way is up is unknown")

    def number(at: int, size: int) -> int:
        if at + size > len(exif):
            raise refuse("its Exif block ends early, so which way is up is unknown")
        return int.from_bytes(exif[at : at + size], "little" if order == "little" else "big")

    directory = number(4, 4)
    count = number(directory, 2)
    for entry in range(count):
        at = directory + 2 + 12 * entry
        if number(at, 2) != 0x0112:
            continue
        if (number(at + 2, 2), number(at + 4, 4)) != (3, 1):
            raise refuse("its Exif orientation is not one SHORT")
        value = number(at + 8, 2)
        if not 1 <= value <= 8:
            raise refuse(f"its Exif orientation is {value}")
        behind = range(at + 12, min(directory + 2 + 12 * count, len(exif) - 1), 12)
        if any(number(tag, 2) == 0x0112 for tag in behind):
            raise turned_twice(what)
        return value
    return 1


def turned_twice(what: str) -> InputError:
    """The refusal of a picture that says more than once which way is up: readers take the first, or the last."""
    return InputError(
        "IMG-ORIENTATION",
        f"{what}: its Exif orientation is given twice",
        "turn the film upright and save it without Exif data",
    )


def jpeg_exif(what: str, stream: bytes) -> bytes | None:
    """Payload of the APP1 Exif segment before the scan, without its ``Exif`` prefix; None where there is none.

    Raises InputError IMG-ORIENTATION where there are two.
    """
    found = [
        stream[start + 6 : end]
        for marker, start, end in jpeg_segments(stream)
        if marker == 0xE1 and re.match(rb"Exif\0.", stream[start:end], re.DOTALL)
    ]
    if len(found) > 1:
        raise turned_twice(what)
    return found[0] if found else None
