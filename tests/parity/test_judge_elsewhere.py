"""Films that a bundle was not built with: shares at its thresholds, which gates count, and what needs no label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from cxredge.data.film import Film
from cxredge.evidence import Temperature
from cxredge.evidence_other_films import Operating
from cxredge.outputs import Outputs, OutputsFile, films_digest
from cxredge.parity.at_thresholds import carried, operating
from cxredge.parity.decisions import rule_of
from cxredge.parity.gates import counted_elsewhere, hold, kept, of_labels
from cxredge.parity.judge import Judged, judge_elsewhere, pair_of
from cxredge.parity.label_evidence import examine
from cxredge.recipe import Gates, Recipe
from cxredge.results import BootstrapSpec
from cxredge.statistics.shares import wilson
from report.plausible import artifact_for, class_films_for, films_for, outputs_for, recipe_for

FINDINGS = ("Effusion", "Nodule")
CLASSES = ("normal", "bacteria", "virus")
NAME = "tflite/w8a8"
QUICK = BootstrapSpec(resamples=60, level=0.95, seed=1)
FITTED = Temperature(reference=1.3, artifact=1.4, films=77, nll_before=0.5, nll_after=0.4)


def untold(recipe: Recipe, *names: str) -> Recipe:
    labels = recipe.labels.model_copy(update={"not_judged": names or recipe.labels.names})
    return recipe.model_copy(update={"labels": labels})


def judged(recipe: Recipe, films: Sequence[Film], outputs: dict[str, Outputs]) -> Judged:
    artifact, digest = artifact_for(NAME), films_digest(["0" * 64])
    reference, other = (
        OutputsFile(name, artifact.sha256, digest, "a runtime", outputs[name]) for name in ("reference", NAME)
    )
    return judge_elsewhere(recipe, artifact, films, reference, other, FITTED, None, bootstrap=QUICK)


def test_shares_are_counts_of_films_at_the_thresholds() -> None:
    recipe = untold(recipe_for(FINDINGS), "Nodule")
    cut = recipe.operating_points["Effusion"].logit
    films = [
        replace(film, patient=f"p{i}", targets=np.array([i < 3, 0], np.float32))
        for i, film in enumerate(films_for(10, 2))
    ]
    logits = np.full((10, 2), cut - 1, np.float32)
    logits[[0, 1, 5], 0] = cut  # at the point is called
    logits[:4, 1] = recipe.operating_points["Nodule"].logit
    assert recipe.novelty is not None
    novelty = np.where(np.arange(10) < 2, 1.01, 0.99).astype(np.float32) * np.float32(recipe.novelty.threshold)
    found = operating(recipe, films, {"logits": logits, "novelty": novelty})
    effusion, nodule = found.labels
    assert effusion.sensitivity is not None
    assert effusion.specificity is not None
    assert (effusion.sensitivity.hits, effusion.sensitivity.films) == (2, 3)
    assert (effusion.specificity.hits, effusion.specificity.films) == (6, 7)
    assert (effusion.sensitivity.low, effusion.sensitivity.high) == pytest.approx(wilson(2 / 3, 2))  # 3 * (3 - 1) / 3
    assert (nodule.sensitivity, nodule.specificity, nodule.called.hits) == (None, None, 4)
    assert found.novel is not None
    assert (found.novel.hits, found.uncertain) == (2, None)
    assert operating(recipe.model_copy(update={"novelty": None}), films, {"logits": logits}).novel is None
    assert Operating.model_validate_json(found.model_dump_json()) == found


def test_a_share_without_films_says_so_and_is_not_compared() -> None:
    recipe = recipe_for(FINDINGS)
    films = [replace(film, targets=np.ones(2, np.float32)) for film in films_for(8, 2)]
    here = operating(recipe, films, outputs_for(films, [])["reference"])
    assert here.labels[0].specificity is not None
    assert (here.labels[0].specificity.ends, here.labels[0].specificity.words) == (None, "no film")
    assert {one.figure for one in carried(here, here)} == {"sensitivity", "novel"}


def test_a_threshold_that_does_not_carry_over_is_told_and_one_that_does_is_not() -> None:
    recipe = recipe_for(FINDINGS)
    films = films_for(300, 2)
    outputs = outputs_for(films, [])["reference"]
    built = operating(recipe, films[:150], {name: array[:150] for name, array in outputs.items()})
    rest = {name: array[150:] for name, array in outputs.items()}
    assert not [one for one in carried(built, operating(recipe, films[150:], rest)) if one.moved]
    shifted = {**rest, "logits": rest["logits"] - np.array([2, 0], np.float32)}
    moved = [one for one in carried(built, operating(recipe, films[150:], shifted)) if one.moved]
    assert {one.label for one in moved} == {"Effusion"}
    (down,) = (one for one in moved if one.figure == "sensitivity")
    assert down.high < 0


@pytest.mark.parametrize("labels", [FINDINGS, CLASSES])
def test_without_any_label_agreement_is_measured_and_nothing_that_needs_truth(labels: tuple[str, ...]) -> None:
    exclusive = labels == CLASSES
    recipe = untold(recipe_for(labels, kind="single-label" if exclusive else "multi-label"))
    films = (class_films_for if exclusive else films_for)(60, len(labels))
    outputs = outputs_for(films, [NAME])
    whole = judged(recipe, films, outputs)
    figures = whole.verdict.figures
    assert figures.flips > 0
    assert figures.logit_sqnr_db is not None
    assert figures.auc.reference is None
    assert set(figures.labels_too_few) == set(labels)
    rule = rule_of(labels, recipe.decision)
    artifact = artifact_for(NAME)
    one, two = (OutputsFile(n, artifact.sha256, "0" * 64, "a runtime", outputs[n]) for n in ("reference", NAME))
    evidence = examine(NAME, artifact.sha256, rule, pair_of(recipe, films, one, two), whole.measures)
    assert {flip.truth for flip in evidence.flips} == {None}
    assert (evidence.confusion, evidence.temperature) == (None, FITTED)
    if exclusive:
        assert figures.accuracy.too_few == figures.answered.too_few
        assert figures.accuracy.too_few.startswith("not judged")
        assert operating(recipe, films, outputs["reference"]).uncertain is not None


def test_plain_bounds_count_and_losses_of_scores_do_not() -> None:
    bounds = Gates(logit_sqnr_db=1, flip_rate=0.9, auc_loss=1e-9, novelty_auc_loss=1e-9)
    recipe = recipe_for(FINDINGS).model_copy(update={"gates": {"w8a8": bounds}})
    films = films_for(80, 2)
    outputs = outputs_for(films, [NAME])
    found = judged(recipe, films, outputs).verdict
    assert ([gate.gate for gate in found.gates], found.passed) == (["logit_sqnr_db", "flip_rate"], True)
    every = hold(recipe, artifact_for(NAME), found.figures)
    assert not kept(every), "the losses alone would fail"
    assert [gate.gate for gate in every if of_labels(gate)] == ["auc_loss"]
    assert [gate.gate for gate in every if not counted_elsewhere(gate)] == ["auc_loss", "novelty_auc_loss"]
    strict = recipe.model_copy(update={"gates": {"w8a8": bounds.model_copy(update={"logit_sqnr_db": 300.0})}})
    assert not judged(strict, films, outputs).verdict.passed


@pytest.mark.parametrize("count", [1, 3])
def test_a_handful_of_films_is_judged_and_gets_no_interval(count: int) -> None:
    recipe = recipe_for(CLASSES, kind="single-label")
    films = class_films_for(count, 3)
    figures = judged(recipe, films, outputs_for(films, [NAME])).verdict.figures
    assert (figures.films, figures.accuracy.high) == (count, None)
    assert "are needed" in figures.accuracy.too_few
