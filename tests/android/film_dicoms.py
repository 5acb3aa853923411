"""The shared DICOM vectors in encodings that they do not have: implicit, big-endian, deflated, planes, high bits."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pydicom
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from cxredge.recipe_input import InputSpec
from cxredge.vectors.films import films
from cxredge.vectors.sources import dicom, scene

ENCODINGS = {
    "implicit": ImplicitVRLittleEndian,
    "big-endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}


def encoded() -> Iterator[tuple[str, bytes, InputSpec]]:
    """Name, file and spec of each."""
    for name, data, spec, _ in films():
        if not name.endswith(".dcm"):
            continue
        for encoding, syntax in ENCODINGS.items():
            yield f"{encoding}-{name}", _as(data, syntax), spec
    grey = InputSpec(height=32, width=40, fit="pad")
    colour = np.stack([scene(45, 37, 0, 255, seed) for seed in (1, 2, 3)], axis=-1).astype(np.uint8)
    planes = np.ascontiguousarray(colour.transpose(2, 0, 1)).reshape(45, 37, 3)
    spec = InputSpec(height=32, width=40, fit="crop", channels=3)
    yield "planes.dcm", dicom(planes, bits=8, PlanarConfiguration=1), spec
    yield "deflated-planes.dcm", _as(dicom(planes, bits=8, PlanarConfiguration=1), ENCODINGS["deflated"]), spec
    # 8-bit pixels written as words, whose two bytes big-endian files turn round
    film = pydicom.dcmread(BytesIO(dicom(scene(33, 21, 0, 255), bits=8)))
    film["PixelData"].VR = "OW"
    out = BytesIO()
    film.save_as(out, enforce_file_format=True)
    yield "big-endian-words-of-8-bits.dcm", _as(out.getvalue(), ENCODINGS["big-endian"]), grey
    # bits above the stored ones are not the film's (overlays stood there once)
    for signed in (False, True):
        yield f"high-bits-{signed}.dcm", dicom(scene(33, 20, 0, 32767), signed=signed, bits=12), grey


def of_kinds() -> Iterator[tuple[str, bytes, InputSpec]]:
    """Films of one kind or another, and a spec that takes chest films only; codes as they stand in the file."""
    spec = InputSpec(height=32, width=40, fit="pad", modalities=("CR", "DX"), body_parts=("CHEST",), views=("PA", "AP"))
    said: list[tuple[str, str | None]] = [
        *(
            ("Modality", v)
            for v in ("DX", "MR", None, "", "dx", " cr\0", "CR\\DX", "CR\\mr", "\\", "C\0R", "\xdf", "CRX")
        ),
        *(("Modality", code + " " * (1024 - len(code) + more)) for code in ("CR", "MR") for more in (0, 2)),
        *(("BodyPartExamined", v) for v in ("CHEST", "chest ", None, "", "  ", "ABDOMEN", "CHEST\\ABDOMEN")),
        *(("ViewPosition", v) for v in ("AP", "pa", None, "\0", "LL", "PA\\LL")),
    ]
    for number, (keyword, value) in enumerate(said):
        data = _saying(keyword, "CS", value)
        yield f"kind-{number}-{keyword}.dcm", data, spec
        for encoding, syntax in ENCODINGS.items():
            yield f"{encoding}-kind-{number}-{keyword}.dcm", _as(data, syntax), spec
    for vr, other in (("UN", b"mr"), ("UN", b"dx"), ("LO", "MR"), ("OB", b"DX")):
        yield f"kind-{vr}-{other!r}.dcm", _saying("Modality", vr, other), spec
    yield "kind-not-asked.dcm", _saying("Modality", "CS", "MR"), spec.model_copy(update={"modalities": ()})


def _saying(keyword: str, vr: str, value: str | bytes | None) -> bytes:
    """A film of modality CR, or of what is said in its place; None: no such element."""
    film = pydicom.dcmread(BytesIO(dicom(scene(33, 20, 0, 255), bits=8, Modality="CR")))
    film.pop(keyword, None)
    with pydicom.config.disable_value_validation():
        if value is not None:
            film.add_new(keyword, vr, value)
        return _written(film)


def unread() -> Iterator[tuple[str, bytes, InputSpec]]:
    """Compressed films, which the host reads and a phone does not."""
    grey = InputSpec(height=32, width=40, fit="pad")
    for syntax in (RLELossless, JPEGBaseline8Bit):
        film = pydicom.dcmread(BytesIO(dicom(scene(33, 20, 0, 255), bits=8)))
        if syntax == RLELossless:
            film.compress(syntax)
        else:
            film.file_meta.TransferSyntaxUID = syntax
            film.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
        yield f"{syntax.name}.dcm", _written(film), grey


def _as(data: bytes, syntax: pydicom.uid.UID) -> bytes:
    film = pydicom.dcmread(BytesIO(data))
    with pydicom.config.disable_value_validation():
        fresh = pydicom.Dataset({element.tag: element for element in film})
    if syntax == ExplicitVRBigEndian:
        _swap(fresh)
    fresh.file_meta = film.file_meta
    fresh.file_meta.TransferSyntaxUID = syntax
    return _written(fresh)


def _written(film: pydicom.Dataset) -> bytes:
    out = BytesIO()
    film.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _swap(film: pydicom.Dataset) -> None:
    """Turn the bytes of 16-bit words round: pydicom writes OW values as they are."""
    for item in (film, *film.get("ModalityLUTSequence", []), *film.get("VOILUTSequence", [])):
        for element in item:
            if element.VR == "OW":
                element.value = np.frombuffer(element.value, "<u2").astype(">u2").tobytes()
