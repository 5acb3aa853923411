"""Writes what a distillation found into its recipe, and leaves everything else there as it was, comments too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cxredge.distill.thresholds import Thresholds
from cxredge.files import write_text
from cxredge.recipe_file import rewritten


def write_back(recipe_file: Path, sha256: str, chosen: Thresholds) -> None:
    """Set ``weights.sha256``, ``operating_points`` or ``least_margin``, and ``novelty`` in ``recipe_file``, atomically.

    The keys exist: the recipe was loaded before. Raises what ``files.write_text`` raises.
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

    write_text(recipe_file, rewritten(recipe_file, change))
