"""Writes what a distillation found into its recipe, and leaves everything else there as it was, comments too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxredge.files import write_text
from cxredge.recipe_decision import Novelty, OperatingPoint
from cxredge.recipe_file import rewritten


def write_back(recipe_file: Path, sha256: str, points: Mapping[str, OperatingPoint], novelty: Novelty) -> None:
    """Set ``weights.sha256``, ``operating_points`` and ``novelty`` in ``recipe_file``, atomically.

    The keys exist: the recipe was loaded before. Raises what ``files.write_text`` raises.
    """

    def change(tree: Any) -> None:
        tree["weights"]["sha256"] = sha256
        for label, point in points.items():
            entry = tree["operating_points"][label]
            entry["logit"], entry["rule"] = point.logit, point.rule
        tree["novelty"]["threshold"], tree["novelty"]["rule"] = novelty.threshold, novelty.rule

    write_text(recipe_file, rewritten(recipe_file, change))
