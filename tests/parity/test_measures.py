"""Figures of every label and their means, against scikit-learn, written-out sums and each other."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, recall_score, roc_auc_score

from cxredge.errors import InputError
from cxredge.metrics import metrics_of
from cxredge.parity.measures import measure, temperature
from cxredge.parity.pairs import Pair
from cxredge.recipe_decision import OperatingPoint
from cxredge.results import BootstrapSpec
from cxredge.statistics.probabilities import probabilities
from parity.synthetic import LABELS, facts, pair, recipe

FIGURES = [metric.name for metric in metrics_of("labels")]
SHORT = BootstrapSpec(resamples=300, level=0.95, seed=1)


def test_every_label_has_its_figures() -> None:
    evaluation, validation = pair(300, seed=1, error=1), pair(150, seed=2, error=1)
    found = measure(recipe(), evaluation, validation, SHORT, np.array([0.1, 0.4, 0.0]))
    assert [label.label for label in found.labels] == list(LABELS)
    assert [label.noise for label in found.labels] == [0.1, 0.4, 0.0]
    assert (found.labels_too_few, found.bootstrap) == ({}, SHORT)
    chances = probabilities(evaluation.artifact, "multi-label", found.temperature.artifact)
    for c, label in enumerate(found.labels):
        truth, logits = evaluation.truth[:, c], evaluation.artifact[:, c]
        called = logits >= c / 2
        assert label.auc.artifact == pytest.approx(roc_auc_score(truth, logits), abs=1e-12)
        assert label.sensitivity.artifact == pytest.approx(recall_score(truth, called), abs=1e-12)
        assert label.specificity.artifact == pytest.approx(recall_score(~truth, ~called), abs=1e-12)
        assert label.brier.artifact == pytest.approx(brier_score_loss(truth, chances[:, c]), abs=1e-12)
        assert label.points == OperatingPoint(logit=c / 2, rule="by hand")
        assert (label.films, label.patients) == (300, 150)
        assert label.positives == truth.sum()
        assert label.positive_patients == len({i // 2 for i in np.flatnonzero(truth)})
        own = [flip for flip in found.flips if flip.label == label.label]
        assert label.flips_up + label.flips_down == len(own) > 0
        assert label.flips_explained == sum(flip.explained for flip in own)
    assert found.labels[1].flips_explained > found.labels[2].flips_explained == 0
    assert found.macro.noise is None
    unknown = measure(recipe(), evaluation, validation, SHORT)
    assert {label.flips_explained for label in (*unknown.labels, unknown.macro)} == {None}


def test_the_mean_is_the_labels_mean_and_surer_than_they_are() -> None:
    found = measure(recipe(), pair(300, seed=1, error=1), pair(150, seed=2), SHORT)
    assert found.macro.label is None
    assert found.macro.points is None
    assert found.macro.flips_up + found.macro.flips_down == len(found.flips)
    for name in FIGURES:
        parts, mean = [getattr(label, name) for label in found.labels], getattr(found.macro, name)
        for value in ("reference", "artifact", "loss"):
            assert getattr(mean, value) == pytest.approx(np.mean([getattr(p, value) for p in parts]), abs=1e-12)
        assert mean.low < mean.loss < mean.high
        # labels are drawn apart here: their errors partly cancel
        assert mean.high - mean.low < np.mean([p.high - p.low for p in parts])


def test_labels_on_the_same_films_are_resampled_together() -> None:
    """Three copies of a label are no surer than one: their errors are the same in every resample."""
    one = pair(200, error=1, prevalence=(0.3,))
    copied = Pair(facts(np.tile(one.truth, 3), one.patients), np.tile(one.reference, 3), np.tile(one.artifact, 3))
    found = measure(recipe(), copied, copied, SHORT)
    for name in ("auc", "brier"):
        mean, label = getattr(found.macro, name), getattr(found.labels[0], name)
        assert (mean.low, mean.high) == pytest.approx((label.low, label.high), abs=1e-12)


def test_a_rise_of_an_error_is_a_loss() -> None:
    good = pair(400, seed=3, error=0)
    # an artifact whose outputs have nothing to do with the film
    bad = Pair(good.films, good.reference, np.roll(good.reference, 11, axis=0))
    macro = measure(recipe(), bad, good, SHORT).macro
    for name in ("auc", "sensitivity", "specificity", "ece", "brier"):
        assert getattr(macro, name).low > 0, name


def test_copies_of_films_are_no_news_where_patients_are_known() -> None:
    once = pair(150, error=1, films_each=1)
    copied = Pair([*once.films] * 3, np.tile(once.reference, (3, 1)), np.tile(once.artifact, (3, 1)))
    apart = Pair(facts(copied.truth, [str(i) for i in range(450)]), copied.reference, copied.artifact)
    single, clustered, split = (measure(recipe(), p, once, SHORT).macro.auc for p in (once, copied, apart))
    assert (clustered.low, clustered.high) == pytest.approx((single.low, single.high), abs=1e-12)
    assert split.high - split.low < 0.8 * (clustered.high - clustered.low)


@pytest.mark.parametrize("prevalence", [(0.3, 0.0, 1.0), (0.3, 0.01, 0.99)])
def test_labels_of_one_kind_have_no_interval(prevalence: tuple[float, ...]) -> None:
    found = measure(recipe(), pair(300, error=1, prevalence=prevalence), pair(100), SHORT)
    assert found.labels_too_few == {label.label: label.auc.too_few for label in found.labels[1:]}
    assert found.labels[0].auc.too_few is None
    for label in found.labels[1:]:
        for name in FIGURES:
            figure = getattr(label, name)
            assert "patients, 10 are needed" in figure.too_few
            assert (figure.low, figure.high) == (None, None)
        assert label.brier.loss is not None
    assert found.macro.auc == found.labels[0].auc
    if prevalence[1] == 0:
        assert (found.labels[1].sensitivity.loss, found.labels[1].auc.loss) == (None, None)
        assert found.labels[1].specificity.loss is not None


@pytest.mark.parametrize("kind", ["multi-label", "single-label"])
@pytest.mark.parametrize("films", [1, 3])
def test_a_few_films_are_too_few_and_no_exception(kind: str, films: int) -> None:
    few = pair(films)
    if kind == "single-label":
        few = Pair(facts(np.eye(3)[[0] * films], few.patients), few.reference, few.artifact)
    found = measure(recipe(kind), few, few, SHORT)
    assert list(found.labels_too_few) == list(LABELS)
    for name in FIGURES:
        assert getattr(found.macro, name).too_few == "no label has 10 positive and 10 negative patients"


def test_temperatures_are_each_models_own() -> None:
    good = pair(600, error=0)
    hot = Pair(good.films, good.reference, good.reference * np.float32(3))
    found = temperature(hot, recipe().labels)
    assert found.artifact == pytest.approx(3 * found.reference, rel=1e-3)
    assert found.nll_after < found.nll_before
    assert found.films == 600
    measured = measure(recipe(), hot, hot, SHORT)
    assert measured.macro.brier.loss == pytest.approx(0, abs=1e-4)


def test_logits_of_other_labels_are_refused() -> None:
    with pytest.raises(InputError, match="PARITY-SHAPE"):
        measure(recipe(), pair(prevalence=(0.5, 0.5)), pair(), SHORT)
    with pytest.raises(InputError, match="PARITY-SHAPE"):
        measure(recipe(), pair(), pair(prevalence=(0.5, 0.5)), SHORT)
