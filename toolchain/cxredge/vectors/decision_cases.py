"""Vectors of decisions, shared with Kotlin and Swift: logits, the rule as a manifest has it, and what is decided.

Thresholds are met exactly and missed by one step of float32; logits are shifted, huge, tied, and many.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cxredge.decision import Decision, MultiLabel, SingleLabel
from cxredge.parity.decisions import ExclusiveRule, rule_of

Logits = NDArray[np.float32]
THREE = ("bacterial", "normal", "viral")


def decision_cases() -> list[dict[str, object]]:
    """All cases, in the form of ``tests/vectors/decisions.json``."""
    return [_case(*case) for case in (*_findings(), *_classes())]


def _case(name: str, decision: Decision, labels: tuple[str, ...], logits: Logits) -> dict[str, object]:
    rule = rule_of(labels, decision)
    case: dict[str, object] = {
        "name": name,
        "decision": decision.model_dump(mode="json"),
        "labels": list(labels),
        "logits": list(map(float, logits)),
    }
    if isinstance(rule, ExclusiveRule):
        (answer,) = rule.answers(logits[None])
        odds = list(map(float, rule.scores(logits[None])[0]))
        return case | {
            "answer": answer.answer,
            "nearest": answer.nearest,
            "runner_up": answer.runner_up,
            "log_odds": odds,
        }
    return case | {"positive": rule.call(logits[None])[0].tolist()}


def _row(*values: float) -> Logits:
    return np.array(values, np.float32)


def _findings() -> Iterator[tuple[str, Decision, tuple[str, ...], Logits]]:
    labels = ("Effusion", "Nodule")
    points = {"Effusion": -0.6585, "Nodule": 1.2e-3}
    rule, cut = MultiLabel(operating_points=points), _row(*points.values())
    yield "at the operating points", rule, labels, cut
    yield "a step below", rule, labels, np.nextafter(cut, np.float32(-np.inf))
    yield "a step above", rule, labels, np.nextafter(cut, np.float32(np.inf))
    yield "one of two", rule, labels, _row(3, -3)
    yield "huge", rule, labels, _row(3e38, -3e38)


def _classes() -> Iterator[tuple[str, Decision, tuple[str, ...], Logits]]:
    none, some = SingleLabel(least_margin=0), SingleLabel(least_margin=1.5)
    yield "sure", some, THREE, _row(5, -1, 0.5)
    yield "uncertain", some, THREE, _row(1, 0.5, 0)
    yield "likelier than all others together", none, THREE, _row(2, 1, 0.9)
    yield "greatest, and less likely than the others together", none, THREE, _row(1, 0.9, 0.8)
    yield "two share the greatest logit", none, THREE, _row(7, 7, -7)
    yield "all are equal", none, THREE, _row(0, 0, 0)
    yield "a common shift", some, THREE, _row(5 + 1024, -1 + 1024, 0.5 + 1024)
    yield "huge", some, THREE, _row(3e38, -3e38, 0)
    yield "hugely negative", some, THREE, _row(-3e38, -3.2e38, -3.4e38)
    yield "close and huge", some, THREE, _row(1e6, 1e6 - 1, 1e6 - 2)
    yield "two classes at the margin", some, THREE[:2], _row(1.5, 0)
    yield "two classes a step below", some, THREE[:2], np.nextafter(_row(1.5, 0), _row(-np.inf, 0))
    yield "two classes, tied", none, THREE[:2], _row(0.25, 0.25)
    yield "two classes, the second", none, THREE[:2], _row(-1, 2)
    rng = np.random.Generator(np.random.PCG64(0))
    many = tuple(f"class_{i}" for i in range(64))
    yield "sixty-four classes", SingleLabel(least_margin=0.75), many, _row(*rng.normal(0, 2, 63), 9)
    yield "sixty-four equal classes but one", none, many, _row(*[0.0] * 63, 4.5)
    for i in range(12):
        margin = float(np.float32(rng.uniform(0, 2)))
        yield f"drawn {i}", SingleLabel(least_margin=margin), THREE, rng.normal(0, 2, 3).astype(np.float32)
