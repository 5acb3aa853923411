"""JSON from a stranger: UTF-8, no key twice, no NaN, no lone surrogate, bounded in size and depth."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

MAX_DEPTH = 64
MAX_DIGITS = 1_000
"""Of a whole number: far above what any field may hold, and below what Python refuses in words of its own."""
MAX_PLACE = 200
"""Characters of a stranger's keys that an error shows."""
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""The escape of one half of a character; without its other half no file can hold the string."""


def parse(data: bytes, max_bytes: int) -> object:
    """The value of ``data``. Raises ValueError, in words, for anything else than strict, bounded JSON."""
    if len(data) > max_bytes:
        raise ValueError(f"it has {len(data)} bytes, above {max_bytes}")
    text = data.decode("utf-8")
    try:
        tree: object = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_int=_whole)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    level: list[object] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for value in level for child in _children(value)]
        if not level:
            _check_surrogates(text, tree)
            return tree
    raise ValueError(f"it is nested deeper than {MAX_DEPTH}")


def other_version(tree: object, key: str, known: int) -> tuple[str, bool] | None:
    """What ``tree`` has under ``key`` in place of the version ``known``, kept short, and whether that is a newer one.

    None: it is of that version.
    """
    version = tree.get(key) if isinstance(tree, dict) else None
    newer = False
    if isinstance(version, int) and not isinstance(version, bool):
        if version == known:
            return None
        newer = version > known
    return ascii(version)[:MAX_PLACE], newer


def first_fault(error: ValidationError) -> tuple[str, str]:
    """Place and words of the first thing that does not fit a schema; the place may be a stranger's, so kept short."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ascii(".".join(map(str, first["loc"])))[1:-1][:MAX_PLACE]
    return place, first["msg"]


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _check_surrogates(text: str, tree: object) -> None:
    """Raises ValueError for a lone surrogate in a key or a string of ``tree``, which is shallow by now."""
    if SURROGATE.search(text) is None:
        return
    try:
        json.dumps(tree, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("a string has a lone surrogate") from error


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = [k for k, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError(f"a key appears twice among {ascii(keys[:5])[:MAX_PLACE]}")
    return dict(pairs)


def _whole(text: str) -> int:
    digits = len(text.lstrip("-"))
    if digits > MAX_DIGITS:
        raise ValueError(f"a number has {digits} digits, above {MAX_DIGITS}")
    return int(text)


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")
