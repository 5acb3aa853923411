"""Decisions on arrays: what a model's logits say of films, by the rule that recipe and manifest hold as data.

Whatever the rule, a model *calls* labels: bool[N, C]. Of independent findings it calls those at or above their
operating points; of exclusive classes one, or none where the film stays uncertain.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cxredge.decision import FLOAT32_MAX, Decision, MultiLabel
from cxredge.evidence_decisions import ClassAnswer, ClassFlip, Flip
from cxredge.parity.pairs import Pair

NOISE_PERCENTILE = 95
"""Of what a film that lies one input pixel aside changes a score by: what counts as a student's own noise."""


@dataclass(frozen=True, eq=False)
class Rule(ABC):
    """How the logits of labels ``names`` are decided. ``cut``: float32[C], what scores are held against."""

    names: tuple[str, ...]
    cut: NDArray[np.float32]

    @abstractmethod
    def scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """logits float32[N, C] -> float32[N, C]: the numbers that are held against ``cut``."""

    @abstractmethod
    def call(self, logits: NDArray[np.float32]) -> NDArray[np.bool_]:
        """logits float32[N, C] -> bool[N, C]: the labels that the model calls."""

    @abstractmethod
    def differ(self, one: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Two arrays of ``call`` -> one value a decision, in any shape: whether it differs."""

    @abstractmethod
    def flips(self, pair: Pair, noise: NDArray[np.float64] | None = None) -> tuple[Flip | ClassFlip, ...]:
        """Every decision in which artifact and reference differ.

        One is explained when, for each label that only one of the two calls, the reference's score stood no farther
        from ``cut`` than its own noise on this label. noise: what ``noise`` gave; None: nobody knows what is explained.
        """

    def scored(self, pair: Pair) -> Pair:
        """The pair with scores in place of logits: what ranks films, and is compared with ``cut``."""
        return replace(pair, reference=self.scores(pair.reference), artifact=self.scores(pair.artifact))

    def decisions(self, films: int) -> int:
        """How many decisions ``films`` films are."""
        none = np.zeros((films, len(self.names)), bool)
        return self.differ(none, none).size

    def noise(self, films: NDArray[np.float32], shifted: NDArray[np.float32]) -> NDArray[np.float64]:
        """float64[C]: the NOISE_PERCENTILE-th percentile of what the scores of one model change by on shifted films.

        films: its logits float32[n, C] of films as they are; shifted: float32[K * n, C] of ``data.shift.shift``. No
        artifact is in it: a worse one explains no more of its flips.
        """
        before, after = (self.scores(logits).astype(np.float64) for logits in (films, shifted))
        moved = np.abs(after.reshape(-1, *before.shape) - before).reshape(-1, before.shape[1])
        found: NDArray[np.float64] = np.percentile(moved, NOISE_PERCENTILE, axis=0)
        return found

    def explained(self, pair: Pair, noise: NDArray[np.float64]) -> NDArray[np.bool_]:
        """bool[N, C]: where the reference stood within its own noise of ``cut``."""
        reference = self.scores(pair.reference).astype(np.float64)
        near: NDArray[np.bool_] = np.abs(reference - self.cut) <= noise
        return near

    def called_otherwise(self, pair: Pair) -> NDArray[np.bool_]:
        """bool[N, C]: labels that only one of the two calls."""
        return self.call(pair.reference) != self.call(pair.artifact)


class IndependentRule(Rule):
    """Each finding against its operating point, in float32."""

    def scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """The logits themselves."""
        return logits

    def call(self, logits: NDArray[np.float32]) -> NDArray[np.bool_]:
        """At or above the operating point."""
        return logits >= self.cut

    def differ(self, one: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """bool[N, C]: every film and finding is a decision."""
        return one != other

    def flips(self, pair: Pair, noise: NDArray[np.float64] | None = None) -> tuple[Flip, ...]:
        """By label and then by film, in their order."""
        truth, judged = pair.truth, pair.judged
        explained = None if noise is None else self.explained(pair, noise)
        return tuple(
            Flip(
                label=self.names[label],
                film=pair.films[film].file,
                patient=pair.films[film].patient,
                truth=bool(truth[film, label]) if judged[label] else None,
                reference=float(pair.reference[film, label]),
                artifact=float(pair.artifact[film, label]),
                threshold=float(self.cut[label]),
                up=bool(pair.artifact[film, label] >= self.cut[label]),
                explained=None if explained is None else bool(explained[film, label]),
            )
            for label, film in np.argwhere(self.called_otherwise(pair).T)
        )


class ExclusiveRule(Rule):
    """The class with the greatest logit, where its log-odds reach the least margin."""

    def scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Every class's log-odds: its logit minus the logsumexp of the others, in float64, rounded to float32.

        Those beyond float32 are its greatest number: finite logits have finite log-odds.
        """
        wide = logits.astype(np.float64)
        rest = np.stack([_logsumexp(np.delete(wide, label, axis=1)) for label in range(wide.shape[1])], axis=1)
        return np.clip(wide - rest, -FLOAT32_MAX, FLOAT32_MAX).astype(np.float32)

    def call(self, logits: NDArray[np.float32]) -> NDArray[np.bool_]:
        """One class, or none: below the margin, or where two share the greatest logit."""
        top, _, _, sure = self._ranked(logits)
        called = np.zeros(logits.shape, bool)
        called[np.arange(len(logits)), top] = sure
        return called

    def _ranked(
        self, logits: NDArray[np.float32]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32], NDArray[np.bool_]]:
        """The nearest class, the runner-up, the nearest one's log-odds, and whether it is named; [N] each.

        Of classes with equal logits the first is the nearer.
        """
        films = np.arange(len(logits))
        top, second = np.argsort(-logits, axis=1, kind="stable")[:, :2].T
        odds = self.scores(logits)[films, top]
        return top, second, odds, (odds >= self.cut[top]) & (logits[films, top] > logits[films, second])

    def differ(self, one: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """bool[N]: every film is one decision."""
        changed: NDArray[np.bool_] = (one != other).any(1)
        return changed

    def answers(self, logits: NDArray[np.float32]) -> tuple[ClassAnswer, ...]:
        """One a film."""
        return tuple(
            ClassAnswer(
                answer=self.names[top] if sure else None,
                nearest=self.names[top],
                log_odds=float(odds),
                runner_up=self.names[second],
            )
            for top, second, odds, sure in zip(*self._ranked(logits), strict=True)
        )

    def flips(self, pair: Pair, noise: NDArray[np.float64] | None = None) -> tuple[ClassFlip, ...]:
        """By film, in their order."""
        otherwise, truth = self.called_otherwise(pair), pair.truth
        near = None if noise is None else self.explained(pair, noise)
        told = bool(pair.judged.all())
        films = np.flatnonzero(otherwise.any(1))
        both = zip(films, self.answers(pair.reference[films]), self.answers(pair.artifact[films]), strict=True)
        return tuple(
            ClassFlip(
                film=pair.films[film].file,
                patient=pair.films[film].patient,
                truth=self.names[int(truth[film].argmax())] if told else None,
                reference=reference,
                artifact=artifact,
                explained=None if near is None else bool(near[film][otherwise[film]].all()),
            )
            for film, reference, artifact in both
        )


def _logsumexp(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[N, M] -> float64[N]; the greatest is taken out, so that no exponential overflows."""
    peak = values.max(1)
    total: NDArray[np.float64] = peak + np.log(np.exp(values - peak[:, None]).sum(1))
    return total


def rule_of(names: Sequence[str], decision: Decision) -> Rule:
    """The rule that ``decision`` states, for the labels ``names`` in the order of the logits."""
    if isinstance(decision, MultiLabel):
        return IndependentRule(tuple(names), np.array([decision.operating_points[n] for n in names], np.float32))
    return ExclusiveRule(tuple(names), np.full(len(names), decision.least_margin, np.float32))


def ups_and_downs(
    reference: NDArray[np.bool_], other: NDArray[np.bool_], names: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Per label, how many films (are called it now and were not, were called it and are no more)."""
    up = (~reference & other).sum(0)
    down = (reference & ~other).sum(0)
    return {name: (int(up[i]), int(down[i])) for i, name in enumerate(names)}
