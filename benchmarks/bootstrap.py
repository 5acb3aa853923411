"""Seconds of a paired bootstrap, and its ratio to the same figures from scikit-learn in a loop.

    python benchmarks/bootstrap.py [--films 10000] [--labels 14] [--resamples 2000] [--measured 3]

Both models' AUC, ECE, Brier score, sensitivity and specificity of every label in every resample, on numbers drawn from
a seed. The loop is timed on a few resamples and multiplied up; it weighs films as the bootstrap does, on the same
weights, and must find the same figures. One thread.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import resource
import time
from collections.abc import Mapping

import numpy as np

from cxredge.statistics.auc import Auc
from cxredge.statistics.bootstrap import Statistic, film_weights, resample
from cxredge.statistics.means import brier, sensitivity, specificity
from cxredge.statistics.probabilities import BINS, Ece, probabilities


def figures(truth: np.ndarray, logits: np.ndarray) -> dict[str, Statistic]:
    chances = probabilities(logits, "multi-label")
    return {
        "auc": Auc(truth, logits),
        "ece": Ece(truth, chances),
        "brier": brier(truth, chances),
        "sensitivity": sensitivity(truth, logits >= 0),
        "specificity": specificity(truth, logits >= 0),
    }


def loop(truth: np.ndarray, logits: np.ndarray, weights: np.ndarray) -> dict[str, list[float]]:
    """One model, one resample; weights float64[N]."""
    from sklearn.metrics import brier_score_loss, recall_score, roc_auc_score

    chances = probabilities(logits, "multi-label")
    found: dict[str, list[float]] = {name: [] for name in ("auc", "ece", "brier", "sensitivity", "specificity")}
    for c in range(truth.shape[1]):
        t, p, called = truth[:, c], chances[:, c], logits[:, c] >= 0
        found["auc"].append(roc_auc_score(t, logits[:, c], sample_weight=weights))
        found["brier"].append(brier_score_loss(t, p, sample_weight=weights))
        found["sensitivity"].append(recall_score(t, called, sample_weight=weights))
        found["specificity"].append(recall_score(~t, ~called, sample_weight=weights))
        bins = np.clip(np.ceil(p * BINS).astype(int) - 1, 0, BINS - 1)
        gaps = np.bincount(bins, (p - t) * weights, BINS)
        found["ece"].append(np.abs(gaps).sum() / weights.sum())
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--films", type=int, default=10_000)
    parser.add_argument("--labels", type=int, default=14)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--measured", type=int, default=3, help="resamples that the loop is timed on")
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    shape = (arguments.films, arguments.labels)
    truth = random.random(shape) < 0.1
    reference = (truth + random.normal(size=shape) - 1).astype(np.float32)
    models = {"reference": reference, "artifact": (reference + 0.1 * random.normal(size=shape)).astype(np.float32)}
    patients = [str(i // 3) for i in range(arguments.films)]
    next(film_weights(patients, 1, 0))

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    statistics: Mapping[tuple[str, str], Statistic] = {
        (model, name): figure for model, logits in models.items() for name, figure in figures(truth, logits).items()
    }
    ours = resample(statistics, patients, arguments.resamples, 1)
    seconds = time.perf_counter() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

    weights = next(film_weights(patients, arguments.resamples, 1))[:, : arguments.measured]
    loop(truth, reference, weights[:, 0])
    began = time.perf_counter()
    theirs = [{model: loop(truth, logits, w) for model, logits in models.items()} for w in weights.T]
    each = (time.perf_counter() - began) / len(theirs)
    apart = max(
        float(np.abs(ours[model, name][:, b] - theirs[b][model][name]).max())
        for b in range(len(theirs))
        for model, name in ours
    )
    print(f"{arguments.resamples} resamples, {arguments.labels} labels, {arguments.films} films, 2 models, 5 figures")
    print(f"bootstrap: {seconds:.2f} s, {grown:.0f} MiB more memory at its peak")
    whole = each * arguments.resamples
    print(f"scikit-learn in a loop: {each:.3f} s a resample (mean of {len(theirs)}), extrapolated to {whole:.0f} s")
    print(f"ratio: {whole / seconds:.0f}; largest difference of any figure: {apart:.1e}")


if __name__ == "__main__":
    main()
