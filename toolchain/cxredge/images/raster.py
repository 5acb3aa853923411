"""PNG and JPEG -> grey levels or colour, exactly as stored: no colour management, no gamma, nothing guessed.

Orientation is the Exif tag's (JPEG APP1, PNG eXIf), applied before anything else looks at the film. Grey is grey, or
RGB (or a palette) whose three channels are equal in every pixel. Alpha is accepted where every pixel is opaque.
Not read: gAMA, iCCP, sRGB and sBIT chunks, JPEG ICC profiles, XMP.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.images.codestream import check_stream, jpeg_exif, orientation
from cxredge.images.jpeg_coverage import check_coverage
from cxredge.images.levels import Meaning, grey_levels, one_channel
from cxredge.images.png import PALETTE, check_image, damaged, picture_alone, png_chunks
from cxredge.images.refuse import check_size, decoder_net
from cxredge.recipe_input import InputSpec

if TYPE_CHECKING:
    from PIL import Image

JPEG_SIGNATURE = b"\xff\xd8\xff"


def read_png(what: str, data: bytes, spec: InputSpec) -> NDArray[np.uint8]:
    """A PNG file of 1 to 16 bits -> uint8[h, w] (channels 1) or uint8[h, w, 3].

    16-bit grey is 0..65535 under ``stored-range``. 16-bit colour and 16-bit grey with alpha are refused (IMG-DEPTH):
    Pillow keeps their high bytes only. Raises InputError with the codes of ``refuse``.
    """
    from PIL import Image

    png = png_chunks(what, data)
    check_size(what, png.height, png.width)
    if b"acTL" in png.others:
        raise _several(what, "an animated PNG")
    if png.depth == 16 and png.kind != 0:
        raise InputError(
            "IMG-DEPTH", f"{what} is a 16-bit PNG with colour or alpha", "save it as 16-bit grey, or with 8 bits"
        )
    if b"tRNS" in png.others and png.kind != PALETTE:
        raise _transparent(what, "it names a transparent colour (tRNS)")
    check_image(what, data, png)
    with decoder_net(what, "PNG"), Image.open(BytesIO(picture_alone(data, png)), formats=("PNG",)) as image:
        image.load()
        if png.kind == PALETTE and 3 * int(np.asarray(image).max()) >= len(png.others[b"PLTE"]):
            raise damaged(what, "some of its pixels have no colour in its palette")
        stored = _samples(what, image)
    return _finish(what, stored, png.others.get(b"eXIf"), spec, bits=16 if png.depth == 16 else 8)


def read_jpeg(what: str, data: bytes, spec: InputSpec) -> NDArray[np.uint8]:
    """A JPEG file -> uint8[h, w] (channels 1) or uint8[h, w, 3].

    Its coded data must cover the picture (``jpeg_coverage``); other damage inside it shows in no checksum, for JPEG has
    none. Decoders of different platforms differ by a few levels; ``tests/vectors`` states the bound. Raises InputError
    with the codes of ``refuse``.
    """
    from PIL import Image

    frame = check_stream(what, data)
    check_size(what, frame.height, frame.width)
    if frame.bits != 8:
        raise InputError(
            "IMG-DEPTH",
            f"{what} is a JPEG of {frame.bits} bits a sample, which only DICOM files hold",
            "save it with 8",
        )
    with decoder_net(what, "JPEG"), Image.open(BytesIO(data), formats=("JPEG", "MPO")) as image:
        if getattr(image, "n_frames", 1) != 1:
            raise _several(what, "a multi-picture JPEG")
        check_coverage(what, data)
        image.load()
        stored = _samples(what, image)
    return _finish(what, stored, jpeg_exif(what, data), spec, bits=8)


def _samples(what: str, image: Image.Image) -> NDArray[np.integer]:
    """Loaded image -> uint8 or uint16 [h, w], or uint8[h, w, 3]; grey below 8 bits is scaled to the whole 0..255."""
    if image.mode == "CMYK":
        raise InputError("IMG-COLOUR", f"{what} is CMYK, for print", "save it as grey or RGB")
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode == "P":
        image = image.convert("RGBA")
    if image.mode in ("LA", "RGBA"):
        planes = np.asarray(image)
        if not (planes[..., -1] == 255).all():
            raise _transparent(what, "some of its pixels are not opaque")
        return planes[..., 0] if image.mode == "LA" else planes[..., :3]
    if image.mode in ("L", "RGB") or image.mode.startswith("I;16"):
        return np.asarray(image)
    raise InputError(
        "IMG-DEPTH",
        f"{what} decodes to mode {image.mode}, which is not read",
        "save it as 8- or 16-bit grey, or 8-bit RGB",
    )


def _finish(
    what: str, stored: NDArray[np.integer], exif: bytes | None, spec: InputSpec, bits: int
) -> NDArray[np.uint8]:
    if exif is not None:
        stored = turn(stored, orientation(what, exif))
    if spec.channels == 1 and stored.ndim == 3:
        stored = one_channel(what, stored)
    if spec.channels == 3 and stored.ndim == 2:
        raise InputError("IMG-GREY", f"{what} is grey, and this model takes colour", "choose a colour image")
    return np.ascontiguousarray(grey_levels(what, stored, Meaning(bits), spec.no_window))


def turn(stored: NDArray[np.integer], tag: int) -> NDArray[np.integer]:
    """Make [h, w] or [h, w, 3] upright. tag: Exif orientation 1..8, named by where row 0 and column 0 lie.

    2 mirrors left-right, 3 turns by 180 degrees, 4 mirrors up-down, 5 transposes, 6 turns clockwise by 90,
    7 transposes along the other diagonal, 8 turns anticlockwise by 90.
    """
    if tag >= 5:
        stored = stored.swapaxes(0, 1)
    if tag in (3, 4, 7, 8):
        stored = stored[::-1]
    if tag in (2, 3, 6, 7):
        stored = stored[:, ::-1]
    return stored


def _several(what: str, kind: str) -> InputError:
    return InputError(
        "IMG-MULTIFRAME", f"{what} is {kind}; one film is read at a time", "export each picture to its own file"
    )


def _transparent(what: str, cause: str) -> InputError:
    return InputError("IMG-ALPHA", f"{what}: {cause}, and what lies behind is unknown", "save it without transparency")
