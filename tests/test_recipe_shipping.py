"""A recipe whose weights may not be passed on says so, why, and in place of a licence."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxredge.errors import InputError
from cxredge.recipe import Recipe, weights_file
from cxredge.recipe_file import load_recipe, parse_recipe
from cxredge.recipe_shipping import NO_LICENCE
from cxredge.recipe_training import check_trained
from support.command import ROOT

FILE = ROOT / "model_zoo" / "pneumonia-paed" / "model.yaml"
LICENCE, CLASSES = "licence: Apache-2.0\n", "licence_classes: [open]\n"
SHIP = 'ship: {allowed: false, why: "the films\' licences do not allow it"}\n'
KEPT = f'licence: "{NO_LICENCE}"\n{SHIP}'


def parsed(licence: str, classes: str = CLASSES) -> Recipe:
    text = FILE.read_text()
    assert text.count(LICENCE) == text.count(CLASSES) == 1
    return parse_recipe(text.replace(LICENCE, licence).replace(CLASSES, classes).encode(), "model.yaml")


def test_weights_that_do_not_ship_lie_outside_of_the_zoo() -> None:
    ships, kept = parsed(LICENCE), parsed(KEPT)
    assert weights_file(ships, FILE) == FILE.with_name("weights.safetensors")
    assert weights_file(kept, FILE) == Path("build/weights/pneumonia-paed/weights.safetensors")
    assert "ship" not in ships.model_dump(mode="json")
    assert Recipe.model_validate_json(kept.model_dump_json()) == kept


def test_where_they_are_not_made_yet_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="licences do not allow it") as caught:
        check_trained(parsed(KEPT), FILE)
    assert (caught.value.code, caught.value.fix) == ("WEIGHTS-MISSING", f"run: cxredge distill {FILE.parent}")


@pytest.mark.parametrize(
    ("licence", "classes", "said"),
    [
        (f'licence: "{NO_LICENCE}"\n', CLASSES, "and only there"),
        (LICENCE + SHIP, CLASSES, "and only there"),
        (LICENCE + "ship: false\n", CLASSES, "write {allowed: false, why: ...}"),
        (LICENCE + "ship: true\n", CLASSES, "leave ship out"),
        (LICENCE + "ship: {allowed: true, why: a}\n", CLASSES, "ship.allowed: must be false"),
        (LICENCE, "licence_classes: [open, nc]\n", "names nc; weights that ship learn from open,"),
        (KEPT, "licence_classes: []\n", "distill.licence_classes: must have at least 1 entry"),
    ],
)
def test_what_does_not_go_together_is_refused(licence: str, classes: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parsed(licence, classes)
    assert (caught.value.code, said in caught.value.cause) == ("RECIPE-VALUE", True), caught.value.cause


def test_any_class_of_films_may_be_learnt_from_then() -> None:
    recipe = parsed(KEPT, "licence_classes: [open, nc, unspecified]\n")
    assert recipe.distill is not None
    assert recipe.distill.licence_classes == ("open", "nc", "unspecified")
    assert load_recipe(FILE).ship is None
