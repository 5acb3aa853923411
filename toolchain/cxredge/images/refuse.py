"""What an image is refused for, in one place: the limits, and the net under every decoder.

Codes (stable; docs and the Kotlin and Swift twins use the same):

========================  =============================================================================
IMG-MISSING               no such file, or not a regular file that may be read
IMG-FORMAT                not a DICOM, PNG or JPEG file by its first bytes
IMG-TRUNCATED             the file, or the image data in it, ends before its image does
IMG-DAMAGED               checksum, structure or codestream is wrong, or the header contradicts the pixels
IMG-SIZE                  more pixels, bytes, scans or parts than the limits, or no pixels
IMG-MULTIFRAME            more than one picture (multi-frame, enhanced or segmentation DICOM, animated PNG,
                          multi-picture JPEG)
IMG-NO-PIXELS             DICOM without pixel data
IMG-MODALITY              DICOM of a modality that the recipe does not take, or of none
IMG-BODY-PART             DICOM of a body part that the recipe does not take
IMG-VIEW                  DICOM of a view that the recipe does not take
IMG-SYNTAX                DICOM transfer syntax, or JPEG coding process, that is not read
IMG-PHOTOMETRIC           photometric interpretation that is not read, or that contradicts the presentation LUT
IMG-DEPTH                 bits per sample that are not read (float, 32 bit, 16-bit colour)
IMG-COLOUR                colour where the recipe takes grey
IMG-GREY                  grey where the recipe takes colour
IMG-ALPHA                 pixels that are not opaque
IMG-RESCALE               rescale slope is 0, or the modality transform is incomplete, given twice or of unknown range
IMG-WINDOW                VOI window or LUT that cannot be applied, or a LUT of unknown range
IMG-NAN                   a number in the header, or a result, is NaN or infinite
IMG-FLAT                  grey levels that lie too close together to be a film
IMG-ORIENTATION           Exif orientation outside 1..8, or an Exif block that cannot be read
IMG-TENSOR                pixels handed to the student that are not preprocessed
========================  =============================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cxredge.errors import CxrError, InputError

MAX_PIXELS = 64 * 1024 * 1024
"""Most pixels of a film, decoded or padded: a detector has some 20 million. Checked before anything is decoded."""
MAX_SIDE = 65_535
"""Most rows or columns: DICOM and JPEG cannot say more, and a PNG that does is no film."""
MAX_FILE_BYTES = 512 * 1024 * 1024
"""Most bytes of a file, and of what a deflated DICOM file unpacks to."""
MAX_SCANS = 100
"""Most scans of a JPEG stream: a few hundred bytes each can cost the decoder a pass over the whole film."""
MAX_SCANNED_PIXELS = 16 * MAX_PIXELS
"""Most pixels of a JPEG stream's scans together: progressive files have 6 to 12 scans."""


@contextmanager
def decoder_net(what: str, kind: str) -> Iterator[None]:
    """Turn whatever a decoder raises on damaged bytes into InputError IMG-DAMAGED.

    Our own errors pass unchanged. MemoryError passes too: the size was checked before, so it is this machine's
    trouble and no fault of the file. KeyboardInterrupt and SystemExit are no ``Exception`` and pass by themselves.
    """
    try:
        yield
    except (CxrError, MemoryError):
        raise
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0][:200]
        raise InputError(
            "IMG-DAMAGED",
            f"{what}: the {kind} cannot be read ({type(error).__name__}: {first})",
            "export the film again from its source",
        ) from error


def check_size(what: str, height: int, width: int) -> None:
    """Refuse a film of no pixels, or beyond ``MAX_PIXELS`` or ``MAX_SIDE``, by InputError IMG-SIZE."""
    if height < 1 or width < 1:
        raise InputError("IMG-SIZE", f"{what} has {height} rows and {width} columns", "export the film again")
    if height * width > MAX_PIXELS or max(height, width) > MAX_SIDE:
        raise InputError(
            "IMG-SIZE",
            f"{what} has {height} rows x {width} columns; at most {MAX_PIXELS} pixels, and {MAX_SIDE} a side, are read",
            "export the film at its detector's resolution",
        )
