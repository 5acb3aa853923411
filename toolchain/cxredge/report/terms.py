"""What the report calls things: independent findings and exclusive classes have their own words."""

from __future__ import annotations

from dataclasses import dataclass

from cxredge.recipe import Recipe


@dataclass(frozen=True)
class Terms:
    """The short words of one kind of student; its sentences stand in the template ``sentences``."""

    sentences: str
    """Name of the template with the kind's macros."""
    label: str
    labels: str
    score: str
    """What films are ranked by."""
    scores: str
    cut: str
    """What scores are held against."""
    cases: str
    """Films that have what the label says."""
    cases_short: str
    """The same, over a column."""
    up: str
    """What only the artifact calls, after its number."""
    down: str
    """What only the reference calls."""
    mix: str
    """What a data set is a mix of."""
    given: str
    """What a film gets."""


FINDINGS = Terms(
    sentences="findings.html.j2",
    label="label",
    labels="labels",
    score="logit",
    scores="logits",
    cut="operating point",
    cases="with the finding",
    cases_short="with finding",
    up="decisions turned positive",
    down="turned negative",
    mix="findings",
    given="findings",
)
CLASSES = Terms(
    sentences="classes.html.j2",
    label="class",
    labels="classes",
    score="log-odds",
    scores="log-odds",
    cut="least margin",
    cases="of the class",
    cases_short="of the class",
    up="films newly called so",
    down="no longer",
    mix="classes",
    given="an answer",
)


def terms_of(recipe: Recipe) -> Terms:
    """The words for the recipe's kind of student."""
    return FINDINGS if recipe.labels.kind == "multi-label" else CLASSES
