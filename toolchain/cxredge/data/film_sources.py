"""Where films are from, as a column of their set says."""

from __future__ import annotations

from collections.abc import Sequence

from cxredge.data.film import Film
from cxredge.errors import InputError, nearest


def sources_of(films: Sequence[Film], column: str) -> tuple[str, ...]:
    """The cells of ``column``. Raises InputError DISTILL-BALANCE where the data set has no such column."""
    for film in films:
        if column not in film.columns:
            raise InputError(
                "DISTILL-BALANCE",
                f"distill.balance names the column {column}, which the data set has not",
                "choose a column that says where films are from",
                nearest(column, film.columns),
            )
    return tuple(film.columns[column].strip() for film in films)
