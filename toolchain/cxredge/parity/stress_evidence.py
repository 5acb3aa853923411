"""Whether an artifact's answers fall faster than the reference's when films get worse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cxredge.data.stress import STRESSES
from cxredge.evidence import StressEvidence
from cxredge.parity.decisions import Rule
from cxredge.parity.paired import BOOTSTRAP, paired_auc
from cxredge.parity.pairs import Both
from cxredge.results import BootstrapSpec

UNCHANGED = "unchanged"


def stress_evidence(
    clean: Both,
    stressed: Both,
    truth: NDArray[np.bool_],
    patients: Sequence[str],
    rule: Rule,
    bootstrap: BootstrapSpec = BOOTSTRAP,
    judged: NDArray[np.bool_] | None = None,
) -> tuple[StressEvidence, ...]:
    """The unchanged films first, as what the others are held against, then one record for each of ``STRESSES``.

    clean: logits float32[n, C] of the films that ``stress_films`` chose; stressed: logits float32[K * n, C] of
    ``data.stress.stress``; truth: bool[n, C]; judged: bool[C], the labels that it tells, None for all.
    """
    n = len(truth)
    own = [rule.call(logits) for logits in clean]
    found = []
    kinds = [(UNCHANGED, "the same films as they are"), *((s.kind, s.what) for s in STRESSES)]
    for at, (kind, what) in enumerate(kinds):
        logits = stressed.part(np.arange((at - 1) * n, at * n)) if at else clean
        now = [rule.call(one) for one in logits]
        moved = [float(rule.differ(after, before).mean()) for before, after in zip(own, now, strict=True)]
        found.append(
            StressEvidence(
                kind=kind,
                what=what,
                films=n,
                moved_reference=moved[0],
                moved_artifact=moved[1],
                disagree=float(rule.differ(now[0], now[1]).mean()),
                auc=paired_auc(truth, Both(*map(rule.scores, logits)), patients, bootstrap, judged),
            )
        )
    return tuple(found)
