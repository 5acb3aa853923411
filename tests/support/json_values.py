"""Places in JSON values, for tests that change one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def places(value: object, here: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where every value in a JSON value is, outermost first, but for the whole."""
    if here:
        yield here
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(child, (*here, key))


def at(value: Any, place: Iterable[str | int]) -> Any:
    for key in place:
        value = value[key]
    return value
