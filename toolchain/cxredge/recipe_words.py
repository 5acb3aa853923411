"""What is wrong with a value of a recipe, in words of ours: the schema's library speaks to programmers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from pydantic import StringConstraints
from pydantic_core import ErrorDetails

from cxredge.errors import counted
from cxredge.recipe_student import Backbone, TeacherBackbone
from cxredge.vocabulary import ARTIFACT_NAME, DicomCode, FileName, Label, Language, Sha256, Slug, Text, Version, Word

_MAPPING = "must be a mapping of keys to values"
_LIST = "must be a list"
_TEXT = "must be text; put it into quotes"
_NUMBER = "must be a number"
_WHOLE = "must be a whole number"
_YES_NO = "must be true or false"
WORDS = {
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dict_type": _MAPPING,
    "tuple_type": _LIST,
    "list_type": _LIST,
    "extra_forbidden": "is unknown",
    "string_type": _TEXT,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a finite number",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "bool_type": _YES_NO,
    "bool_parsing": _YES_NO,
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be greater than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
}
"""By the library's kind of mistake; in braces what it tells of the bound."""


def _pattern(kind: object) -> str:
    """Of a text that the schema gives a form."""
    return next(str(part.pattern) for part in get_args(kind) if isinstance(part, StringConstraints) and part.pattern)


FORMS = {
    _pattern(Slug): "must be small letters, digits and -, a letter first, at most 40",
    _pattern(Label): "must be letters, digits and _, a letter first, at most 40",
    _pattern(Version): "must be three numbers with points between, as 1.0.0",
    _pattern(Sha256): "must be a SHA-256: 64 digits of 0 to 9 and a to f, in quotes",
    _pattern(FileName): "must be a name of letters, digits, _, . and -, without a folder, at most 80",
    _pattern(Text): "must be one line of text, and not empty",
    _pattern(Word): "must be one line of text, and not empty",
    _pattern(Language): "must be a language's code, as en or pt-BR",
    _pattern(DicomCode): "must be a code as DICOM has it: capitals, digits and _, at most 16",
    _pattern(Backbone): "must be timm/ or cxredge/ and the name of a network",
    _pattern(TeacherBackbone): "must be timm/ or cxredge/ and the name of a network, or some of timm's with + between",
    ARTIFACT_NAME: "must be a target and a scheme, as tflite/w8a8",
    r"^https://[!-~]{1,180}$": "must be a link that begins with https://",
}
"""By the pattern that a text has to match; of others the pattern itself is shown."""
SCALARS = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "text"}
"""How the members of a union are called at the end of a mistake's place."""


def words_of(detail: ErrorDetails) -> str:
    """What a value must be; mistakes that a check of ours found have words already."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return FORMS.get(context["pattern"], f"must be written as {context['pattern']}")
    if kind in ("too_short", "too_long"):
        bound, number = ("at least", "min_length") if kind == "too_short" else ("at most", "max_length")
        return f"must have {bound} {counted(context[number], 'entry')}"
    if kind in ("string_too_short", "string_too_long"):
        bound, number = ("at least", "min_length") if kind == "string_too_short" else ("at most", "max_length")
        return f"must have {bound} {counted(context[number], 'character')}"
    if kind == "literal_error":
        return f"must be {context['expected']}".replace("True", "true").replace("False", "false")
    if kind == "union_tag_invalid":
        return f"has a {str(context['discriminator']).strip(chr(39))} that is none of those there are"
    if kind in WORDS:
        return WORDS[kind].format(**{key: _number(value) for key, value in context.items()})
    return detail["msg"].removeprefix("Value error, ")


def _number(value: object) -> object:
    """A bound as a person writes it: 0 and not 0.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def single(details: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Each mistake once.

    A list is not too short because an entry of it is wrong, and a value that fits no member of a union of numbers and
    text is one mistake.
    """
    places = [tuple(detail["loc"]) for detail in details]
    found: list[ErrorDetails] = []
    unions: set[tuple[int | str, ...]] = set()
    for detail, place in zip(details, places, strict=True):
        if detail["type"] == "too_short" and any(len(p) > len(place) and p[: len(place)] == place for p in places):
            continue
        members = [p[-1] for p in places if p[:-1] == place[:-1] and p and p[-1] in SCALARS]
        if place and place[-1] in SCALARS and len(members) > 1:
            if place[:-1] not in unions:
                unions.add(place[:-1])
                what = [SCALARS[str(member)] for member in members]
                said = f"must be {', '.join(what[:-1])} or {what[-1]}"
                found.append(ErrorDetails(type="union", loc=place[:-1], msg=said, input=detail["input"]))
            continue
        found.append(detail)
    return found
