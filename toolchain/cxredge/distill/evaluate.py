"""Scores of a trained model: AUC by label, its mean and how sure that mean is; accuracy of exclusive classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from cxredge.distill.record import MIN_CASES, Interval, LabelScore, Score
from cxredge.distill.splits import Films
from cxredge.parity.decisions import rule_of
from cxredge.parity.paired import judged_labels, too_few
from cxredge.progress import track
from cxredge.recipe_decision import NOT_JUDGED
from cxredge.statistics.auc import Auc, auc
from cxredge.statistics.bootstrap import interval, mean_of_labels, resample

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from cxredge.recipe import Recipe
    from cxredge.recipe_decision import Labels
    from cxredge.students.backbone_student import BackboneStudent
    from cxredge.students.base import Student

BATCH = 32
RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Answers:
    """A model's answers on one split: logits float32[N, C]; novelty float32[N] and quality float32[N, K] where it has
    such outputs."""

    logits: NDArray[np.float32]
    novelty: NDArray[np.float32] | None
    quality: NDArray[np.float32] | None = None


@torch.no_grad()
def answers(student: Student, films: Films, what: str) -> Answers:
    """Run ``student`` (in evaluation mode) on all ``films``."""
    device = next(student.parameters()).device
    parts = [student(image.to(device)) for image in _batches(films, what)]

    def whole(name: str) -> NDArray[np.float32] | None:
        found = [part[name] for part in parts if name in part]
        return torch.cat(found).cpu().numpy() if found else None

    return Answers(torch.cat([part["logits"] for part in parts]).cpu().numpy(), whole("novelty"), whole("quality"))


@torch.no_grad()
def pooled_features(student: BackboneStudent, films: Films, what: str) -> Tensor:
    """float32[N, d]: what the novelty score is fitted to."""
    return torch.cat([student.features(image).mean((2, 3)) for image in _batches(films, what)])


def _batches(films: Films, what: str) -> Iterator[Tensor]:
    """float32[n, ch, H, W], 0..255."""
    starts = range(0, len(films), BATCH)
    for start in track(starts, what, len(starts)):
        yield films.images[start : start + BATCH].float()


def scores(recipe: Recipe, found: Answers) -> NDArray[np.float32]:
    """float32[N, C]: what ranks films. A softmax's logits mean nothing from film to film, its log-odds do."""
    return rule_of(recipe.labels.names, recipe.decision).scores(found.logits)


def measured(recipe: Recipe, targets: NDArray[np.float32], found: Answers) -> Score:
    """``score`` of a model's answers, and of exclusive classes its accuracy, whatever the least margin."""
    whole = score(recipe.labels, targets, scores(recipe, found))
    if recipe.labels.kind == "multi-label":
        return whole
    right = targets[np.arange(len(targets)), found.logits.argmax(1)] > 0.5
    return whole.model_copy(update={"accuracy": round(float(right.mean()), 4)})


def score(labels: Labels, targets: NDArray[np.float32], scores: NDArray[np.float32]) -> Score:
    """targets (0 and 1), scores float32[N, C] -> AUC of each label against all others, and their mean.

    Labels that the films do not tell have none, and a note that says so.
    """
    found: dict[str, LabelScore] = {}
    areas = auc(targets > 0.5, scores)
    for label, truth, area in zip(labels.names, targets.T, areas, strict=True):
        if label in labels.not_judged:
            found[label] = LabelScore(auc=None, positives=None, negatives=None, note=NOT_JUDGED)
            continue
        positives = int(truth.sum())
        negatives = len(truth) - positives
        if min(positives, negatives) < MIN_CASES:
            few, count = ("positives", positives) if positives < MIN_CASES else ("negatives", negatives)
            note = f"too few {few} for an AUC ({count}, at least {MIN_CASES} are needed)"
            found[label] = LabelScore(auc=None, positives=positives, negatives=negatives, note=note)
        else:
            found[label] = LabelScore(auc=round(float(area), 4), positives=positives, negatives=negatives)
    scored = [s.auc for s in found.values() if s.auc is not None]
    macro = round(float(np.mean(scored)), 4) if scored else None
    return Score(macro_auc=macro, labels_scored=len(scored), labels=found)


def macro_interval(
    labels: Labels,
    targets: NDArray[np.float32],
    scores: NDArray[np.float32],
    patients: Sequence[str],
    seed: int,
) -> Interval | None:
    """Bootstrap interval of the mean AUC over the labels with enough patients of either kind, drawn with return.

    They may be fewer than ``score`` gives an AUC; None: no label has enough. A label that a resample leaves without a
    positive or a negative does not count in that resample.
    """
    truth = targets > 0.5
    few = too_few(truth, patients, judged=judged_labels(labels))
    columns = [i for i, reason in enumerate(few) if reason is None]
    if not columns:
        return None
    statistic = Auc(truth[:, columns], scores[:, columns])
    areas = resample({"auc": statistic}, patients, RESAMPLES, seed)["auc"]
    ends = interval(mean_of_labels(areas), LEVEL)
    if ends is None:
        return None
    low, high = (round(end, 4) for end in ends)
    value = round(float(auc(truth[:, columns], scores[:, columns]).mean()), 4)
    return Interval(value=value, low=low, high=high, level=LEVEL, resamples=RESAMPLES, seed=seed, labels=len(columns))
