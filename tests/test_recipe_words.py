"""Mistakes in a recipe's values are told once each, and in no library's words."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from cxredge.errors import InputError
from cxredge.recipe import Recipe
from cxredge.recipe_file import parse_recipe
from cxredge.recipe_words import single, words_of
from support.training_recipe import training_values

LIBRARY = re.compile(
    r"\b(Input|String|Tuple|List|Dictionary|Value error|instance of|valid (dictionary|tuple|integer|string))\b|\^[\[(]"
)
WRONG: tuple[Any, ...] = ("x y", "", 3.5, -1, 10**9, True, None, [], ["x y"], [[]], {}, {"x": 1})


def refused(**changes: Any) -> str:
    """changes: values by dotted key, with __ for the dot. What is said of the recipe, without its places."""
    tree = training_values()
    for key, value in changes.items():
        *way, last = key.split("__")
        node = tree
        for step in way:
            node = node[step]
        node[last] = value
    with pytest.raises(InputError) as caught:
        parse_recipe(json.dumps(tree).encode(), "model.yaml")
    assert caught.value.code == "RECIPE-VALUE"
    return re.sub(r"model\.yaml:\d+:\d+: ", "", caught.value.cause)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("distill__losses", [{"loss": "hard", "weight": -1}], "distill.losses.0.weight: must be at least 0 (found -1)"),
        ("distill__losses", [], "distill.losses: must have at least 1 entry"),
        ("name", "a_b", "name: must be small letters, digits and -, a letter first, at most 40 (found 'a_b')"),
        ("labels__uncertain", "ones", "labels.uncertain: must be a mapping of keys to values (found 'ones')"),
        ("labels__names", "Nodule", "labels.names: must be a list (found 'Nodule')"),
        ("input__height", "tall", "input.height: must be a whole number (found 'tall')"),
        (
            "distill__losses",
            [{"loss": "hard", "parameters": {"a": [1]}}],
            "distill.losses.0.parameters.a: must be true or false, a whole number, a number or text",
        ),
    ],
)
def test_each_mistake_is_told_once_and_in_words(key: str, value: object, words: str) -> None:
    assert refused(**{key: value}) == words


def places(node: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a tree."""
    for step, inner in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*way, step)
        yield from places(inner, (*way, step))


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_no_library_speaks(wrong: object) -> None:
    whole, told = training_values(), 0
    for *way, last in places(whole):
        tree = copy.deepcopy(whole)
        node: Any = tree
        for step in way:
            node = node[step]
        node[last] = copy.deepcopy(wrong)
        try:
            Recipe.model_validate(tree)
        except ValidationError as error:
            for detail in single(error.errors()):
                if detail["type"] not in ("missing", "extra_forbidden", "union_tag_not_found"):
                    told += 1
                    assert not LIBRARY.search(words_of(detail)), words_of(detail)
    assert told > 10
