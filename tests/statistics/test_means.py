"""Brier score, sensitivity and specificity under film weights, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import brier_score_loss, recall_score

from cxredge.errors import InputError
from cxredge.statistics.means import brier, sensitivity, specificity


@settings(deadline=None, max_examples=60)
@given(data=st.data(), films=st.integers(2, 25))
def test_agree_with_scikit_learn(data: st.DataObject, films: int) -> None:
    truth = data.draw(arrays(bool, (films, 2)))
    called = data.draw(arrays(bool, (films, 2)))
    chances = data.draw(arrays(np.float64, (films, 2), elements=st.floats(0, 1)))
    weights = data.draw(arrays(np.float64, (films, 3), elements=st.integers(0, 3)))
    weights[0] += 1
    figures = {name: f(truth, called)(weights) for name, f in (("on", sensitivity), ("off", specificity))}
    squares = brier(truth, chances)(weights)
    for c in range(2):
        for b in range(3):
            t, w = truth[:, c], weights[:, b]
            expected = brier_score_loss(t, chances[:, c], sample_weight=w, pos_label=True)
            assert squares[c, b] == pytest.approx(expected, abs=1e-12)
            for name, side in (("on", True), ("off", False)):
                if w[t == side].sum() == 0:
                    assert np.isnan(figures[name][c, b])
                else:
                    recall = recall_score(t, called[:, c], pos_label=side, sample_weight=w)
                    assert figures[name][c, b] == pytest.approx(recall, abs=1e-12)


def test_a_probability_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="STATISTICS-VALUE"):
        brier(np.ones((2, 1), bool), np.array([[0.5], [np.nan]]))
