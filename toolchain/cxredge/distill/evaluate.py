"""Scores of a trained model: AUC by label, its mean, and how sure that mean is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from cxredge.distill.data import Films
from cxredge.distill.results import Interval, LabelScore, Score
from cxredge.progress import track

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cxredge.students.base import Student

MIN_CASES = 5
"""Fewer positives or negatives than this give no AUC: one film would move it by a tenth and more."""
BATCH = 32
RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Answers:
    """A model's answers on one split: logits float32[N, C], pooled features float32[N, d], novelty float32[N]."""

    logits: NDArray[np.float32]
    pooled: NDArray[np.float32]
    novelty: NDArray[np.float32]


@torch.no_grad()
def answers(student: Student, films: Films, what: str) -> Answers:
    """Run ``student`` (in evaluation mode) on all ``films``."""
    logits, pooled, novelty = [], [], []
    starts = range(0, len(films), BATCH)
    for start in track(starts, what, len(starts)):
        image = films.images[start : start + BATCH].float()
        features = student.features(image)
        # as Student.forward, which does not hand out its features
        logits.append(student.head(features).mean((2, 3)))
        pooled.append(features.mean((2, 3)))
        novelty.append(student.novelty(features))
    return Answers(torch.cat(logits).numpy(), torch.cat(pooled).numpy(), torch.cat(novelty).numpy())


def score(labels: Sequence[str], targets: NDArray[np.float32], logits: NDArray[np.float32]) -> Score:
    """targets (0 and 1), logits float32[N, C] -> AUC of each label against all others, and their mean."""
    found: dict[str, LabelScore] = {}
    for column, label in enumerate(labels):
        truth = targets[:, column]
        positives = int(truth.sum())
        negatives = len(truth) - positives
        if min(positives, negatives) < MIN_CASES:
            few, count = ("positives", positives) if positives < MIN_CASES else ("negatives", negatives)
            note = f"too few {few} for an AUC ({count}, at least {MIN_CASES} are needed)"
            found[label] = LabelScore(auc=None, positives=positives, negatives=negatives, note=note)
        else:
            auc = float(_auc(truth, logits[:, column]))
            found[label] = LabelScore(auc=round(auc, 4), positives=positives, negatives=negatives)
    scored = [s.auc for s in found.values() if s.auc is not None]
    macro = round(float(np.mean(scored)), 4) if scored else None
    return Score(macro_auc=macro, labels_scored=len(scored), labels=found)


def macro_interval(
    labels: Sequence[str],
    targets: NDArray[np.float32],
    logits: NDArray[np.float32],
    patients: Sequence[str],
    seed: int,
) -> Interval | None:
    """Bootstrap interval of the macro AUC over the labels that ``score`` gives an AUC, patients drawn with return.

    A label that a resample leaves without a positive or a negative does not count in that resample.
    """
    scored = score(labels, targets, logits).labels
    columns = [i for i, label in enumerate(labels) if scored[label].auc is not None]
    if not columns:
        return None
    names, owner = np.unique(np.asarray(patients), return_inverse=True)
    films_of = [np.flatnonzero(owner == i) for i in range(len(names))]
    random = np.random.default_rng(seed)
    means = []
    for _ in track(range(RESAMPLES), "Bootstrap", RESAMPLES):
        rows = np.concatenate([films_of[i] for i in random.integers(0, len(names), len(names))])
        drawn = [_auc(targets[rows, c], logits[rows, c]) for c in columns if 0 < targets[rows, c].sum() < len(rows)]
        if drawn:
            means.append(np.mean(drawn))
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=round(float(low), 4), high=round(float(high), 4), level=LEVEL, resamples=RESAMPLES, seed=seed)


def _auc(truth: NDArray[np.float32], logits: NDArray[np.float32]) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, logits))
