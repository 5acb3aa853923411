"""What films a student takes, and how they are preprocessed."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field

from cxredge.vocabulary import AbsentIf, DicomCode, Sparse, absent_or_not_empty


def _each_once(codes: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(codes)) != len(codes):
        raise ValueError("a code appears twice")
    return codes


AcceptedCodes = Annotated[
    tuple[DicomCode, ...],
    Field(min_length=1, max_length=32, json_schema_extra=absent_or_not_empty),
    AbsentIf(lambda codes: not codes),
    AfterValidator(_each_once),
]
"""Codes of which a film's must be one; absent from the file where any film will do, never null or empty."""


class InputSpec(Sparse):
    """What films a student takes, and their preprocessing, as data.

    Decode, orientation, VOI, inversion, 8-bit, fit, resize, float 0..255. The same record travels in the manifest, and
    the Kotlin and Swift twins read it there.
    """

    spec: Literal[1] = 1
    """Version of the preprocessing rules; a reader refuses a version that it does not know."""
    channels: Literal[1, 3] = 1
    height: int = Field(ge=16, le=1024)
    width: int = Field(ge=16, le=1024)
    fit: Literal["pad", "crop", "squash"]
    """How the film gets the student's aspect ratio before the resize: bars, centred cut, or distortion."""
    pad_value: int = Field(default=0, ge=0, le=255)
    """Grey level of the bars."""
    no_window: Literal["stored-range", "min-max"] = "stored-range"
    """What 0 and 255 mean for an image without a VOI window or LUT: the stored bits' range, or its own extremes."""
    modalities: AcceptedCodes = ()
    """Modalities (0008,0060) of the DICOM films that are taken; one that says none is refused. Absent: any film."""
    body_parts: AcceptedCodes = ()
    """Body parts (0018,0015) that are taken, of DICOM films that say one. Absent: any."""
    views: AcceptedCodes = ()
    """View positions (0018,5101) that are taken, of DICOM films that say one. Absent: any."""

    @property
    def preprocessing(self) -> Self:
        """Without what decides only whether a film is read: this alone decides pixels, and so a model's own bytes."""
        return self.model_copy(update=dict.fromkeys(("modalities", "body_parts", "views"), ()))
