"""Names of patients: what is no name, and which names are one patient written in two ways."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

_DECIMAL = re.compile(r"\+?(\d+)(?:[.,](\d*))?(?:e([+-]?\d{1,3}))?|\+?[.,](\d+)e([+-]?\d{1,3})")
_THOUSANDS = re.compile(r"\+?(\d{1,3}(?:[ ,'\u2019]\d{3})+)(?:\.0*)?")
_WHOLE = re.compile(r"([^.,]*\d)[.,]0+")
"""A name that ends in a number, to which a table of floats gave a point."""
_PARTS = re.compile(r"\d+|[^\W\d_]+")
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""Characters that show nothing though their category does not say so (Unicode's Default_Ignorable_Code_Point), and the
blank of braille."""
_ABSENT = frozenset(
    {
        *(
            "nan",
            "none",
            "null",
            "(null)",
            "na",
            "n/a",
            "n.a.",
            "<na>",
            "nat",
            "nil",
            "undefined",
            "unknown",
            "missing",
        ),
        *("#n/a", "#value!", "#ref!", "#null!", "#name?", "#num!", "#div/0!"),
    }
)
"""What spreadsheets, data bases and data frames write where there is nothing; letters of either case."""
_LATIN = str.maketrans("авекмнорстухіјѕԛԝαβεζηικμνορτυχϲ", "abekmhopctyxijsqwabezhikmnoptyxc")
"""Cyrillic and Greek letters that look like a Latin one, large or small."""

Key = tuple[str, ...]


def fault(name: str) -> str | None:
    """Why a cell names no patient; None: it does."""
    if not name:
        return "name the patient; films of one patient share the name"
    if name != name.strip():
        return "take the white space around it away"
    if _UNSEEN.search(name) or any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in name):
        return "take the characters away that cannot be seen"
    if name.casefold() in _ABSENT:
        return "name the patient: this is what a program wrote where there was nothing"
    if not any(c.isalnum() for c in name):
        return "name the patient by letters or digits"
    return None


def key(name: str) -> Key:
    """What is left of a name when only the way of writing it is taken away: equal keys are one patient's.

    Unicode's compatible forms, case, letters of other alphabets that look like Latin ones, what stands between letters,
    or between letters and digits, leading zeros of numbers, and the points, exponents and thousands that tables give to
    numbers: ``P-017``, ``p17`` and ``P 17.0`` are one, so are ``17``, ``0017``, ``17.0`` and ``1.7e+01``. ``1-12`` and
    ``11-2`` are two, and so are ``17`` and ``p17``.
    """
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    if (grouped := _THOUSANDS.fullmatch(text)) is not None:
        return (_digits("".join(c for c in grouped[1] if c.isdigit())),)
    if _DECIMAL.fullmatch(text):
        return _number(text)
    if (whole := _WHOLE.fullmatch(text)) is not None:
        text = whole[1]
    # letters of a word with marks of their own (decomposed or not) stay together: NFKC has composed what can be
    parts: list[str] = []
    for part in _PARTS.findall(text.translate(_LATIN)):
        if part[0].isdigit():
            parts.append(_digits(part))
        elif parts and not parts[-1][0].isdigit():
            parts[-1] += part
        else:
            parts.append(part)
    return tuple(parts) or (text,)


def _number(text: str) -> Key:
    """The digits before the point, and those behind it that count."""
    number = Decimal("".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in text.replace(",", ".")))
    # not by int, whose words are bounded
    whole, _, fraction = f"{number:f}".partition(".")
    fraction = fraction.rstrip("0")
    return (_digits(whole), fraction) if fraction else (_digits(whole),)


def _digits(text: str) -> str:
    """Decimal digits of any script as ASCII, without leading zeros."""
    return "".join(str(unicodedata.digit(c)) for c in text).lstrip("0") or "0"
