"""Findings of one film: logits against operating points, novelty against its threshold."""

from __future__ import annotations

import numpy as np

from cxredge.outputs import Outputs
from cxredge.parity import decisions
from cxredge.recipe import Recipe
from cxredge.vocabulary import Frozen


class Finding(Frozen):
    """One label. ``margin`` is logit minus operating point: at or above zero is positive. Not a probability."""

    label: str
    logit: float
    operating_point: float
    margin: float
    positive: bool


class FilmFindings(Frozen):
    """What one artifact says of one film."""

    film: str
    film_sha256: str
    bundle: str
    artifact: str
    findings: tuple[Finding, ...]
    novelty: float
    novelty_threshold: float
    unlike_training_films: bool


def findings(recipe: Recipe, outputs: Outputs, film: str, film_sha256: str, bundle: str, artifact: str) -> FilmFindings:
    """outputs: of this one film (N = 1)."""
    cut = decisions.thresholds(recipe.labels.names, recipe.operating_points)
    positive = decisions.decide(outputs["logits"], cut)[0]
    logits = outputs["logits"][0]
    novelty = float(outputs["novelty"][0])
    return FilmFindings(
        film=film,
        film_sha256=film_sha256,
        bundle=bundle,
        artifact=artifact,
        findings=tuple(
            Finding(
                label=name,
                logit=float(logits[i]),
                operating_point=float(cut[i]),
                margin=float(logits[i]) - float(cut[i]),
                positive=bool(positive[i]),
            )
            for i, name in enumerate(recipe.labels.names)
        ),
        novelty=novelty,
        novelty_threshold=recipe.novelty.threshold,
        unlike_training_films=novelty > recipe.novelty.threshold,
    )


BAR = 12


def text(result: FilmFindings, phantom: bool) -> str:
    """Lines for a person: one bar a label, centred on its operating point, full at a margin of 4 logits."""
    lines = [f"{result.film}  ({result.bundle}, {result.artifact})"]
    width = max(len(f.label) for f in result.findings)
    for f in sorted(result.findings, key=lambda f: -f.margin):
        filled = round(float(np.clip(abs(f.margin) / 4, 0, 1)) * BAR)
        left, right = ("", "#" * filled) if f.margin >= 0 else ("#" * filled, "")
        word = "positive" if f.positive else "negative"
        lines.append(
            f"  {f.label:<{width}}  {left:>{BAR}}|{right:<{BAR}}  {word}  {f.margin:+.2f} from its operating point"
        )
    if result.unlike_training_films:
        lines.append(
            f"  warning: this film is unlike the training films (novelty {result.novelty:.2f}, "
            f"threshold {result.novelty_threshold:.2f}): do not rely on the findings"
        )
    else:
        lines.append(f"  novelty {result.novelty:.2f} (threshold {result.novelty_threshold:.2f})")
    if phantom:
        lines.append("  this model learnt from phantoms only: its findings say nothing about people")
    return "\n".join(lines)
