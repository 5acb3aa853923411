"""One film from a file or from bytes; its kind is what its first bytes say, whatever the file is called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.images import png
from cxredge.images.dicom import read_dicom
from cxredge.images.film_file import FilmBytes, FilmFile
from cxredge.images.levels import check_span
from cxredge.images.raster import JPEG_SIGNATURE, read_jpeg, read_png
from cxredge.recipe_input import InputSpec

KINDS = ("DICOM", "PNG", "JPEG")

# named only so that the refusal can say what was given
_OTHERS = (
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xff\x4f\xff\x51", "a bare JPEG 2000 stream"),
)


def read_film(source: Path | FilmFile | FilmBytes | bytes, spec: InputSpec) -> NDArray[np.uint8]:
    """Decode one film to 8-bit levels, upright, 0 black.

    source: a file, with or without its hash, or a whole file's bytes, with or without its name. Returns uint8[h, w]
    where ``spec.channels`` is 1, else uint8[h, w, 3], C-contiguous, at the film's own resolution. Raises InputError
    with the codes of ``cxredge.images.refuse``, and DATA-HASH.
    """
    if isinstance(source, bytes):
        source = FilmBytes("the image", source)
    elif isinstance(source, Path):
        source = FilmFile(source)
    if isinstance(source, FilmFile):
        source = source.read()
    film = _decode(source.name, source.data, spec)
    check_span(source.name, film)
    return film


def _decode(what: str, data: bytes, spec: InputSpec) -> NDArray[np.uint8]:
    if data[128:132] == b"DICM":
        return read_dicom(what, data, spec)
    if data.startswith(png.SIGNATURE):
        return read_png(what, data, spec)
    if data.startswith(JPEG_SIGNATURE):
        return read_jpeg(what, data, spec)
    if not data:
        raise InputError("IMG-TRUNCATED", f"{what} is empty", "copy the file again")
    kind = next((name for magic, name in _OTHERS if data.startswith(magic)), "no image of a kind that is read")
    raise InputError(
        "IMG-FORMAT",
        f"{what} is {kind} (a DICOM file must have its 128-byte preamble)",
        "export the film in one of the formats that are read",
        KINDS,
    )
