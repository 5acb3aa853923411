"""What the model card says of a decision between exclusive classes."""

from __future__ import annotations

from cxredge.bundle.bundle import open_bundle
from cxredge.bundle.card import render
from cxredge.evidence import Results
from cxredge.recipe import Recipe
from cxredge.results import number
from report.plausible import class_films_for, material_for, outputs_for, recipe_for
from support.bundles import V2

ARTIFACTS = ("tflite/fp32", "tflite/w8a8")


def section(recipe: Recipe, results: Results) -> str:
    """The card's section "Decision", of the frozen bundle's record with another recipe, artifacts and verdicts."""
    changed = {"recipe": recipe, "artifacts": results.artifacts, "verdicts": results.verdicts}
    text = render(open_bundle(V2 / "bundle").record.model_copy(update=changed))
    assert "Operating points" not in text
    assert "| answers changed |" in text
    return "## Decision\n" + text.partition("## Decision\n")[2].partition("\n## ")[0]


def found() -> tuple[Recipe, Results]:
    recipe, films = recipe_for(["bacterial", "normal", "viral"], ARTIFACTS, kind="single-label"), class_films_for(90, 3)
    return recipe, material_for(recipe, films, outputs_for(films, ARTIFACTS, spread=2.2)).results


def test_the_margin_its_rule_and_every_artifacts_accuracy() -> None:
    recipe, results = found()
    text = section(recipe, results)
    assert text.startswith("## Decision\n")
    assert "0.75, the least margin (accuracy >= 0.9 on val, 140 films, 96 answered, 88 right)" in text
    assert "*uncertain*" in text
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| tflite")
    ]
    assert [row[0] for row in rows] == list(ARTIFACTS)
    for row, verdict in zip(rows, results.verdicts, strict=True):
        accuracy, answered = verdict.figures.accuracy, verdict.figures.answered
        assert row[1:] == [
            number(accuracy.artifact),
            f"{number(accuracy.loss)} [{number(accuracy.low)}, {number(accuracy.high)}]",
            number(answered.artifact),
            f"{number(answered.loss)} [{number(answered.low)}, {number(answered.high)}]",
        ]


def test_figures_that_cannot_be_shown_say_why() -> None:
    recipe, results = found()
    few = results.verdicts[0].figures.accuracy.model_copy(update={"too_few": "9 patients, 10 are needed"})
    figures = results.verdicts[0].figures.model_copy(update={"accuracy": few, "answered": None})
    verdict = results.verdicts[0].model_copy(update={"figures": figures})
    text = section(recipe, results.model_copy(update={"verdicts": (verdict,)}))
    assert "| tflite/fp32 | too few: 9 patients, 10 are needed | – | – | – |" in text
