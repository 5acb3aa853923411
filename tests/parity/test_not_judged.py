"""Labels that the films do not tell: held against the reference like all others, and counted by no figure of truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from cxredge.data.stress import STRESSES
from cxredge.metrics import metrics_of
from cxredge.parity.decisions import rule_of
from cxredge.parity.label_evidence import examine
from cxredge.parity.measures import Measures, measure
from cxredge.parity.paired import mean_auc
from cxredge.parity.pairs import Both, Pair
from cxredge.parity.stress_evidence import stress_evidence
from cxredge.recipe import Recipe
from cxredge.recipe_decision import NOT_JUDGED
from cxredge.results import BootstrapSpec, Paired
from parity.synthetic import LABELS, facts, pair, recipe

SHORT = BootstrapSpec(resamples=200, level=0.95, seed=1)
OF_TRUTH = [metric.name for metric in metrics_of("labels")]
SEXES = ({"sex": "F"}, {"sex": "F"}, {"sex": "M"}, {"sex": "M"})


def without(whole: Recipe, *names: str) -> Recipe:
    return whole.model_copy(update={"labels": whole.labels.model_copy(update={"not_judged": names})})


def films(seed: int, truth_of_last: Callable[[np.ndarray], np.ndarray], unjudged: tuple[int, ...] = (2,)) -> Pair:
    """Films whose third label's truth is what ``truth_of_last`` makes of it."""
    made = pair(200, seed=seed, error=1, columns=SEXES)
    told = made.truth.astype(np.float32)
    told[:, 2] = truth_of_last(told[:, 2])
    shown = [replace(film, targets=row) for film, row in zip(made.films, told, strict=True)]  # type: ignore[type-var]
    return Pair(shown, made.reference, made.artifact, unjudged)


@pytest.fixture(scope="module")
def measured() -> Measures:
    return measure(without(recipe(), "Nodule"), films(1, np.array), films(2, np.array), SHORT)


@pytest.mark.parametrize("nonsense", [lambda x: 1 - x, np.zeros_like, np.ones_like, lambda x: x[::-1]])
def test_whatever_their_truth_nothing_changes(measured: Measures, nonsense: Callable[[np.ndarray], np.ndarray]) -> None:
    """Not the figures, not the temperatures, not a flip; nor the parts of the films, nor their changes."""
    evaluation, other = films(1, np.array), films(1, nonsense)
    whole = without(recipe(), "Nodule")
    found = measure(whole, other, films(2, nonsense), SHORT)
    assert found == measured
    rule = rule_of(LABELS, whole.decision)
    assert mean_auc(evaluation, SHORT) == mean_auc(other, SHORT)
    first, second = (examine("onnx/w8", "0" * 64, rule, p, measured) for p in (evaluation, other))
    assert first == second
    assert [part.labels_shown for part in first.subgroups] == [2, 2]
    clean = Both(evaluation.reference, evaluation.artifact)
    stressed = Both(*(np.tile(one, (len(STRESSES), 1)) for one in clean))
    shaken = [stress_evidence(clean, stressed, p.truth, p.patients, rule, SHORT, p.judged) for p in (evaluation, other)]
    assert shaken[0] == shaken[1]


def test_the_other_labels_are_measured_as_if_it_were_not_there(measured: Measures) -> None:
    names = LABELS[:2]
    whole = recipe()
    alone = whole.model_copy(
        update={
            "labels": whole.labels.model_copy(update={"names": names}),
            "operating_points": {name: whole.operating_points[name] for name in names},
        }
    )
    pairs = [films(seed, np.array) for seed in (1, 2)]
    cut = [Pair(facts(p.truth[:, :2], p.patients), p.reference[:, :2], p.artifact[:, :2]) for p in pairs]
    found = measure(alone, *cut, SHORT)
    assert found.temperature == measured.temperature
    assert found.labels == measured.labels[:2]
    for name in OF_TRUTH:
        assert getattr(found.macro, name) == getattr(measured.macro, name)
    assert (found.macro.positives, found.macro.positive_patients) == (
        measured.macro.positives,
        measured.macro.positive_patients,
    )


def test_it_has_agreement_and_nothing_else(measured: Measures) -> None:
    label = measured.labels[-1]
    assert (label.positives, label.positive_patients) == (None, None)
    for name in OF_TRUTH:
        figure: Paired = getattr(label, name)
        assert figure == Paired(reference=None, artifact=None, loss=None, low=None, high=None, too_few=NOT_JUDGED)
    assert measured.labels_too_few == {"Nodule": NOT_JUDGED}
    assert measured.macro.flips_up == sum(one.flips_up for one in measured.labels)
    assert label.flips_up + label.flips_down > 0
    assert {flip.truth for flip in measured.flips if flip.label == "Nodule"} == {None}  # type: ignore[union-attr]
    assert {flip.truth for flip in measured.flips if flip.label != "Nodule"} == {True, False}  # type: ignore[union-attr]
    assert label.points is not None


def test_where_nothing_is_judged_agreement_alone_is_measured() -> None:
    pairs = [films(seed, np.array, (0, 1, 2)) for seed in (1, 2)]
    found = measure(without(recipe(), *LABELS), *pairs, SHORT)
    assert (found.macro.positives, found.macro.auc.reference) == (None, None)
    assert found.macro.auc.too_few is not None
    assert found.temperature.model_dump() == {
        "reference": 1, "artifact": 1, "films": 0, "nll_before": None, "nll_after": None
    }  # fmt: skip
    assert found.labels_too_few == dict.fromkeys(LABELS, NOT_JUDGED)
    assert len(found.flips) > 0
