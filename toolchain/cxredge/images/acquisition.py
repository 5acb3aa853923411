"""What kind of film a DICOM header says it is, held against what the model takes: modality, body part, view.

A student answers for any picture, and its novelty score may miss one that is no such film at all. The header can tell,
so it is asked first. PNG and JPEG have no such header and are not asked. Codes are compared as they stand: the coded
sequences that may say the same (View Code, Anatomic Region) are not read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from cxredge.errors import InputError
from cxredge.recipe_input import InputSpec

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Read = TypeVar("Read")
MAX_BYTES = 1024
"""Most bytes of an element that is asked; the standard has one value of 16 characters."""
SHOWN = 64
"""Characters of it that are shown."""


class OtherKind(InputError):
    """A film of another kind than the model takes.

    key: of ``InputSpec``, the list that it is not on. said: what its header says, printable (``modality MR``).
    """

    def __init__(self, code: str, cause: str, fix: str, choices: tuple[str, ...], key: str, said: str) -> None:
        super().__init__(code, cause, fix, choices)
        self.key = key
        self.said = said

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.code, self.cause, self.fix, self.choices, self.key, self.said))


def check_acquisition(what: str, film: Dataset, spec: InputSpec) -> None:
    """Refuse a film whose header says another modality, body part or view than those of ``spec``, where it has any.

    Of an element with several values each must be taken. DICOM requires a modality of every film (PS3.3 C.7.3.1), so
    one without is refused too; body part and view it leaves open (C.7.3.1, C.8.11.7), and a film that says none is
    taken. Raises OtherKind IMG-MODALITY, IMG-BODY-PART or IMG-VIEW; InputError IMG-DAMAGED for an element that is no
    text, or above ``MAX_BYTES``.
    """
    modality = _codes(what, film, "Modality") if spec.modalities else ()
    if spec.modalities and not modality:
        raise OtherKind(
            "IMG-MODALITY",
            f"{what} does not say its modality, and this model takes some only",
            "choose a film that names one of these; predict --other-kinds reads any, and says so",
            spec.modalities,
            "modalities",
            "no modality",
        )
    if not set(modality) <= set(spec.modalities):
        raise OtherKind(
            "IMG-MODALITY",
            f"{what} is of modality {_shown(modality)}, which this model does not take",
            "choose a film of one of these; predict --other-kinds reads any, and says so",
            spec.modalities,
            "modalities",
            f"modality {_shown(modality)}",
        )
    part = _codes(what, film, "BodyPartExamined") if spec.body_parts else ()
    if not set(part) <= set(spec.body_parts):
        raise OtherKind(
            "IMG-BODY-PART",
            f"{what} is of body part {_shown(part)}, which this model does not take",
            "choose a film of one of these; predict --other-kinds reads any, and says so",
            spec.body_parts,
            "body_parts",
            f"body part {_shown(part)}",
        )
    view = _codes(what, film, "ViewPosition") if spec.views else ()
    if not set(view) <= set(spec.views):
        raise OtherKind(
            "IMG-VIEW",
            f"{what} is of view {_shown(view)}, which this model does not take",
            "choose a film of one of these; predict --other-kinds reads any, and says so",
            spec.views,
            "views",
            f"view {_shown(view)}",
        )


def passing_over(spec: InputSpec, read: Callable[[InputSpec], Read]) -> tuple[Read, tuple[str, ...]]:
    """``read`` of a film by ``spec`` without those of its lists that refuse the film, and what was so passed over.

    For whoever chose to go on: nothing else of the spec is loosened. Raises what ``read`` raises but OtherKind.
    """
    passed: list[str] = []
    while True:
        try:
            return read(spec), tuple(passed)
        except OtherKind as other:
            passed.append(other.said)
            spec = spec.model_copy(update={other.key: ()})


def _codes(what: str, film: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of a code string as their bytes say them: upper case, without padding, empty ones left out.

    The bytes as they lie in the file, for pydicom makes other things of values that are no code strings.
    """
    element = film.get_item(keyword)
    value = getattr(element, "value", None)
    if not value:
        return ()
    if not isinstance(value, bytes) or len(value) > MAX_BYTES or getattr(element, "VR", None) == "SQ":
        raise InputError("IMG-DAMAGED", f"{what}: its header has no usable {keyword}", "export the film again")
    parts = (part.strip(b"\0 ") for part in value.upper().split(b"\\"))
    return tuple(part.decode("latin-1") for part in parts if part)


def _shown(codes: tuple[str, ...]) -> str:
    """A stranger's text: what is not plain ASCII as its number, and not all of much."""
    return "".join(c if " " <= c <= "~" else f"\\x{ord(c):02x}" for c in "\\".join(codes))[:SHOWN]
