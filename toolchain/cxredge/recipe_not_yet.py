"""What a recipe may leave out until a training has written it: stood for by thresholds that say so."""

from __future__ import annotations

from typing import Any

from cxredge.recipe_decision import NOT_YET


def with_thresholds(tree: Any) -> Any:
    """A recipe's tree with thresholds where it has none at all; whatever else it is, it stays.

    Every label gets a logit of 0, which is a probability of one half; exclusive classes a least margin of 0, which
    leaves no film uncertain. Their rules say that nobody chose them.
    """
    labels = tree.get("labels") if isinstance(tree, dict) else None
    if not isinstance(labels, dict) or tree.get("operating_points") or tree.get("least_margin") is not None:
        return tree
    if labels.get("kind") == "single-label":
        return {**tree, "least_margin": {"log_odds": 0.0, "rule": NOT_YET}}
    names = labels.get("names")
    # what is no list of names is refused where that is checked
    known = [name for name in names if isinstance(name, str)] if isinstance(names, list | tuple) else []
    return {**tree, "operating_points": {name: {"logit": 0.0, "rule": NOT_YET} for name in known}}
