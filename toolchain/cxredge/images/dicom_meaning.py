"""What a DICOM header says about its stored values, as the typed record that ``levels`` computes with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, get_args

import numpy as np

from cxredge.errors import InputError
from cxredge.images.levels import Lut, Meaning, VoiFunction, Window

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def meaning_of(what: str, film: Dataset) -> Meaning:
    """Read bits, sign, modality transform, VOI and polarity of a grey film, or the bits of an RGB one.

    Raises InputError IMG-DAMAGED (bits contradict each other), IMG-RESCALE, IMG-WINDOW, IMG-NAN.
    """
    allocated, stored = whole(what, film, "BitsAllocated"), whole(what, film, "BitsStored")
    signed = whole(what, film, "PixelRepresentation", 0)
    if not 1 <= stored <= allocated or whole(what, film, "HighBit", stored - 1) != stored - 1 or signed not in (0, 1):
        raise InputError(
            "IMG-DAMAGED",
            f"{what}: {stored} bits stored of {allocated}, high bit {film.get('HighBit')}, representation {signed} "
            "do not fit together",
            "export the film again",
        )
    if film.PhotometricInterpretation == "RGB":
        return Meaning(stored)
    modality = _lut(what, film, "ModalityLUTSequence", "IMG-RESCALE")
    slope, intercept = number(what, film, "RescaleSlope"), number(what, film, "RescaleIntercept")
    if (slope is None) != (intercept is None) or (modality is not None and slope is not None) or slope == 0.0:
        raise InputError(
            "IMG-RESCALE",
            f"{what}: rescale slope {slope}, intercept {intercept}, modality LUT {'present' if modality else 'absent'} "
            "do not give one modality transform",
            "correct the header: slope (not 0) and intercept together, or a modality LUT, or neither",
        )
    return Meaning(
        bits=stored,
        signed=signed == 1,
        slope=1.0 if slope is None else slope,
        intercept=0.0 if intercept is None else intercept,
        modality=modality,
        voi=_lut(what, film, "VOILUTSequence", "IMG-WINDOW") or _window(what, film),
        inverted=film.PhotometricInterpretation == "MONOCHROME1",
    )


def whole(what: str, film: Dataset, keyword: str, default: int | None = None) -> int:
    """An integer element. Raises InputError IMG-DAMAGED where it is absent without a default, or no integer."""
    value = film.get(keyword)
    if value is None or value == "":
        if default is not None:
            return default
    elif isinstance(value, int):
        return int(value)
    raise InputError("IMG-DAMAGED", f"{what}: its header has no usable {keyword}", "export the film again")


def number(what: str, film: Dataset, keyword: str) -> float | None:
    """The first value of a decimal element, None where it is absent or empty. Raises InputError IMG-NAN."""
    value = film.get(keyword)
    if value is None or value == "":
        return None
    if not isinstance(value, (int, float, str)):
        items = list(value)
        if not items:
            return None
        value = items[0]
    result = float(value)
    if not math.isfinite(result):
        raise InputError("IMG-NAN", f"{what}: its {keyword} is {result}", "correct the header")
    return result


def _window(what: str, film: Dataset) -> Window | None:
    centre, width = number(what, film, "WindowCenter"), number(what, film, "WindowWidth")
    if centre is None and width is None:
        return None
    function = str(film.get("VOILUTFunction") or "LINEAR").strip().upper()
    for known in get_args(VoiFunction):
        least = 1.0 if known == "LINEAR" else math.ulp(0.0)
        if function == known and centre is not None and width is not None and width >= least:
            return Window(centre, width, known)
    raise InputError(
        "IMG-WINDOW",
        f"{what}: window centre {centre}, width {width}, function {function} cannot be applied",
        "correct the header: a width of at least 1 (LINEAR) or above 0, and a function that is read",
        get_args(VoiFunction),
    )


def _lut(what: str, film: Dataset, keyword: str, code: str) -> Lut | None:
    """The first item of a LUT sequence (PS3.3 C.11.1.1.1): a descriptor (entries, first input, bits) and the data."""
    sequence = film.get(keyword)
    if not sequence:
        return None

    def refuse(cause: str) -> InputError:
        return InputError(code, f"{what}: its {keyword} {cause}", "export the film again, or with a window instead")

    descriptor, data = sequence[0].get("LUTDescriptor"), sequence[0].get("LUTData")
    if descriptor is None or isinstance(descriptor, (int, str)) or len(descriptor) != 3 or data is None:
        raise refuse("has no descriptor of three numbers, or no data")
    # a count of 0 means 65536; count and bits are unsigned even where the element was written as signed
    count, first, bits = int(descriptor[0]) & 0xFFFF or 1 << 16, int(descriptor[1]), int(descriptor[2]) & 0xFFFF
    if not 8 <= bits <= 16:
        raise refuse(f"has {bits} bits an entry, not 8 to 16")
    if isinstance(data, (bytes, bytearray)):
        order = "<" if film.original_encoding[1] else ">"
        # 8-bit entries may be packed, two in a word
        packed = bits == 8 and len(data) == count + count % 2
        entries = np.frombuffer(data, dtype="u1" if packed else f"{order}u2")[:count].astype(np.int64)
    else:
        entries = np.atleast_1d(np.asarray(data, dtype=np.int64)) & 0xFFFF
    if len(entries) != count:
        raise refuse(f"has {len(entries)} entries where its descriptor says {count}")
    if entries.max() >= 1 << bits:
        raise refuse(f"has an entry of {entries.max()}, which {bits} bits cannot hold")
    return Lut(first, bits, entries)
