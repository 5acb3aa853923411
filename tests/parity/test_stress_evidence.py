"""Stress evidence: which decisions moved, against whose own, and in which order the films lie."""

from __future__ import annotations

import numpy as np

from cxredge.data.stress import STRESSES
from cxredge.parity.pairs import Both
from cxredge.parity.stress_evidence import stress_evidence
from cxredge.results import BootstrapSpec
from parity.synthetic import independent

RULE = independent([0.5, -0.5], ("A", "B"))
CUT = RULE.cut
FILMS, KINDS = 5, len(STRESSES)
SHORT = BootstrapSpec(resamples=100, level=0.95, seed=1)


def test_known_answers() -> None:
    rng = np.random.default_rng(0)
    clean = CUT + rng.choice([-1, 1], (FILMS, 2)).astype(np.float32)
    lowered = clean.copy()
    lowered[0] = 2 * CUT - lowered[0]  # the artifact decides otherwise on film 0, both labels
    stressed = np.tile(clean, (KINDS, 1))
    harmed = np.tile(lowered, (KINDS, 1))
    # under the third stress the reference loses film 1, and the artifact films 1 and 2, one label
    for array, lost in ((stressed, [1]), (harmed, [1, 2])):
        rows = 2 * FILMS + np.array(lost)
        array[rows, 1] = 2 * CUT[1] - array[rows, 1]
    truth = clean >= CUT
    found = stress_evidence(Both(clean, lowered), Both(stressed, harmed), truth, list("ppqrr"), RULE, SHORT)
    assert [e.kind for e in found] == ["unchanged", *(s.kind for s in STRESSES)]
    assert all(e.films == FILMS for e in found)
    for at, e in enumerate(found):
        expected = (0.1, 0.2, 0.3) if at == 3 else (0, 0, 0.2)
        assert np.allclose((e.moved_reference, e.moved_artifact, e.disagree), expected), e.kind
    assert all(e.auc.too_few is not None for e in found), "three patients"


def test_auc_is_of_the_stressed_films() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random((60, 2)) < 0.5
    clean = (truth + rng.normal(0, 0.5, truth.shape)).astype(np.float32)
    stressed, harmed = (np.tile(clean, (KINDS, 1)) for _ in range(2))
    harmed[60:120] = rng.normal(0, 1, (60, 2))  # under the second stress the artifact guesses
    patients = [f"p{i}" for i in range(60)]
    found = stress_evidence(Both(clean, clean), Both(stressed, harmed), truth, patients, RULE, SHORT)
    for at, e in enumerate(found):
        assert e.auc.loss is not None
        assert e.auc.low is not None
        if at == 2:
            assert e.auc.low > 0.1
        else:
            assert (e.auc.loss, e.auc.reference) == (0, found[0].auc.reference)
