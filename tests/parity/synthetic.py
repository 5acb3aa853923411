"""Films and logits with known statistics, for tests: numbers drawn from a seed, no pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cxredge.decision import MultiLabel, SingleLabel
from cxredge.parity.decisions import ExclusiveRule, Rule, rule_of
from cxredge.parity.pairs import Pair
from cxredge.recipe import Recipe
from cxredge.recipe_decision import Margin, OperatingPoint
from cxredge.recipe_file import load_recipe

ROOT = Path(__file__).parent.parent.parent
LABELS = ("Cardiomegaly", "Effusion", "Nodule")


@dataclass(frozen=True, eq=False)
class Facts:
    file: str
    patient: str
    targets: np.ndarray
    columns: Mapping[str, str] = field(default_factory=dict)


def facts(truth: np.ndarray, patients: Sequence[str]) -> list[Facts]:
    """Films of these targets and patients, without other columns."""
    return [Facts(f"films/{i}.png", name, truth[i].astype(np.float32)) for i, name in enumerate(patients)]


def recipe(kind: str = "multi-label") -> Recipe:
    """The phantom recipe with three labels: operating points 0, 0.5 and 1, or a least margin of 0.5."""
    whole = load_recipe(ROOT / "model_zoo" / "phantom")
    labels = whole.labels.model_copy(update={"names": LABELS, "kind": kind})
    points = {name: OperatingPoint(logit=i / 2, rule="by hand") for i, name in enumerate(LABELS)}
    margin = None
    if kind == "single-label":
        points, margin = {}, Margin(log_odds=0.5, rule="by hand")
    return whole.model_copy(update={"labels": labels, "operating_points": points, "least_margin": margin})


def exclusive(least_margin: float = 0.5, names: Sequence[str] = LABELS) -> ExclusiveRule:
    """Exclusive classes with this least margin."""
    rule = rule_of(names, SingleLabel(least_margin=least_margin))
    assert isinstance(rule, ExclusiveRule)
    return rule


def class_pair(films: int = 200, seed: int = 0, error: float = 0.3, classes: int = 3, films_each: int = 2) -> Pair:
    """Films of one class each; logits that know something, an artifact's with a normal ``error``."""
    random = np.random.default_rng(seed)
    truth = np.eye(classes, dtype=np.float32)[random.integers(0, classes, films)]
    reference = (2 * truth + random.normal(size=truth.shape)).astype(np.float32)
    artifact = (reference + error * random.normal(size=truth.shape)).astype(np.float32)
    return Pair(facts(truth, [f"p{i // films_each}" for i in range(films)]), reference, artifact)


def independent(cut: Sequence[float], names: Sequence[str] = LABELS) -> Rule:
    """Independent findings with these operating points."""
    return rule_of(names, MultiLabel(operating_points=dict(zip(names, map(float, cut), strict=True))))


def pair(
    films: int = 200,
    seed: int = 0,
    error: float = 0.3,
    prevalence: tuple[float, ...] = (0.4, 0.3, 0.2),
    films_each: int = 2,
    columns: tuple[Mapping[str, str], ...] = ({},),
) -> Pair:
    """Reference logits that know something, and an artifact's with a normal ``error``; ``columns`` repeat."""
    random = np.random.default_rng(seed)
    truth = (random.random((films, len(prevalence))) < prevalence).astype(np.float32)
    reference = (2 * truth - 1 + random.normal(size=truth.shape)).astype(np.float32)
    artifact = (reference + error * random.normal(size=truth.shape)).astype(np.float32)
    facts = [Facts(f"films/{i}.png", f"p{i // films_each}", truth[i], columns[i % len(columns)]) for i in range(films)]
    return Pair(facts, reference, artifact)
