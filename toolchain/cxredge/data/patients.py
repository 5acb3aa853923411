"""Names of patients: what is no name, and which names are one patient written in two ways."""

from __future__ import annotations

import re
import unicodedata

_NUMBER = re.compile(r"\+?(\d+)(?:\.0*)?(?:e\+?(\d{1,2}))?|\+?(\d)\.(\d+)e\+?(\d{1,2})")
_PARTS = re.compile(r"\d+|[^\W\d_]+")
_ABSENT = frozenset({"nan", "none", "null", "na", "n/a", "<na>", "nat", "#n/a"})
"""What spreadsheets and data frames write where there is nothing; letters of either case."""

Key = tuple[str, ...]


def fault(name: str) -> str | None:
    """Why a cell names no patient; None: it does."""
    if not name:
        return "name the patient; films of one patient share the name"
    if name != name.strip():
        return "take the white space around it away"
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in name):
        return "take the characters away that cannot be seen"
    if name.casefold() in _ABSENT:
        return "name the patient: this is what a program wrote where there was nothing"
    return None


def key(name: str) -> Key:
    """What is left of a name when only the way of writing it is taken away: equal keys are one patient's.

    Unicode's compatible forms, case, what stands between letters and digits, leading zeros of numbers, and the point
    and exponent that a table of floats gives to whole numbers: ``P-017``, ``p17`` and ``P 17`` are one, so are ``17``,
    ``0017``, ``17.0`` and ``1.7e+01``. ``1-12`` and ``11-2`` are two, and so are ``17`` and ``p17``.
    """
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    if (number := _NUMBER.fullmatch(text)) is not None:
        whole, zeros, first, rest, shift = number.groups()
        if whole is not None:
            return (_digits(whole + "0" * int(zeros or 0)),)
        if int(shift) >= len(rest.rstrip("0")):
            return (_digits((first + rest.rstrip("0")).ljust(int(shift) + 1, "0")),)
    # letters of a word with marks of their own (decomposed or not) stay together: NFKC has composed what can be
    parts = tuple(_digits(part) if part[0].isdigit() else part for part in _PARTS.findall(text))
    return parts or (text,)


def _digits(text: str) -> str:
    """Decimal digits of any script as ASCII, without leading zeros."""
    return "".join(str(unicodedata.digit(c)) for c in text).lstrip("0") or "0"
