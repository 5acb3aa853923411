"""Writes what a distillation found into its recipe, and leaves everything else there as it was, comments too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cxredge.distill.thresholds import Thresholds
from cxredge.files import write_text
from cxredge.recipe_decision import Quality
from cxredge.recipe_file import rewritten


def write_back(recipe_file: Path, sha256: str, chosen: Thresholds) -> None:
    """Set ``weights.sha256``, ``operating_points`` or ``least_margin``, ``novelty`` and ``quality`` in ``recipe_file``,
    atomically.

    The keys but ``quality`` exist: the recipe was loaded before. Raises what ``files.write_text`` raises.
    """

    def change(tree: Any) -> None:
        tree["weights"]["sha256"] = sha256
        for label, point in chosen.points.items():
            entry = tree["operating_points"][label]
            entry["logit"], entry["rule"] = point.logit, point.rule
        if chosen.margin is not None:
            tree["least_margin"]["log_odds"], tree["least_margin"]["rule"] = chosen.margin.log_odds, chosen.margin.rule
        if chosen.novelty is not None:
            tree["novelty"]["threshold"], tree["novelty"]["rule"] = chosen.novelty.threshold, chosen.novelty.rule
        if chosen.quality is not None:
            _set_quality(tree, chosen.quality)

    write_text(recipe_file, rewritten(recipe_file, change))


def _set_quality(tree: Any, quality: Quality) -> None:
    """The key stands beside ``novelty`` where the recipe did not have it, or had none."""
    from ruamel.yaml.comments import CommentedMap

    if not isinstance(tree.get("quality"), dict):
        tree.pop("quality", None)
        tree.ca.items.pop("quality", None)  # the blank line behind a value of one word
        tree.insert(list(tree).index("novelty") + 1, "quality", CommentedMap())
        following = list(tree)[list(tree).index("quality") + 1 :]
        if following:
            tree.yaml_set_comment_before_after_key(following[0], before="\n")
    thresholds = CommentedMap(quality.thresholds)
    thresholds.fa.set_flow_style()
    tree["quality"]["thresholds"], tree["quality"]["rule"] = thresholds, quality.rule
