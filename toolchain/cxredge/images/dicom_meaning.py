"""What a DICOM header says about its stored values, as the typed record that ``levels`` computes with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.images.levels import Lut, Meaning, VoiFunction, Window, check_filled

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset


def meaning_of(what: str, film: Dataset) -> Meaning:
    """Read bits, sign, modality transform, VOI and polarity of a grey film, or the bits of an RGB one.

    Raises InputError IMG-DAMAGED (bits contradict each other), IMG-RESCALE, IMG-WINDOW, IMG-NAN.
    """
    allocated, stored = whole(what, film, "BitsAllocated"), whole(what, film, "BitsStored")
    signed = whole(what, film, "PixelRepresentation", 0)
    colour = film.PhotometricInterpretation == "RGB"
    signs = (0,) if colour else (0, 1)
    if not 1 <= stored <= allocated or whole(what, film, "HighBit", stored - 1) != stored - 1 or signed not in signs:
        raise InputError(
            "IMG-DAMAGED",
            f"{what}: {stored} bits stored of {allocated}, high bit {film.get('HighBit')}, representation {signed} and "
            f"{film.PhotometricInterpretation} do not fit together",
            "export the film again",
        )
    if colour:
        return Meaning(stored)
    meaning = Meaning(stored, signed == 1, inverted=film.PhotometricInterpretation == "MONOCHROME1")
    modality = _lut(what, film, "ModalityLUTSequence", "IMG-RESCALE", meaning.modality_values())
    slope, intercept = (_only_number(what, film, keyword) for keyword in ("RescaleSlope", "RescaleIntercept"))
    if (slope is None) != (intercept is None) or (modality is not None and slope is not None) or slope == 0.0:
        raise InputError(
            "IMG-RESCALE",
            f"{what}: rescale slope {slope}, intercept {intercept}, modality LUT {'present' if modality else 'absent'} "
            "do not give one modality transform",
            "correct the header: slope (not 0) and intercept together, or a modality LUT, or neither",
        )
    meaning = replace(
        meaning,
        slope=1.0 if slope is None else slope,
        intercept=0.0 if intercept is None else intercept,
        modality=modality,
    )
    voi = _lut(what, film, "VOILUTSequence", "IMG-WINDOW", meaning.modality_values())
    if voi is not None:
        check_filled(what, "VOI LUT", voi, "IMG-WINDOW")
    return replace(meaning, voi=voi or _window(what, film))


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


def _only_number(what: str, film: Dataset, keyword: str) -> float | None:
    """As ``number``, of an element that has one value. Raises InputError IMG-RESCALE where it has more."""
    value = film.get(keyword)
    if value is not None and not isinstance(value, (int, float, str)) and len(value) > 1:
        raise InputError(
            "IMG-RESCALE", f"{what}: its {keyword} has {len(value)} values", "correct the header: one value"
        )
    return number(what, film, keyword)


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


def _lut(what: str, film: Dataset, keyword: str, code: str, inputs: NDArray[np.float64]) -> Lut | None:
    """The first item of a LUT sequence (PS3.3 C.11.1.1.1): a descriptor (entries, first input, bits) and the data.

    inputs: float64, every value that the table can be asked for.
    """
    sequence = film.get(keyword)
    if not sequence:
        return None

    def refuse(cause: str) -> InputError:
        return InputError(code, f"{what}: its {keyword} {cause}", "export the film again, or with a window instead")

    if keyword == "ModalityLUTSequence" and len(sequence) > 1:  # PS3.3 C.11.1.1: one item; of VOI LUTs, the first
        raise refuse(f"has {len(sequence)} items, and a film has one modality transform")
    order = "<" if film.original_encoding[1] else ">"
    item = sequence[0]
    descriptor = _words(item["LUTDescriptor"], order) if "LUTDescriptor" in item else None
    if descriptor is None or len(descriptor) != 3 or "LUTData" not in item:
        raise refuse("has no descriptor of three numbers, or no data")
    # a count of 0 means 65536
    count, stated, bits = int(descriptor[0]) or 1 << 16, int(descriptor[1]), int(descriptor[2])
    if not 8 <= bits <= 16:
        raise refuse(f"has {bits} bits an entry, not 8 to 16")
    data = item["LUTData"]
    # 8-bit entries may be packed, two in a word
    packed = bits == 8 and isinstance(data.value, bytes) and len(data.value) == count + count % 2
    entries = _packed(data, order) if packed else _words(data, order)
    if entries is None or len(entries) < count or (len(entries) > count and not isinstance(data.value, bytes)):
        raise refuse(f"has {0 if entries is None else len(entries)} entries where its descriptor says {count}")
    entries = entries[:count]
    if entries.max() >= 1 << bits:
        raise refuse(f"has an entry of {entries.max()}, which {bits} bits cannot hold")
    return Lut(_first_input(stated, count, float(inputs.min()), float(inputs.max())), bits, entries)


def _first_input(stated: int, count: int, least: float, greatest: float) -> int:
    """The input that a table's first entry maps. stated: the descriptor's 16 bits, 0..65535; least, greatest: inputs.

    PS3.3 C.11.1.1.1 and C.11.2.1.1: two's complement where inputs can be negative, else unsigned. The value
    representation is no witness: implicit files have none, and converters write the one that the pixels' sign
    suggests. A reading under which no input would meet the table cannot be what its writer meant, so the other one is
    taken where that one meets it.
    """
    unsigned, signed = stated, stated - (stated >> 15 << 16)
    readings = (signed, unsigned) if least < 0 else (unsigned, signed)
    return next((first for first in readings if first <= greatest and first + count - 1 >= least), readings[0])


def _words(element: DataElement, order: str) -> NDArray[np.int64] | None:
    """The 16-bit words of an element, unsigned whatever its value representation says; None where it has no such."""
    value = element.value
    if isinstance(value, bytes):
        return np.frombuffer(value, f"{order}u2").astype(np.int64) if len(value) % 2 == 0 else None
    words = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if not all(isinstance(word, int) for word in words):
        return None
    return np.array(words, dtype=np.int64) & 0xFFFF


def _packed(element: DataElement, order: str) -> NDArray[np.int64]:
    """Entries of 8 bits in the order of their inputs."""
    entries = np.frombuffer(element.value, "u1")
    # the words of an OW element are turned round in big-endian files (PS3.5 6.2), and with them the entries' pairs
    if element.VR == "OW" and order == ">":
        entries = entries.reshape(-1, 2)[:, ::-1].ravel()
    return entries.astype(np.int64)
