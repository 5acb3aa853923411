"""Figures of exclusive classes, against scikit-learn and written-out sums, and what gates make of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score, roc_auc_score

from cxredge.evidence import Evidence
from cxredge.evidence_decisions import ClassFlip, Confusion
from cxredge.metrics import metrics_of
from cxredge.parity.gates import hold, kept
from cxredge.parity.label_evidence import examine
from cxredge.parity.measures import measure
from cxredge.parity.pairs import Pair
from cxredge.recipe import Gates, Recipe
from cxredge.results import Artifact, BootstrapSpec, Census, Figures, Paired
from parity.synthetic import LABELS, class_pair, exclusive, facts, pair, recipe

SHORT = BootstrapSpec(resamples=300, level=0.95, seed=1)
METRICS = ("accuracy", "answered", "accuracy_answered")
UNCERTAIN = len(LABELS)


def answers(logits: np.ndarray) -> np.ndarray:
    """The class's place, or UNCERTAIN, by the margin of 0.5 and nothing of the package."""
    wide = logits.astype(np.float64)
    chances = np.exp(wide) / np.exp(wide).sum(1, keepdims=True)
    sure = chances.max(1) >= 1 / (1 + np.exp(-0.5))
    return np.where(sure, chances.argmax(1), UNCERTAIN)


def test_classes_have_accuracy_and_matrices() -> None:
    evaluation = class_pair(300, seed=1, error=1)
    found = measure(recipe("single-label"), evaluation, class_pair(150, seed=2), SHORT)
    truth = evaluation.truth.argmax(1)
    assert tuple(found.classes) == METRICS == tuple(m.name for m in metrics_of("classes"))
    assert found.confusion is not None
    assert found.confusion.classes == LABELS
    for who, logits in (("reference", evaluation.reference), ("artifact", evaluation.artifact)):
        said = answers(logits)
        named = said != UNCERTAIN
        assert 0 < named.sum() < len(named)
        values = [getattr(found.classes[name], who) for name in METRICS]
        expected = [accuracy_score(truth, said), named.mean(), accuracy_score(truth[named], said[named])]
        assert values == pytest.approx(expected, abs=1e-12)
        counts = confusion_matrix(truth, said, labels=range(UNCERTAIN + 1))[:UNCERTAIN]
        assert np.array(getattr(found.confusion, who)).tolist() == counts.tolist()
    for figure in found.classes.values():
        assert figure.low < figure.loss < figure.high
        assert figure.loss == pytest.approx(figure.reference - figure.artifact, abs=1e-12)
        assert figure.too_few is None


def test_each_class_is_held_against_the_rest() -> None:
    evaluation = class_pair(300, seed=1, error=1)
    found = measure(recipe("single-label"), evaluation, class_pair(150, seed=2), SHORT)
    said = answers(evaluation.artifact)
    chances = np.exp(evaluation.artifact) / np.exp(evaluation.artifact).sum(1, keepdims=True)
    for c, label in enumerate(found.labels):
        truth, called = evaluation.truth[:, c], said == c
        assert label.sensitivity.artifact == pytest.approx(recall_score(truth, called), abs=1e-12)
        assert label.specificity.artifact == pytest.approx(recall_score(~truth, ~called), abs=1e-12)
        assert label.auc.artifact == pytest.approx(roc_auc_score(truth, chances[:, c]), abs=1e-12)
        assert label.points is None
    assert found.macro.sensitivity.artifact == pytest.approx(
        np.mean([label.sensitivity.artifact for label in found.labels]), abs=1e-12
    )


def test_a_shift_a_film_changes_no_figure() -> None:
    """A softmax's logits may all rise by one number: only a ranking by log-odds does not see it."""
    evaluation, validation = class_pair(200, seed=3, error=1), class_pair(100, seed=4)
    shift = (np.arange(200, dtype=np.float32) % 7 * 64)[:, None]
    moved = Pair(evaluation.films, evaluation.reference + shift, evaluation.artifact - shift)
    one, other = (measure(recipe("single-label"), p, validation, SHORT) for p in (evaluation, moved))
    assert one.confusion == other.confusion
    for name, figure in one.classes.items():
        assert other.classes[name] == figure
    assert other.macro.auc.artifact == pytest.approx(one.macro.auc.artifact, abs=1e-4)


def test_flips_are_films_and_evidence_round_trips() -> None:
    evaluation = class_pair(200, error=1)
    measured = measure(recipe("single-label"), evaluation, class_pair(60), SHORT)
    changed = answers(evaluation.reference) != answers(evaluation.artifact)
    assert len(measured.flips) == changed.sum() > 20
    assert [flip.film for flip in measured.flips] == [evaluation.films[i].file for i in np.flatnonzero(changed)]
    found = examine("tflite/w8a8", "a" * 64, exclusive(), evaluation, measured)
    assert found.confusion == measured.confusion
    assert all(isinstance(flip, ClassFlip) for flip in found.flips)
    assert Evidence.model_validate_json(found.model_dump_json()) == found


def test_independent_findings_have_none_of_it() -> None:
    found = measure(recipe(), pair(60), pair(60), SHORT)
    assert (found.classes, found.confusion) == ({}, None)


@pytest.mark.parametrize(("patients", "each"), [(9, 20), (10, 20)])
def test_few_patients_are_too_few(patients: int, each: int) -> None:
    evaluation = class_pair(patients * each, error=1, films_each=each)
    found = measure(recipe("single-label"), evaluation, evaluation, SHORT).classes
    few = None if patients >= 10 else "9 patients, 10 are needed"
    assert (found["accuracy"].too_few, found["answered"].too_few) == (few, few)
    assert found["accuracy"].reference is not None
    assert (found["accuracy"].low is None) == (few is not None)


def test_few_answers_are_too_few_for_their_accuracy() -> None:
    """The artifact is sure of the films of four patients: its accuracy there rests on them."""
    good = class_pair(200, error=0)
    shy = good.artifact / np.float32(100)
    shy[:8] = 9 * good.truth[:8]
    found = measure(recipe("single-label"), Pair(good.films, good.reference, shy), good, SHORT).classes
    assert found["accuracy_answered"].too_few == "4 patients with an answered film, 10 are needed"
    assert (found["accuracy_answered"].artifact, found["answered"].artifact) == (1, 8 / 200)
    assert found["answered"].low > 0.3
    silent = Pair(good.films, good.reference, np.zeros_like(good.reference))
    found = measure(recipe("single-label"), silent, good, SHORT).classes
    assert found["accuracy_answered"].too_few == "0 patients with an answered film, 10 are needed"
    assert (found["accuracy_answered"].artifact, found["accuracy_answered"].loss) == (None, None)
    assert (found["accuracy"].artifact, found["answered"].artifact) == (0, 0)


def test_copies_of_films_are_no_news_where_patients_are_known() -> None:
    once = class_pair(150, error=1, films_each=1)
    copied = Pair([*once.films] * 3, np.tile(once.reference, (3, 1)), np.tile(once.artifact, (3, 1)))
    apart = Pair(facts(copied.truth, [str(i) for i in range(450)]), copied.reference, copied.artifact)
    single, clustered, split = (
        measure(recipe("single-label"), p, once, SHORT).classes["accuracy"] for p in (once, copied, apart)
    )
    assert (clustered.low, clustered.high) == pytest.approx((single.low, single.high), abs=1e-12)
    assert split.high - split.low < 0.8 * (clustered.high - clustered.low)


LOST = Paired(reference=0.9, artifact=0.85, loss=0.05, low=0.01, high=0.09)
ARTIFACT = Artifact(
    name="tflite/w8a8", target="tflite", scheme="w8a8", file="x", bytes=1, sha256="a" * 64, delegation=None,
    census=Census(weight_bytes={}, activations={}, inputs={}, outputs={}),
)  # fmt: skip


def gated(kind: str, **bounds: float) -> Recipe:
    whole = recipe(kind)
    return whole.model_copy(update={"gates": {**whole.gates, "w8a8": Gates(**bounds)}})


def figures(**classes: Paired) -> Figures:
    same = dict.fromkeys(("auc", "sensitivity", "specificity", "ece", "brier", "novelty_auc"), LOST)
    return Figures(
        films=10, logit_max_abs=1.0, logit_sqnr_db=20.0, cam_sqnr_db=20.0, cam_correlation=0.9, novelty_max_rel=0.1,
        decisions=10, flips=1, flip_rate=0.1, flips_by_label={}, labels_too_few={}, **same, **classes,
    )  # fmt: skip


def test_gates_of_classes_are_margins() -> None:
    found = figures(accuracy=LOST, answered=LOST, accuracy_answered=LOST.model_copy(update={"high": None}))
    bounds = {"accuracy_loss": 0.1, "answered_loss": 0.09, "accuracy_answered_loss": 0.5}
    held = hold(gated("single-label", **bounds), ARTIFACT, found)
    assert {g.gate: g.verdict for g in held} == {
        "accuracy_loss": "kept", "answered_loss": "broken", "accuracy_answered_loss": "not-shown",
    }  # fmt: skip
    assert not kept(held)


def test_gates_of_classes_do_not_apply_to_independent_findings() -> None:
    held = hold(gated("multi-label", accuracy_loss=0.1), ARTIFACT, figures())
    assert [(g.gate, g.verdict, g.value) for g in held] == [("accuracy_loss", "not-applicable", None)]
    assert kept(held)
    # results of classes that were written before these figures do not keep a gate on them
    assert not kept(hold(gated("single-label", accuracy_loss=0.1), ARTIFACT, figures()))


def test_a_matrix_of_another_shape_is_refused() -> None:
    good = ((1, 2, 3), (4, 5, 6))
    assert Confusion(classes=("A", "B"), reference=good, artifact=good).artifact == good
    for bad in (good[:1], ((1, 2), (3, 4)), ((1, 2, 3), (4, 5))):
        with pytest.raises(ValueError, match="confusion matrix"):
            Confusion(classes=("A", "B"), reference=good, artifact=bad)
