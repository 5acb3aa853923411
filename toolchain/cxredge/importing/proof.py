"""The root of the parity chain, judged: how far the student is from the network as its owner ran it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cxredge.decision import Decision
from cxredge.errors import InputError, ProofFailed, counted
from cxredge.importing.plan import KINDS
from cxredge.parity.decisions import rule_of
from cxredge.recipe_student import OriginalProof
from cxredge.statistics.probabilities import probabilities

LEAST = 100
"""Films that a proof needs."""
BOUND = 1e-3
"""Largest logit difference of a conversion, over the largest logit (at least 1): float32 in another order of sums gives
about 1e-6, and a wrong constant of the normalisation 1e-2 and more."""
WHOLE_FLIPS = 0.05
"""Largest share of decisions that may differ between the original behind its own preprocessing and the student behind
ours: two ways to shrink a film, both right, moved 1 to 3 % of the decisions of the students that were tried."""

Logits = NDArray[np.float32]


def proven(
    names: tuple[str, ...],
    decision: Decision,
    answers: Mapping[str, Logits],
    probability: str | None,
    transform: str | None,
) -> OriginalProof:
    """answers: ``original`` and ``logits`` (the student's), float32[N, C], behind our preprocessing; and with a
    ``transform`` ``own``, the original's behind its own.

    probability: what the original's answers are behind, ``sigmoid`` or ``softmax``: then its logits are had back from
    them, and differences count where a float32 probability can tell them.
    Raises InputError IMPORT-FEW, ProofFailed IMPORT-DIFFERS.
    """
    student = answers["logits"]
    if len(student) < LEAST:
        raise InputError(
            "IMPORT-FEW",
            f"{len(student)} films are there to prove the student on, and {LEAST} are needed",
            "bring more films of the splits val and test",
        )
    original = logits_of(answers["original"], probability)
    rule = rule_of(names, decision)

    def differ(one: Logits, other: Logits) -> tuple[float, int]:
        flips = rule.differ(rule.call(one), rule.call(other))
        return largest(one, other, probability), int(flips.sum())

    worst, flips = differ(original, student)
    of: Literal["logits", "probabilities"] = "logits" if probability is None else "probabilities"
    decisions = rule.decisions(len(student))
    scale = max(1.0, float(np.abs(student).max()))
    proof = OriginalProof(films=len(student), decisions=decisions, of=of, max_abs=worst, flips=flips)
    if worst > BOUND * scale:
        raise ProofFailed(
            "IMPORT-DIFFERS",
            f"on {counted(len(student), 'film')} the student's logits differ from the original's by up to "
            f"{worst:.3g} (largest "
            f"logit {scale:.3g}; {BOUND:g} of it is allowed), and {flips} of {decisions} decisions by it",
            "report the network: its conversion is wrong",
        )
    if transform is None:
        return proof
    own = logits_of(answers["own"], probability)
    whole, between = differ(own, student), differ(own, original)
    proof = proof.model_copy(
        update={
            "transform": transform,
            "whole_max_abs": whole[0],
            "whole_flips": whole[1],
            "preprocessing_max_abs": between[0],
            "preprocessing_flips": between[1],
        }
    )
    if whole[1] > WHOLE_FLIPS * decisions:
        raise ProofFailed(
            "IMPORT-DIFFERS",
            f"behind {transform} the original decides {whole[1]} of {decisions} otherwise than the student behind this "
            f"toolchain's preprocessing ({100 * WHOLE_FLIPS:g} % are allowed; {of} up to {whole[0]:.3g} apart). "
            f"Preprocessing alone makes {between[1]} of them, the conversion {flips}",
            "choose the --fit, --size and --normalise that the original was trained with, or train it behind these",
        )
    return proof


def logits_of(answers: Logits, probability: str | None) -> Logits:
    """Logits of what the original says, within float32; a softmax's up to a common shift."""
    wide = answers.astype(np.float64)
    with np.errstate(divide="ignore"):
        if probability == "sigmoid":
            wide = np.log(wide) - np.log1p(-wide)
        elif probability == "softmax":
            wide = np.log(wide)
    return np.clip(wide, -1e30, 1e30).astype(np.float32)


def largest(one: Logits, other: Logits, probability: str | None) -> float:
    """Largest difference of logits; of probabilities, where both are had back from them, of those."""
    if probability is None:
        return float(np.abs(one.astype(np.float64) - other).max())
    kind = KINDS[probability]
    return float(np.abs(probabilities(one, kind) - probabilities(other, kind)).max())
