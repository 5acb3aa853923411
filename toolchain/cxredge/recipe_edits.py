"""What a recipe still leaves to be written: texts that `init` and `import` put there to be replaced."""

from __future__ import annotations

from collections.abc import Iterator

from cxredge.recipe import Recipe

EDIT = "EDIT:"
"""How such a text begins."""


def left_to_write(recipe: Recipe) -> tuple[str, ...]:
    """Keys whose text begins with EDIT, in the recipe's order, as ``card.intended_use``."""
    return tuple(dict.fromkeys(_found("", recipe.model_dump(mode="json"))))


def licence_of(recipe: Recipe) -> str | None:
    """The weights' licence; None where nobody wrote it."""
    return None if recipe.licence.startswith(EDIT) else recipe.licence


def _found(key: str, value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _found(f"{key}.{name}" if key else str(name), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _found(key, inner)
    elif isinstance(value, str) and value.startswith(EDIT):
        yield key
