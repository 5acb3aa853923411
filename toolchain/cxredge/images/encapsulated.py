"""The one compressed frame of a DICOM file: taken out of its fragments, and held against the header.

An offset table may point elsewhere than to where the pixels begin, and then a decoder looks at other bytes than whoever
checked them. So the stream that was checked is the only one that is left for the decoder. Whether it is lossless is
taken from the stream, not from the transfer syntax, which is only what somebody called it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cxredge.errors import InputError
from cxredge.images.codestream import Coding, Frame, check_stream, repair_sequential_scan
from cxredge.images.dicom_meaning import whole
from cxredge.images.jpeg2000 import check_jpeg_2000
from cxredge.images.jpeg_coverage import check_coverage
from cxredge.images.rle import check_rle

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

RLE = "1.2.840.10008.1.2.5"
BASELINE, EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
LOSSLESS_JPEG, LOSSLESS_JPEG_SV1 = "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"
JPEG_LS, NEAR_LOSSLESS = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS, JPEG_2000 = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"
LOSSLESS = (RLE, LOSSLESS_JPEG, LOSSLESS_JPEG_SV1, JPEG_LS, JPEG_2000_LOSSLESS)


def hold_frame(what: str, film: FileDataset, fragments: Sequence[memoryview], samples: int) -> tuple[bytes, Coding]:
    """The stream of a film's only frame, held against its header, and what it did to the stored values.

    fragments: of the pixel element, the table of offsets first; samples: of a pixel. Raises InputError IMG-MULTIFRAME
    (more than one frame), IMG-DAMAGED, IMG-TRUNCATED, IMG-SIZE, IMG-SYNTAX.
    """
    syntax = str(film.file_meta.TransferSyntaxUID)
    _check_offsets(what, film, fragments)
    stream = b"".join(fragments[1:])
    if syntax == RLE:
        if len(fragments) != 2:  # a frame is one fragment (PS3.5 A.4.2)
            raise _several(what)
        check_rle(what, stream, samples * film.BitsAllocated // 8, film.Rows * film.Columns)
        return stream, "lossless"
    frame = check_stream(what, stream)
    _hold_header(what, film, samples, frame)
    if syntax in (JPEG_2000_LOSSLESS, JPEG_2000):
        coding = _jpeg_2000(what, film, stream, frame)
    else:
        coding = check_coverage(what, stream, alone=True)
    if coding != "lossless" and syntax in LOSSLESS:
        raise InputError(
            "IMG-DAMAGED",
            f"{what}: its transfer syntax is a lossless one, and its compressed image has lost something",
            "export the film again",
        )
    return repair_sequential_scan(stream) if syntax == EXTENDED else stream, coding


def _check_offsets(what: str, film: FileDataset, fragments: Sequence[memoryview]) -> None:
    """The tables of offsets must say that there is one frame, and that it begins with the first fragment."""
    if not fragments or len(fragments[0]) % 4:
        raise InputError("IMG-DAMAGED", f"{what} has no table of offsets before its pixels", "export the film again")
    extended = bytes(film.get("ExtendedOffsetTable") or b"")
    if len(fragments[0]) > 4 or len(extended) > 8:
        raise _several(what)
    if any(fragments[0]) or any(extended):
        raise InputError(
            "IMG-DAMAGED", f"{what}: its offset table does not begin with its first fragment", "export the film again"
        )


def _hold_header(what: str, film: FileDataset, samples: int, frame: Frame) -> None:
    """So that no decoder allocates what the header does not say."""
    if (frame.height, frame.width, frame.components) != (film.Rows, film.Columns, samples):
        raise InputError(
            "IMG-DAMAGED",
            f"{what}: its header says {film.Rows}x{film.Columns}x{samples}, its compressed image "
            f"{frame.height}x{frame.width}x{frame.components}",
            "export the film again",
        )
    # more bits than are stored may be an overlay's; fewer are another film's
    stored = whole(what, film, "BitsStored")
    if not stored <= frame.bits <= film.BitsAllocated:
        raise InputError(
            "IMG-DAMAGED",
            f"{what}: its header says {stored} bits of {film.BitsAllocated}, its compressed image {frame.bits}",
            "export the film again",
        )


def _jpeg_2000(what: str, film: FileDataset, stream: bytes, frame: Frame) -> Coding:
    reversible = check_jpeg_2000(what, stream)
    if film.file_meta.TransferSyntaxUID == JPEG_2000_LOSSLESS:
        return "lossless" if reversible else "rounded"
    # lossless words keep their bits under either sign; what a lossy coder rounded under the other one is no film
    if frame.signed != (whole(what, film, "PixelRepresentation", 0) == 1):
        raise InputError(
            "IMG-DAMAGED",
            f"{what}: only one of its header and its compressed image says that values have a sign",
            "export the film again",
        )
    return "either" if reversible else "rounded"


def _several(what: str) -> InputError:
    return InputError("IMG-MULTIFRAME", f"{what} holds several compressed frames", "export each frame to its own file")
