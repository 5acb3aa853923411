"""Names of the field that recipes, results and bundles share, as types: what a value must look like to be one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)
from pydantic_core import CoreSchema, core_schema

from cxredge.errors import unseen

TARGETS: dict[str, str] = {
    "executorch": "cxredge.targets.executorch.target:ExecuTorch",
    "tflite": "cxredge.targets.tflite.target:TFLite",
    "coreml": "cxredge.targets.coreml.target:CoreML",
    "onnx": "cxredge.targets.onnx.target:Onnx",
}
"""Where each target's class is: ``module:Class``. A new target is a folder in ``targets/`` and a line here."""
if TYPE_CHECKING:
    TargetName = str
else:
    TargetName = Literal[tuple(TARGETS)]
SchemeName = Literal["fp32", "fp16", "w8", "w8a8"]

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
SLUG = r"^[a-z][a-z0-9-]{0,39}$"
Slug = Annotated[str, StringConstraints(pattern=SLUG)]
VERSION = r"^[0-9]{1,9}(\.[0-9]{1,9}){2}$"
Version = Annotated[str, StringConstraints(pattern=VERSION)]
LABEL = r"^[A-Za-z][A-Za-z0-9_]{0,39}$"
Label = Annotated[str, StringConstraints(pattern=LABEL)]
MAX_LABELS = 64
"""Of a student; phones read no more."""
MAX_PATIENTS = 100_000
"""Most phantom patients of a split: they are listed before any is drawn."""
_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+$"
Text = Annotated[str, StringConstraints(pattern=_LINE, max_length=200)]
"""One line for people: nothing that moves a cursor or turns the direction of what stands beside it."""
ShortText = Annotated[Text, StringConstraints(max_length=80)]


def _one_line(text: str) -> str:
    for sign in text:
        if unseen(sign):
            what = "an end of a line" if sign in "\n\r\v\f\x85\u2028\u2029" else f"U+{ord(sign):04X}, which nobody sees"
            raise ValueError(f"it holds {what}: write one line of signs that are seen")
    return text


Line = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(_one_line)]
"""One line for people on pages that strangers read, as long as a paragraph may be: all of it is seen."""
ShortLine = Annotated[Line, StringConstraints(max_length=200)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$")]
"""A language by its BCP 47 tag: language, and script or region where they matter (``pt-BR``, ``zh-Hans``)."""
Word = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
"""What a device, a system or a runtime says of itself: short, and without control characters."""
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
DicomCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_]([A-Z0-9_ ]{0,14}[A-Z0-9_])?$")]
"""A code string (PS3.5 6.2, VR CS) as a DICOM header means it: 1 to 16 capitals, digits, ``_`` and inner spaces."""
OUTPUT_NAMES = ("logits", "cam", "novelty", "quality")
"""What a student may answer, in the order in which it is listed. Without ``logits`` it is none."""
QualityKind = Literal["inverted", "upside-down", "turned", "mirrored"]
"""An accident of exporting or holding a film."""
QUALITY_KINDS: tuple[QualityKind, ...] = get_args(QualityKind)
"""All of them, in the order of the output ``quality``."""
ASKED_ONLY: tuple[QualityKind, ...] = ("mirrored",)
"""Kinds that are no more than a question: a heart on the right may be the patient's own (situs inversus)."""
ARTIFACT_NAME = r"^[a-z]{1,20}/[a-z0-9]{1,10}$"


class ArtifactName(str):
    """An artifact's name, ``target/scheme``: a string wherever strings are wanted, JSON among them."""

    __slots__ = ()

    @classmethod
    def of(cls, target: TargetName, scheme: SchemeName) -> Self:
        """The name of one scheme on one target."""
        return cls(f"{target}/{scheme}")

    @property
    def target(self) -> TargetName:
        """What stands before the slash."""
        target: TargetName = self.partition("/")[0]  # whoever reads a recipe checks it
        return target

    @property
    def scheme(self) -> SchemeName:
        """What stands behind it."""
        scheme: SchemeName = self.partition("/")[2]  # type: ignore[assignment]
        return scheme

    @property
    def integer(self) -> bool:
        """Whether its weights are INT8, so that it needs calibration films and may keep modules in float."""
        return self.scheme in INTEGER_SCHEMES

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls, core_schema.str_schema(pattern=ARTIFACT_NAME), serialization=core_schema.to_string_ser_schema()
        )


def _regular(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    return pattern


ModulePattern = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_regular)]

INTEGER_SCHEMES = ("w8", "w8a8")
"""Schemes with INT8 weights: they need calibration films, and may keep modules in float."""
AppKind = Literal["android", "ios"]
APP_TARGETS: dict[AppKind, tuple[TargetName, ...]] = {
    "android": ("executorch", "tflite"),
    "ios": ("coreml", "executorch"),
}
"""Targets whose artifacts an app's bundle may hold: the runtimes that the app has."""


class Frozen(BaseModel):
    """Base of every record: immutable, no unknown keys, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class AbsentIf:
    """Marks a field of a ``Sparse`` record whose key is not written where ``test`` holds of its value."""

    test: Callable[[Any], bool]


class Sparse(Frozen):
    """A record of which some keys may be absent from what is written.

    pydantic 2.12 has that (``exclude_if``), and plain pip takes 2.11: see pyproject.toml.
    """

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        tree: dict[str, Any] = write(self)
        for name, field in type(self).model_fields.items():
            marks = (mark for mark in field.metadata if isinstance(mark, AbsentIf))
            if any(mark.test(getattr(self, name)) for mark in marks):
                tree.pop(name, None)
        return tree


def absent_or_not_empty(schema: dict[str, Any]) -> None:
    """Of a list whose key is absent where it is not asked: it has no default that could be written."""
    schema.pop("default", None)
    schema["uniqueItems"] = True
