"""Stress evidence: which decisions moved, against whose own, and in which order the films lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cxredge.images.stress import STRESSES
from cxredge.parity.paired import Both
from cxredge.parity.stress import stress_evidence
from cxredge.results import Paired

CUT = np.array([0.5, -0.5], np.float32)
FILMS, KINDS = 5, len(STRESSES)


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
    asked: list[Both] = []

    def auc(given: NDArray[np.bool_], both: Both, patients: Sequence[str]) -> Paired:
        assert given is truth
        assert patients == list("ppqrr")
        asked.append(both)
        return Paired(reference=None, artifact=None, loss=None, low=None, high=None, too_few="test")

    found = stress_evidence(Both(clean, lowered), Both(stressed, harmed), truth, list("ppqrr"), CUT, auc)
    assert [e.kind for e in found] == ["unchanged", *(s.kind for s in STRESSES)]
    assert all(e.films == FILMS for e in found)
    for at, e in enumerate(found):
        expected = (0.1, 0.2, 0.3) if at == 3 else (0, 0, 0.2)
        assert np.allclose((e.moved_reference, e.moved_artifact, e.disagree), expected), e.kind
    np.testing.assert_array_equal(asked[0].artifact, lowered)
    for at in range(KINDS):
        np.testing.assert_array_equal(asked[at + 1].reference, stressed[at * FILMS : (at + 1) * FILMS])
        np.testing.assert_array_equal(asked[at + 1].artifact, harmed[at * FILMS : (at + 1) * FILMS])
