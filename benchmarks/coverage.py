"""How often the bootstrap's 95 % interval of a loss holds the true loss, by the number of positive patients.

    python benchmarks/coverage.py [--trials 1000] [--patients 200] [--labels 4]

Scores are normal, positives 1.2 higher; the artifact's are the reference's with noise added. One film a patient. The
true losses are the closed forms of these normals. ``one label`` and ``mean``: the interval of a label alone, and of the
mean over independent labels. The nominal shares are 0.95, and 0.975 below the upper end, which is what gates bound.
"""

from __future__ import annotations

import argparse

import numpy as np

from cxredge.statistics.auc import Auc
from cxredge.statistics.bootstrap import interval, mean_of_labels, resample
from cxredge.statistics.means import sensitivity

SHIFT, NOISE, CUT = 1.2, 0.7, 0.6
RESAMPLES, LEVEL = 1000, 0.95
POSITIVES = (3, 5, 10, 20, 40)


def true_losses() -> dict[str, float]:
    from scipy.stats import norm

    spread = np.hypot(1, NOISE)
    return {
        "AUC": float(norm.cdf(SHIFT / np.sqrt(2)) - norm.cdf(SHIFT / (np.sqrt(2) * spread))),
        "sensitivity": float(norm.cdf(SHIFT - CUT) - norm.cdf((SHIFT - CUT) / spread)),
    }


def losses(positives: int, patients: int, labels: int, seed: int) -> dict[str, np.ndarray]:
    """Resampled losses float64[labels, RESAMPLES] of one trial."""
    random = np.random.default_rng(seed)
    truth = np.broadcast_to((np.arange(patients) < positives)[:, None], (patients, labels))
    reference = SHIFT * truth + random.normal(size=truth.shape)
    artifact = reference + NOISE * random.normal(size=truth.shape)
    drawn = resample(
        {
            (what, model): statistic
            for model, scores in (("reference", reference), ("artifact", artifact))
            for what, statistic in (("AUC", Auc(truth, scores)), ("sensitivity", sensitivity(truth, scores >= CUT)))
        },
        [str(i) for i in range(patients)],
        RESAMPLES,
        seed,
    )
    return {what: drawn[what, "reference"] - drawn[what, "artifact"] for what in ("AUC", "sensitivity")}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--labels", type=int, default=4)
    arguments = parser.parse_args()
    truth = true_losses()
    print(f"true losses: {', '.join(f'{what} {loss:.3f}' for what, loss in truth.items())}; {arguments.trials} trials")
    for positives in POSITIVES:
        held = {(what, which): np.zeros(2) for what in truth for which in ("one label", "mean")}
        for trial in range(arguments.trials):
            for what, found in losses(positives, arguments.patients, arguments.labels, trial).items():
                for which, values in (("one label", found[0]), ("mean", mean_of_labels(found))):
                    low, high = interval(values, LEVEL) or (np.inf, -np.inf)
                    held[what, which] += (low <= truth[what] <= high, truth[what] <= high)
        shares = {key: count / arguments.trials for key, count in held.items()}
        cells = [f"{what}, {which}: {a:.3f} ({b:.3f})" for (what, which), (a, b) in shares.items()]
        print(f"{positives} positive patients  {';  '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
