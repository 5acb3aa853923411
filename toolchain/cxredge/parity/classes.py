"""Exclusive classes counted: which class the data set says against which is answered, and by how many patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cxredge.evidence_decisions import Confusion
from cxredge.parity.paired import ENOUGH


def confusion(
    names: Sequence[str], truth: NDArray[np.bool_], reference: NDArray[np.bool_], artifact: NDArray[np.bool_]
) -> Confusion:
    """truth bool[N, C], one class a film; what the two models call, bool[N, C], at most one class a film."""
    return Confusion(classes=tuple(names), reference=_counts(truth, reference), artifact=_counts(truth, artifact))


def _counts(truth: NDArray[np.bool_], called: NDArray[np.bool_]) -> tuple[tuple[int, ...], ...]:
    answers = np.column_stack([called, ~called.any(1)])
    counts = truth.T.astype(np.int64) @ answers.astype(np.int64)
    return tuple(tuple(map(int, row)) for row in counts)


def too_few_answers(metric: str, calls: Sequence[NDArray[np.bool_]], patients: Sequence[str]) -> str | None:
    """Why a metric of classes gets no interval, in words; None where it gets one.

    calls: what each of the two models calls, bool[N, C]. Accuracy among the answered films needs enough patients with
    an answer, of either model.
    """
    owners, what = np.asarray(patients), "patients"
    counted: list[NDArray[np.bool_]] = [np.ones(len(owners), np.bool_)]
    if metric == "accuracy_answered":
        counted, what = [np.any(called, axis=1) for called in calls], "patients with an answered film"
    fewest = min(len(np.unique(owners[part])) for part in counted)
    return None if fewest >= ENOUGH else f"{fewest} {what}, {ENOUGH} are needed"
