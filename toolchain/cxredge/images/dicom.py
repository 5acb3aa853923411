"""DICOM -> grey levels: one frame, its header checked before its pixels are touched.

The first item of a VOI LUT Sequence counts; without one, the first window. Where a film has both, the LUT: it is the
curve that the modality's maker drew for it. Not applied, by choice: pixel padding, overlays, shutters, pixel spacing
and patient orientation. The rules from stored values to grey are in ``levels``.

Compressed pixels go through pydicom: Pillow for baseline JPEG, libjpeg (pylibjpeg) for the other JPEG kinds and
JPEG-LS, OpenJPEG (pylibjpeg) for JPEG 2000, pydicom itself for RLE. The decoders are native code that runs in this
process; their streams are held against the header first. Damage inside coded data has no checksum and can pass as
changed pixels.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.images.acquisition import check_acquisition
from cxredge.images.codestream import Coding
from cxredge.images.dicom_cut import Cut, cut_out
from cxredge.images.dicom_elements import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, LONG, PIXELS, truncated
from cxredge.images.dicom_meaning import meaning_of, whole
from cxredge.images.encapsulated import (
    BASELINE,
    EXTENDED,
    JPEG_2000,
    JPEG_2000_LOSSLESS,
    JPEG_LS,
    LOSSLESS_JPEG,
    LOSSLESS_JPEG_SV1,
    NEAR_LOSSLESS,
    RLE,
    hold_frame,
)
from cxredge.images.levels import Meaning, grey_levels, one_channel
from cxredge.images.refuse import check_size, decoder_net
from cxredge.recipe_input import InputSpec

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

MAX_META = 1000
"""Elements of the file meta group that are looked at; it has about ten."""

# transfer syntax -> pydicom's decoder ("" where the pixels are not compressed)
SYNTAXES = {
    IMPLICIT: "",
    EXPLICIT: "",
    DEFLATED: "",
    BIG_ENDIAN: "",
    RLE: "pydicom",
    BASELINE: "pillow",
    EXTENDED: "pylibjpeg",
    LOSSLESS_JPEG: "pylibjpeg",
    LOSSLESS_JPEG_SV1: "pylibjpeg",
    JPEG_LS: "pylibjpeg",
    NEAR_LOSSLESS: "pylibjpeg",
    JPEG_2000_LOSSLESS: "pylibjpeg",
    JPEG_2000: "pylibjpeg",
}

# SOP classes whose frames are no films, even where there is one: segmentation, label map segmentation
SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")


def read_dicom(what: str, data: bytes, spec: InputSpec) -> NDArray[np.uint8]:
    """A DICOM file with its preamble -> uint8[rows, columns] (channels 1) or uint8[rows, columns, 3] (8-bit RGB).

    Raises InputError with the codes of ``refuse``.
    """
    # pydicom warns of every doubt about a file; the doubts that change pixels are refused below, by code
    with decoder_net(what, "DICOM file"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        film, cut = _open(what, data)
        samples = _check_header(what, film, spec)
        meaning = meaning_of(what, film)
        # both may be absent, and a decoder asks for them
        film.SamplesPerPixel, film.PixelRepresentation = samples, int(meaning.signed)
        stored, coding = _pixels(what, film, cut, samples)
    stored = _kept(what, stored, coding, meaning)
    if samples == 3 and spec.channels == 1:
        stored = one_channel(what, stored)
    return np.ascontiguousarray(grey_levels(what, stored, meaning, spec.no_window))


def _kept(what: str, stored: NDArray[np.integer], coding: Coding, meaning: Meaning) -> NDArray[np.integer]:
    """Stored values without what was never the film's; those beyond the stored bits may be left to be clamped.

    What a lossless coder gives back above the stored bits was never the film's. A lossy coder may round beyond them,
    and cutting its upper bits off would turn the whitest pixels black; but JPEG's cosine transform knows no sign
    (PS3.5 8.2.1): what it gives is two's complement. Raises InputError IMG-DAMAGED where either may be.
    """
    within = meaning.without_unused_bits(stored)
    if coding == "lossless" or (coding == "cosine" and meaning.signed):
        return within
    if coding == "either" and not np.array_equal(within, stored):
        raise InputError(
            "IMG-DAMAGED",
            f"{what} has values beyond its {meaning.bits} stored bits, and whether a lossy coder made them is unknown",
            "export it losslessly, or as its scanner stored it",
        )
    return stored


def _open(what: str, data: bytes) -> tuple[FileDataset, Cut]:
    """The elements that count, found by hand and then parsed, and the pixels as they lie in the file."""
    import pydicom

    syntax, at = _transfer_syntax(what, data)
    if syntax not in SYNTAXES:
        raise InputError(
            "IMG-SYNTAX",
            f"{what}: transfer syntax {syntax or 'missing'} is not read",
            "convert the film to Explicit VR Little Endian",
            SYNTAXES,
        )
    cut = cut_out(what, data, at, syntax)
    film = pydicom.dcmread(BytesIO(cut.header))
    if cut.pixels is None:
        raise _without_pixels(what, film, data)
    return film, cut


def _transfer_syntax(what: str, data: bytes) -> tuple[str, int]:
    """Transfer syntax UID ("" where missing) and the offset behind the file meta group (PS3.10 7.1: explicit VR).

    Raises InputError IMG-SYNTAX where there are two.
    """
    at, syntax = 132, ""
    for _ in range(MAX_META):
        if data[at : at + 2] != b"\x02\x00" or at + 8 > len(data):
            break
        long = data[at + 4 : at + 6] in LONG
        start = at + (12 if long else 8)
        end = start + int.from_bytes(data[at + 8 : start] if long else data[at + 6 : start], "little")
        if data[at + 2 : at + 4] == b"\x10\x00":
            if syntax:
                raise InputError("IMG-SYNTAX", f"{what}: its transfer syntax is given twice", "export the film again")
            syntax = data[start:end].rstrip(b"\0 ").decode("ascii", "replace")
        at = end
    return syntax, at


def _without_pixels(what: str, film: FileDataset, data: bytes) -> InputError:
    if "FloatPixelData" in film or "DoubleFloatPixelData" in film:
        return InputError(
            "IMG-DEPTH", f"{what} has floating-point pixels, which have no stored range", "export the film as integers"
        )
    # an element that the file ends in is none, so the tag's own bytes tell the two cases apart
    if b"\xe0\x7f\x10\x00" in data or b"\x7f\xe0\x00\x10" in data:
        return truncated(what)
    return InputError(
        "IMG-NO-PIXELS",
        f"{what} has no pixel data (modality {str(film.get('Modality', 'unknown'))[:16]})",
        "choose the image itself, not a plan, report or presentation state; copy it again if it was cut short",
    )


def _check_header(what: str, film: FileDataset, spec: InputSpec) -> int:
    """Refuse what is not one film of the recipe's kind; returns samples per pixel, 1 or 3."""
    check_size(what, whole(what, film, "Rows"), whole(what, film, "Columns"))
    frames = whole(what, film, "NumberOfFrames", 1)
    if frames != 1:
        raise InputError(
            "IMG-MULTIFRAME",
            f"{what} is a multi-frame object ({frames} frames); one film is read at a time",
            "export each frame to its own single-frame file",
        )
    groups = "SharedFunctionalGroupsSequence" in film or "PerFrameFunctionalGroupsSequence" in film
    if groups or film.get("SOPClassUID") in SEGMENTATIONS:
        raise InputError(
            "IMG-MULTIFRAME",
            f"{what} is an enhanced or segmentation object (functional groups), not a single film",
            "choose the film itself; of an enhanced object, export the frame to its own file of a single-frame class",
        )
    check_acquisition(what, film, spec)
    samples = whole(what, film, "SamplesPerPixel", 1)
    photometric = str(film.get("PhotometricInterpretation", ""))
    if samples != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        return _check_colour(what, film, spec, samples, photometric)
    if spec.channels == 3:
        raise InputError("IMG-GREY", f"{what} is grey, and this model takes colour", "choose a colour image")
    if whole(what, film, "BitsAllocated") not in (8, 16):
        raise InputError(
            "IMG-DEPTH", f"{what} allocates {film.BitsAllocated} bits a pixel", "export it with 8 or 16", ("8", "16")
        )
    shape = str(film.get("PresentationLUTShape") or "")
    if shape not in ("", {"MONOCHROME1": "INVERSE", "MONOCHROME2": "IDENTITY"}[photometric]):
        raise InputError(
            "IMG-PHOTOMETRIC",
            f"{what} is {photometric} with presentation LUT shape {shape}: whether its least value is black is unknown",
            "correct one of the two tags",
        )
    if film.get("PresentationLUTSequence"):
        raise InputError("IMG-PHOTOMETRIC", f"{what} has a presentation LUT, which is not read", "export it without")
    return 1


def _check_colour(what: str, film: FileDataset, spec: InputSpec, samples: int, photometric: str) -> int:
    # RGB goes on: its three channels may be equal, which only its pixels tell
    colour = photometric == "PALETTE COLOR" or photometric.startswith("YBR_")
    if colour and spec.channels == 1:
        raise InputError(
            "IMG-COLOUR",
            f"{what} is {photometric}, and this model takes grey",
            "choose the film itself, not a screenshot or a secondary capture",
        )
    if (photometric, samples) != ("RGB", 3):
        raise InputError(
            "IMG-PHOTOMETRIC",
            f"{what}: photometric interpretation {photometric or 'missing'} with {samples} samples a pixel is not read",
            "export the film in one that is read",
            ("MONOCHROME1", "MONOCHROME2", "RGB"),
        )
    if (whole(what, film, "BitsAllocated"), whole(what, film, "BitsStored")) != (8, 8):
        raise InputError("IMG-DEPTH", f"{what} is RGB with other than 8 bits a sample", "export it with 8 bits")
    return 3


def _pixels(what: str, film: FileDataset, cut: Cut, samples: int) -> tuple[NDArray[np.integer], Coding]:
    """Stored values as pydicom decodes them, integers [rows, columns] or [rows, columns, 3], and their coding."""
    from pydicom.encaps import encapsulate
    from pydicom.pixels import pixel_array

    plugin = SYNTAXES[str(film.file_meta.TransferSyntaxUID)]
    coding: Coding = "lossless"
    if plugin:
        stream, coding = hold_frame(what, film, cut.fragments, samples)
        film.add_new(PIXELS, "OB", encapsulate([stream]))
        film["PixelData"].is_undefined_length = True
    else:
        pixels = memoryview(b"") if cut.pixels is None else cut.pixels
        expected = film.Rows * film.Columns * samples * film.BitsAllocated // 8
        if len(pixels) < expected:
            raise truncated(what)
        # the byte that makes an odd length even may be any; some writers fill up to a block, with zeros
        even = expected + expected % 2
        if np.frombuffer(pixels[even:], np.uint8).any():
            raise InputError(
                "IMG-DAMAGED",
                f"{what} has {len(pixels)} bytes of pixels where its header says {expected}, and what stands behind is "
                "not zero",
                "export the film again",
            )
        film.add_new(PIXELS, cut.pixel_vr, bytes(pixels[:even]))
    # pydicom's own correction of unused bits leaves JPEG 2000 and JPEG-LS out and spoils lossy overshoot
    stored: NDArray[np.integer] = pixel_array(
        film, decoding_plugin=plugin, correct_unused_bits=False, allow_excess_frames=False
    )
    shape = (film.Rows, film.Columns) if samples == 1 else (film.Rows, film.Columns, samples)
    if stored.shape != shape or not np.issubdtype(stored.dtype, np.integer):
        raise InputError(
            "IMG-DAMAGED", f"{what} decodes to {stored.dtype}{list(stored.shape)}, not {list(shape)}", "export it again"
        )
    return stored, coding
