"""Which films a training may use, by their licence class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cxredge.errors import InputError, counted

if TYPE_CHECKING:
    from cxredge.data.film import Film
    from cxredge.recipe import Recipe

UNSTATED = "unspecified"


def licence(film: Film) -> str:
    """The film's licence class, as its row says."""
    return film.columns.get("licence_class") or UNSTATED


def allowed_films(films: Sequence[Film], split: str, allowed: Sequence[str]) -> list[Film]:
    """Of a split's films those whose class is in ``allowed``. Raises InputError DISTILL-LICENCE when there is none."""
    chosen = [film for film in films if licence(film) in allowed]
    if not chosen:
        raise InputError(
            "DISTILL-LICENCE",
            f"of the {counted(len(films), f'{split} film')} none has a licence class that the recipe allows",
            f"use data whose licence_class is {' or '.join(allowed)}",
        )
    return chosen


def usable_films(recipe: Recipe, films: Sequence[Film], split: str) -> list[Film]:
    """Of a split's films those that the recipe's training may use; all, where it has no ``distill`` section.

    Raises InputError DISTILL-LICENCE.
    """
    return list(films) if recipe.distill is None else allowed_films(films, split, recipe.distill.licence_classes)
