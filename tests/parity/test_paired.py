"""Intervals of losses: their sign, their labels, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxredge.errors import InputError
from cxredge.parity.paired import BOOTSTRAP, ENOUGH, mean_auc, novelty_auc, too_few
from cxredge.parity.pairs import Both, Pair
from cxredge.results import BootstrapSpec
from parity.synthetic import facts, pair

SHORT = BootstrapSpec(resamples=300, level=0.95, seed=1)


def test_a_worse_artifact_has_a_positive_loss() -> None:
    whole = pair(400, error=2)
    found, shown = mean_auc(whole, SHORT)
    points = [
        np.mean([roc_auc_score(whole.truth[:, c], logits[:, c]) for c in range(3)])
        for logits in (whole.reference, whole.artifact)
    ]
    assert shown == 3
    assert (found.reference, found.artifact) == pytest.approx(tuple(points), abs=1e-12)
    assert found.loss == pytest.approx(points[0] - points[1], abs=1e-12)
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < found.loss < found.high
    better, _ = mean_auc(Pair(whole.films, whole.artifact, whole.reference), SHORT)
    assert (better.low, better.high) == pytest.approx((-found.high, -found.low))


def test_an_equal_artifact_loses_nothing_for_sure() -> None:
    found, _ = mean_auc(pair(error=0), SHORT)
    assert (found.loss, found.low, found.high) == (0, 0, 0)


def test_the_same_seed_gives_the_same_interval() -> None:
    assert mean_auc(pair(), SHORT) == mean_auc(pair(), SHORT)
    other = SHORT.model_copy(update={"seed": 2})
    assert mean_auc(pair(), SHORT) != mean_auc(pair(), other)
    assert (BOOTSTRAP.resamples, BOOTSTRAP.level, BOOTSTRAP.seed) == (2000, 0.95, 20240501)


def test_patients_are_counted_and_not_films() -> None:
    patients = [f"p{i // 2}" for i in range(60)]
    truth = np.zeros((60, 4), bool)
    truth[: 2 * ENOUGH, 0] = True
    truth[: 2 * ENOUGH - 2, 1] = True
    truth[: -2 * ENOUGH + 2, 2] = True
    truth[::2, 3] = True  # one film of each patient: all are of both kinds
    assert too_few(truth, patients) == (
        None,
        "9 positive patients, 10 are needed",
        "9 negative patients, 10 are needed",
        None,
    )


def test_a_label_with_too_few_patients_is_not_in_the_mean() -> None:
    whole = pair(300, prevalence=(0.4, 0.3, 0.0), error=1)
    found, shown = mean_auc(whole, SHORT)
    assert shown == 2
    expected = np.mean([roc_auc_score(whole.truth[:, c], whole.artifact[:, c]) for c in range(2)])
    assert found.artifact == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("films", [1, 3])
def test_a_few_films_give_no_interval_and_no_exception(films: int) -> None:
    found, shown = mean_auc(pair(films), SHORT)
    assert shown == 0
    assert (found.loss, found.low, found.high) == (None, None, None)
    assert found.too_few == "no label has 10 positive and 10 negative patients"


def novelty(films: int, strangers: int) -> tuple[Both, Both, list[str]]:
    random = np.random.default_rng(0)
    known = random.uniform(0.5, 2, films).astype(np.float32)
    strange = random.uniform(1.5, 4, strangers).astype(np.float32)
    blurred = random.uniform(0.3, 2.1, strangers).astype(np.float32)
    owners = [*(f"patient {i // 3}" for i in range(films)), *(f"picture {i}" for i in range(strangers))]
    return Both(known, known), Both(strange, blurred), owners


def test_novelty_auc_is_of_strangers_against_films() -> None:
    films, strangers, owners = novelty(90, 40)
    found = novelty_auc(films, strangers, owners, SHORT)
    truth = np.arange(130) >= 90
    for value, known, strange in zip((found.reference, found.artifact), films, strangers, strict=True):
        assert value == pytest.approx(roc_auc_score(truth, np.concatenate([known, strange])), abs=1e-12)
    assert found.low is not None
    assert found.low > 0.1
    assert found.too_few is None
    # every picture goes with its owner
    clusters = owners
    scores = [np.concatenate(x)[:, None] for x in zip(films, strangers, strict=True)]
    assert found == mean_auc(Pair(facts(truth[:, None], clusters), *scores), SHORT)[0]


def test_novelty_auc_of_too_few_keeps_its_values() -> None:
    films, strangers, owners = novelty(90, 9)
    found = novelty_auc(films, strangers, owners, SHORT)
    assert found.too_few == "9 groups of pictures that are no such films, 10 are needed"
    assert found.reference is not None
    assert found.low is None
    films, strangers, owners = novelty(27, 20)
    assert novelty_auc(films, strangers, owners, SHORT).too_few == "9 patients, 10 are needed"


def test_novelty_that_is_nan_or_of_other_films_is_refused() -> None:
    films, strangers, owners = novelty(90, 40)
    with pytest.raises(InputError, match="STATISTICS-VALUE"):
        novelty_auc(Both(films[0], films[1] * np.float32(np.nan)), strangers, owners, SHORT)
    with pytest.raises(InputError, match="STATISTICS-SHAPE"):
        novelty_auc(Both(films[0], films[1][:-1]), strangers, owners, SHORT)
