"""The page of exclusive classes: it speaks of classes, shows what is taken for what, and keeps the page's rules."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cxredge.evidence_decisions import ClassFlip, Confusion
from cxredge.report import choice, overview, panels
from cxredge.report.confusion import OTHER, UNCERTAIN, matrices
from cxredge.report.data_files import OF_OTHER_FILMS, TABLES, contents
from cxredge.report.gallery import exhibits
from cxredge.report.material import REFERENCE, ReportMaterial
from cxredge.report.table import shown
from report.plausible import (
    MARGIN,
    chances,
    class_films_for,
    films_for,
    log_odds,
    material_for,
    named,
    outputs_for,
    recipe_for,
)
from report.test_page import SECTIONS, words, written

CLASSES = ["bacterial", "normal", "viral"]
NAME = "tflite/w8a8"


def material(names: list[str] | None = None, films: int = 150, **more: object) -> ReportMaterial:
    found = names or CLASSES
    recipe = recipe_for(found, more.pop("artifacts", None), kind="single-label")  # type: ignore[arg-type]
    shown_films = class_films_for(films, len(found), str(more.pop("file", "images/film_{:05d}.png")))
    outputs = outputs_for(shown_films, recipe.artifacts(), spread=2.2)
    return material_for(recipe, shown_films, outputs, **more)  # type: ignore[arg-type]


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_pages_rule_is_the_margin(tmp_path: Path) -> None:
    """The rule object, which the page decides by, against this room's own softmax."""
    whole = material(artifacts=[NAME])
    for outputs in whole.outputs.values():
        np.testing.assert_array_equal(whole.rule.call(outputs["logits"]), named(log_odds(outputs["logits"])))
        np.testing.assert_allclose(whole.rule.scores(outputs["logits"]), log_odds(outputs["logits"]), atol=1e-4)
        top = chances(outputs["logits"], True, 1).max(1)
        assert (whole.rule.call(outputs["logits"]).any(1) == (top >= 1 / (1 + np.exp(-MARGIN)))).all()


def test_sections_speak_of_classes(tmp_path: Path) -> None:
    page, text = written(tmp_path, material())
    ids = [s["id"] for s in page.of("section")]
    assert ids == ["overview", "classes", *SECTIONS[1:]]
    said = words(page)
    for phrase in (
        "3 (single-label): bacterial, normal, viral",
        "150 (one a film)",
        "Log-odds: reference against artifact",
        "Share of all films whose answer differs",
        "One class against all others together.",
        "stays uncertain",
        "Means over classes with enough films: 3 of 3.",
        f"at least {MARGIN} (accuracy >= 0.9 on val, 140 films, 96 answered, 88 right)",
    ):
        assert phrase in said, phrase
    for phrase in ("operating point", "the finding", "positive for", "turned positive", "film × label", "None"):
        assert phrase not in said, phrase
    for section in re.split(r"<section ", text)[1:]:
        paragraph = re.search(r"</h2>\s*<p>(.*?)</p>", section, re.S)
        assert paragraph is not None
        assert len(paragraph[1].split()) > 35
    assert all(th.get("scope") in ("row", "col") for th in page.of("th"))
    assert len(page.of("caption")) == len(page.of("table"))


def test_pages_of_findings_do_not_speak_of_classes(tmp_path: Path) -> None:
    recipe, films = recipe_for(["A", "B"]), films_for(60, 2)
    page, _ = written(tmp_path, material_for(recipe, films, outputs_for(films, recipe.artifacts())))
    for phrase in ("uncertain", "log-odds", "confusion", "Accuracy", "least margin"):
        assert phrase not in words(page), phrase


def test_links_lead_to_the_tables(tmp_path: Path) -> None:
    page, _ = written(tmp_path, material())
    ids = [a["id"] for _, a in page.elements if a.get("id")]
    assert len(set(ids)) == len(ids)
    for link in page.of("a"):
        goal = link["href"] or ""
        assert goal[1:] in ids if goal.startswith("#") else (tmp_path / goal).is_file(), goal
    assert {p.name for p in (tmp_path / "report-data").iterdir()} == {
        "results.json", "explanations.json", *(f"{name}.csv" for name in set(TABLES) - {*OF_OTHER_FILMS})
    }  # fmt: skip


def test_figures_and_matrices_stand_side_by_side(tmp_path: Path) -> None:
    whole = material(artifacts=[NAME])
    evidence, figures = whole.evidence(NAME), whole.results.verdicts[0].figures
    assert evidence is not None
    assert evidence.confusion is not None
    page, text = written(tmp_path, whole)
    said = words(page)
    for name in ("accuracy", "answered", "accuracy_answered"):
        figure = getattr(figures, name)
        assert f"{figure.reference:.3f} → {figure.artifact:.3f};" in said
    tables = re.findall(r"<caption>Films by the answer of .*?</table>", text, re.S)
    for counts, table in zip((evidence.confusion.reference, evidence.confusion.artifact), tables, strict=True):
        cells = [int(n) for n in re.findall(r'<td class="n(?: hit)?">(\d+)', table)]
        expected = [n for row in counts for n in (sum(row), *row)]
        assert cells == expected
        assert table.count('class="n hit"') == 3
        assert [int(n) for n in re.findall(r'<td class="n hit">(\d+)', table)] == [counts[i][i] for i in range(3)]


def test_few_and_many_classes(tmp_path: Path) -> None:
    two, _ = written(tmp_path / "two", material(["A", "B"], 30))
    assert "classes" in [s["id"] for s in two.of("section")]
    many, text = written(tmp_path / "many", material([f"L{i}_" + "very_long_" * 3 for i in range(64)], 80))
    assert "Of 64 classes, the 12 with most flips are drawn" in words(many)
    assert len(text.encode()) < 5_000_000


def test_classes_that_are_not_drawn_are_counted_together() -> None:
    counts = ((5, 1, 2, 3), (0, 7, 1, 0), (2, 2, 2, 2))
    found = Confusion(classes=("A", "B", "C"), reference=counts, artifact=counts)
    whole, _ = matrices(found, "x/y", (0, 1, 2))
    assert whole.columns == ("A", "B", "C", UNCERTAIN)
    assert [[c.films for c in row.cells] for row in whole.rows] == [list(row) for row in counts]
    assert [[c.right for c in row.cells].index(True) for row in whole.rows] == [0, 1, 2]
    part, _ = matrices(found, "x/y", (2, 0))
    assert part.columns == ("C", "A", OTHER, UNCERTAIN)
    assert [(row.says, row.films, [c.films for c in row.cells]) for row in part.rows] == [
        ("C", 8, [2, 2, 2, 2]), ("A", 11, [2, 5, 1, 3]),
    ]  # fmt: skip
    assert [[c.right for c in row.cells] for row in part.rows] == [
        [True, False, False, False], [False, True, False, False],
    ]  # fmt: skip
    empty = Confusion(classes=("A", "B"), reference=((0, 0, 0), (1, 0, 0)), artifact=((0, 0, 0), (1, 0, 0)))
    assert matrices(empty, "x/y", (0, 1))[0].rows[0].cells[0].share is None


def test_flips_show_both_answers(tmp_path: Path) -> None:
    whole = material(artifacts=[NAME])
    evidence = whole.evidence(NAME)
    assert evidence is not None
    lost = sum(f.artifact.answer is None for f in evidence.flips if isinstance(f, ClassFlip))
    won = sum(f.reference.answer is None for f in evidence.flips if isinstance(f, ClassFlip))
    assert lost + won > 0
    page, text = written(tmp_path, whole)
    other = len(evidence.flips) - lost - won
    assert f"{len(evidence.flips)} flips: {other} with another class, {lost} uncertain now, {won} uncertain" in words(
        page
    )
    (table,) = re.findall(rf"<caption>Flips of {NAME}</caption>(.*?)</table>", text, re.S)
    rows = re.findall(r"<tr><th scope=\"row\".*?</tr>", table, re.S)
    assert len(rows) == len(evidence.flips)
    for row, flip in zip(rows, choice.flips(evidence), strict=True):
        assert isinstance(flip, ClassFlip)
        plain = " ".join(re.sub(r"<[^>]+>", " ", row).split())
        assert f"then {flip.reference.runner_up}" in plain
        assert ("uncertain" in plain) == (flip.reference.answer is None or flip.artifact.answer is None)
        right = [answer.answer == flip.truth for answer in (flip.reference, flip.artifact)]
        assert ("now as the data set" in plain) == right[1]
        assert ("no longer as the data set" in plain) == right[0]
        assert ("neither was as the data set" in plain) == (not any(right))


def test_flips_that_moved_most_come_first_and_unexplained_before_them() -> None:
    whole = material(artifacts=[NAME], films=300)
    evidence = whole.evidence(NAME)
    assert evidence is not None
    order = choice.flips(evidence)
    keys = [(f.explained, -f.moved) for f in order]
    assert keys == sorted(keys)
    assert len(order) > 3


def test_scatter_and_roc_are_of_log_odds() -> None:
    whole = material(artifacts=[NAME])
    for place, name in enumerate(CLASSES):
        panel = panels.label_panel(whole, NAME, place)
        assert panel.threshold == MARGIN
        assert "log-odds of the reference" in panel.scatter
        assert "at the least margin 0.75" in panel.scatter
        assert panel.roc is not None
        truth, logits = whole.truth[:, place], whole.outputs[NAME]["logits"]
        called = named(log_odds(logits))[:, place]
        assert f"{called[truth].mean():.3f} and {(~called[~truth]).mean():.3f}" in panel.roc
        assert f"{name}: ROC of the reference" in panel.roc


def test_exhibits_say_the_films_class() -> None:
    whole = material(artifacts=[NAME])
    found = exhibits(whole, NAME)
    odds = log_odds(whole.outputs[REFERENCE]["logits"])
    assert found
    for exhibit in found:
        (film,) = (i for i, f in enumerate(whole.films) if f.file == exhibit.film)
        assert exhibit.says == CLASSES[int(whole.films[film].targets.argmax())]
        assert exhibit.label == CLASSES[int(odds[film].argmax())]
        assert exhibit.reference == pytest.approx(odds[film].max(), abs=1e-4)
        assert exhibit.reference >= exhibit.threshold == MARGIN


def test_tables_hold_both_answers_and_every_count() -> None:
    whole = material(artifacts=[NAME])
    evidence, files = whole.evidence(NAME), contents(whole)
    assert evidence is not None
    assert evidence.confusion is not None
    flips = read(files["flips.csv"])
    for row, flip in zip(flips, evidence.flips, strict=True):
        assert isinstance(flip, ClassFlip)
        assert (row["film"], row["truth"]) == (flip.film, flip.truth)
        assert (row["reference_answer"], row["artifact_answer"]) == (
            flip.reference.answer or "", flip.artifact.answer or "",
        )  # fmt: skip
        assert float(row["artifact_log_odds"]) == flip.artifact.log_odds
        assert (row["reference_nearest"], row["reference_runner_up"]) == (
            flip.reference.nearest, flip.reference.runner_up,
        )  # fmt: skip
    counts = read(files["confusion.csv"])
    assert len(counts) == 2 * 3 * 4
    for row in counts:
        matrix = getattr(evidence.confusion, row["model"])
        at = [*CLASSES, ""].index(row["answer"])
        assert int(row["films"]) == matrix[CLASSES.index(row["truth"])][at]
    (verdict,) = read(files["verdicts.csv"])
    assert float(verdict["accuracy_artifact"]) == whole.results.verdicts[0].figures.accuracy.artifact
    assert "points_rule" not in files["labels.csv"]


def test_charts_of_findings_have_no_accuracy() -> None:
    recipe, films = recipe_for(["A"], [NAME]), films_for(60, 1)
    findings = material_for(recipe, films, outputs_for(films, recipe.artifacts()))
    assert overview.accuracy_losses(findings) is None
    chart = overview.accuracy_losses(material(artifacts=[NAME]))
    assert chart is not None
    assert "Accuracy loss of every artifact" in chart
    assert chart.count('class="bound"') == 1


def test_the_printed_table_has_the_figures_that_there_are() -> None:
    classes = material(artifacts=[NAME])
    header, (row,) = shown(zip(classes.results.artifacts, classes.results.verdicts, strict=True))
    figure = classes.results.verdicts[0].figures.accuracy
    assert row[header.index("accuracy loss")] == f"{round(figure.loss, 4) + 0.0:+.4f} < {figure.high:.4f}"
    assert "answered loss" in header
    recipe, films = recipe_for(["A"], [NAME]), films_for(60, 1)
    findings = material_for(recipe, films, outputs_for(films, recipe.artifacts()))
    header, (row,) = shown(zip(findings.results.artifacts, findings.results.verdicts, strict=True))
    assert "accuracy loss" not in header
    assert len(header) == len(row)
    assert header[-1] == "gates"


def test_results_that_were_written_before_the_figures_still_make_a_page(tmp_path: Path) -> None:
    whole = material(artifacts=[NAME])
    (verdict,), (evidence,) = whole.results.verdicts, whole.results.evidence
    gone = dict.fromkeys(("accuracy", "answered", "accuracy_answered"))
    figures = verdict.figures.model_copy(update=gone)
    results = whole.results.model_copy(
        update={
            "verdicts": (verdict.model_copy(update={"figures": figures}),),
            "evidence": (evidence.model_copy(update={"confusion": None}),),
        }
    )
    page, _ = written(tmp_path, replace(whole, results=results))
    assert "Which class is taken for which was not measured in this run." in words(page)


def test_only_gates_judged(tmp_path: Path) -> None:
    page, _ = written(tmp_path, material(evidence=False, extras=False))
    said = words(page)
    for what in ("A list of flips", "Which class is taken for which", "Calibration"):
        assert f"{what} was not measured in this run." in said
    assert "share of films answered" in said


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    evil = '"><script>alert({:05d})</script>'
    page, text = written(tmp_path, material(file=evil))
    assert text.count("<script") == 1
    assert "alert(00" in page.text
