from __future__ import annotations

import pytest

from cxredge.metrics import BETTER_THAN_CHANCE
from cxredge.recipe import Gates
from cxredge.report import words
from cxredge.results import Figures, GateResult, Paired
from report.plausible import films_for, material_for, outputs_for, recipe_for


def figures(auc: Paired | None = None) -> Figures:
    recipe = recipe_for(["A"], ["tflite/w8a8"])
    films = films_for(60, 1)
    found = material_for(recipe, films, outputs_for(films, recipe.artifacts())).results.verdicts[0].figures
    return found if auc is None else found.model_copy(update={"auc": auc})


def test_numbers_have_true_minus_signs_and_no_negative_zero() -> None:
    assert words.figure(-0.000012345) == "−1.234e−05"
    assert words.fixed(-0.0004) == "0.000"
    assert words.signed(-0.0121) == "−0.012"
    assert words.signed(0.0121) == "+0.012"
    assert words.signed(-0.0001) == "0.000"
    assert words.percent(0.00301) == "0.301 %"
    assert [words.figure(None), words.fixed(None), words.signed(None), words.percent(None)] == ["–"] * 4
    assert [words.megabytes(13_659_392), words.megabytes(42_100)] == ["13.66 MB", "42.1 kB"]
    loss = Paired(reference=0.9, artifact=0.89, loss=0.01, low=-0.002, high=0.022)
    assert words.interval(loss) == "[−0.002, +0.022]"
    assert words.interval(loss.model_copy(update={"low": None})) == ""


def test_every_gate_of_a_recipe_has_words() -> None:
    assert set(words.GATES) == {*Gates.model_fields, BETTER_THAN_CHANCE}


@pytest.mark.parametrize("name", sorted([*Gates.model_fields, BETTER_THAN_CHANCE]))
def test_a_broken_gate_says_value_and_bound(name: str) -> None:
    text = words.failure(GateResult(gate=name, bound=0.02, value=0.034, verdict="broken"), figures())
    assert words.GATES[name] in text
    assert text.endswith("0.034, bound 0.02")
    assert ("interval" in text) == (name.endswith(("_loss", "_rise", BETTER_THAN_CHANCE)))


def test_a_gate_that_could_not_be_shown_says_why() -> None:
    few = Paired(
        reference=None, artifact=None, loss=None, low=None, high=None, too_few="5 positive patients, 10 needed"
    )
    gate = GateResult(gate="auc_loss", bound=0.02, value=None, verdict="not-shown")
    assert words.failure(gate, figures(few)) == (
        "AUC loss: could not be shown (5 positive patients, 10 needed), bound 0.02"
    )


def test_long_names_may_break_and_are_escaped() -> None:
    assert words.breakable("a_b/c.<i>") == "a_<wbr>b/<wbr>c.<wbr>&lt;i&gt;"
