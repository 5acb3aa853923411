"""Weighted AUC of many labels against scikit-learn's, one label and one weighting at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from cxredge.errors import InputError
from cxredge.statistics.auc import Auc, auc


@settings(deadline=None, max_examples=150)
@given(data=st.data(), films=st.integers(2, 30), ties=st.booleans())
def test_agrees_with_scikit_learn(data: st.DataObject, films: int, ties: bool) -> None:
    truth = data.draw(arrays(bool, (films, 3)))
    values = st.integers(-2, 2) if ties else st.floats(-50, 50, width=32)
    scores = data.draw(arrays(np.float32, (films, 3), elements=values))
    weights = data.draw(arrays(np.float64, (films, 4), elements=st.integers(0, 3) if ties else st.floats(0.1, 3)))
    found = Auc(truth, scores)(weights)
    for c in range(3):
        for b in range(4):
            w, t = weights[:, b], truth[:, c]
            if w[t].sum() == 0 or w[~t].sum() == 0:
                assert np.isnan(found[c, b])
            else:
                expected = roc_auc_score(t, scores[:, c].astype(np.float64), sample_weight=w)
                assert found[c, b] == pytest.approx(expected, abs=1e-12)


def test_one_tie_counts_half() -> None:
    truth = np.array([[True], [False], [False]])
    assert auc(truth, np.array([[1.0], [1.0], [0.0]]))[0] == 0.75


def test_a_large_label_agrees_too() -> None:
    random = np.random.default_rng(0)
    truth = random.random((3000, 2)) < (0.05, 0.9)
    scores = (truth + random.normal(size=truth.shape)).round(1)
    weights = random.integers(0, 4, (3000, 2)).astype(np.float64)
    for c in range(2):
        for b in range(2):
            expected = roc_auc_score(truth[:, c], scores[:, c], sample_weight=weights[:, b])
            assert Auc(truth, scores)(weights)[c, b] == pytest.approx(expected, abs=1e-12)


def test_an_absent_class_has_no_auc() -> None:
    assert np.isnan(auc(np.array([[True, False]] * 3), np.zeros((3, 2)))).all()


@pytest.mark.parametrize(
    ("truth", "scores", "code"),
    [
        (np.ones((3, 2), bool), np.array([[0, 1], [0, np.nan], [0, 1]]), "STATISTICS-VALUE"),
        (np.ones((3, 2), bool), np.array([[0, 1], [0, np.inf], [0, 1]]), "STATISTICS-VALUE"),
        (np.ones((3, 2), bool), np.zeros((3, 1)), "STATISTICS-SHAPE"),
        (np.ones(3, bool), np.zeros(3), "STATISTICS-SHAPE"),
        (np.ones((0, 2), bool), np.zeros((0, 2)), "STATISTICS-SHAPE"),
    ],
)
def test_what_cannot_be_ranked_is_refused(truth: np.ndarray, scores: np.ndarray, code: str) -> None:
    with pytest.raises(InputError, match=code):
        Auc(truth, scores)
