"""What a check keeps of one film: hashes, a thumbnail, and what its file is, in some kilobyte."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.images.claims import kind_of
from cxredge.images.film_file import FilmBytes, FilmFile
from cxredge.images.read import read_film
from cxredge.recipe_input import InputSpec

SIDE = 32
"""Rows and columns of a thumbnail."""
_GREY = InputSpec(channels=1, height=SIDE, width=SIDE, fit="squash")
_COLOUR = _GREY.model_copy(update={"channels": 3})


@dataclass(frozen=True, eq=False)
class FilmFacts:
    """One film that was read. Sides in pixels, as decoded and upright; bits: of a stored sample."""

    kind: str
    bits: int
    height: int
    width: int
    size: int
    """Bytes of the file."""
    colour: bool
    file_digest: bytes
    pixel_digest: bytes
    """SHA-256 of shape and decoded 8-bit levels."""
    thumbnail: NDArray[np.uint8]
    """uint8[SIDE, SIDE]: the whole film, squashed, each cell the mean of what it covers."""


def film_facts(source: FilmFile) -> FilmFacts:
    """Read one film, grey or in colour. Raises InputError with the codes of ``images.refuse``, and DATA-HASH."""
    file = source.read()
    try:
        film = read_film(file, _GREY)
    except InputError as error:
        if error.code != "IMG-COLOUR":
            raise
        film = read_film(file, _COLOUR)
    kind, bits = _kind(file)
    return FilmFacts(
        kind=kind,
        bits=bits,
        height=film.shape[0],
        width=film.shape[1],
        size=len(file.data),
        colour=film.ndim == 3,
        file_digest=hashlib.sha256(file.data).digest(),
        pixel_digest=hashlib.sha256(repr(film.shape).encode() + film.tobytes()).digest(),
        thumbnail=thumbnail(film),
    )


def thumbnail(film: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8[h, w] or uint8[h, w, 3] -> uint8[SIDE, SIDE]; of colour its luma (ITU-R 601)."""
    from PIL import Image

    image = Image.fromarray(film)
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small if film.ndim == 2 else small.convert("L"))


def _kind(file: FilmBytes) -> tuple[str, int]:
    """Format and bits of a stored sample, of a file that was read without fault."""
    kind = kind_of(file.data)
    assert kind is not None, "nothing else is read"
    if kind == "DICOM":
        from pydicom import dcmread

        said = dcmread(BytesIO(file.data), stop_before_pixels=True, specific_tags=["BitsStored"])
        return kind, int(said.BitsStored)
    # IHDR is a PNG's first chunk: its bit depth stands behind signature, length, name, width and height
    return kind, file.data[24] if kind == "PNG" else 8
