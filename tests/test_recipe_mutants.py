"""Recipes changed by lot: read, or refused by a code of recipes with its place, and nothing else."""

from __future__ import annotations

import io
import random
from collections import Counter

import pytest

from cxredge.errors import InputError
from cxredge.files import canonical_json
from cxredge.recipe import Recipe
from cxredge.recipe_file import parse_recipe
from support.command import ROOT
from support.damage import damaged
from support.json_values import at, places

TEXTS = [path.read_bytes() for path in sorted((ROOT / "model_zoo").glob("*/model.yaml"))]
OTHERS: tuple[object, ...] = (None, True, 0, -1, 10**30, 0.5, "", "x", "p1 ", "../x", [], {}, ["x", "x"], {"x": 1})
PIECES = (
    *("&a ", "*a", "<<: *a\n", "!!binary ", "!!python/object:os.system ", "? ", "- " * 40, "{" * 40, "[" * 40, "---\n"),
    *(
        "...\n",
        "%YAML 1.1\n",
        "\t",
        "\x00",
        "\x85",
        "\u2028",
        "\ufeff",
        "1e400",
        ".nan",
        ".inf",
        "0o17",
        "1_000",
        "null: ",
    ),
    *("null: ", "'", '"', "|\n", ">-\n", ": ", "#", "\r", "~", "yes", "12:30:45", "2026-11-26", "=", "\u202e", "!"),
)


def by_bytes(rng: random.Random) -> bytes:
    return damaged(rng, rng.choice(TEXTS))


def by_a_piece(rng: random.Random) -> bytes:
    text = rng.choice(TEXTS).decode()
    places_of_words = [i for i, c in enumerate(text) if c in " \n"]
    where = rng.choice(places_of_words) + 1
    return (text[:where] + rng.choice(PIECES) + text[where:]).encode()


def by_a_value(rng: random.Random) -> bytes:
    from ruamel.yaml import YAML

    tree = YAML(typ="safe", pure=True, plug_ins=[]).load(rng.choice(TEXTS).decode())
    place = rng.choice(list(places(tree)))
    if rng.random() < 0.3:
        del at(tree, place[:-1])[place[-1]]
    else:
        at(tree, place[:-1])[place[-1]] = rng.choice(OTHERS)
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True, plug_ins=[])
    yaml.representer.ignore_aliases = lambda _: True
    yaml.dump(tree, stream)
    return stream.getvalue().encode()


def fate(data: bytes) -> str:
    """A code of recipes, or "read": then it says the same again when it is written out."""
    try:
        recipe = parse_recipe(data, "model.yaml")
    except InputError as error:
        assert error.code.startswith("RECIPE-"), error.code
        assert "model.yaml" in error.cause
        assert len(error.text()) < 3000
        assert error.text().isprintable() or "\n" in error.text()
        return error.code
    again = Recipe.model_validate_json(canonical_json(recipe.model_dump(mode="json")))
    assert again == recipe
    return "read"


def hold(count: int) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(count):
        rng = random.Random(number)
        outcomes[fate((by_bytes, by_a_piece, by_a_value)[number % 3](rng))] += 1
    print(f"{count} recipes:", dict(outcomes.most_common()))
    assert {"read", "RECIPE-SYNTAX", "RECIPE-VALUE"} <= set(outcomes)


def test_hundreds_of_changed_recipes() -> None:
    hold(300)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_changed_recipes() -> None:
    hold(10_000)
