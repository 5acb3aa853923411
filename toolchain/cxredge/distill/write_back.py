"""Writes what a distillation found into its recipe, and leaves everything else there as it was, comments too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cxredge.distill.thresholds import Thresholds
from cxredge.files import write_text
from cxredge.recipe_file import rewritten

BEHIND = {
    "weights": ("student",),
    "operating_points": ("labels",),
    "least_margin": ("margin_rule", "labels"),
    "novelty": ("operating_points", "least_margin", "labels"),
    "quality": ("novelty", "operating_points", "least_margin", "labels"),
}
"""Behind which key one is put that a recipe lacks, the first that is there."""


def write_back(recipe_file: Path, sha256: str, chosen: Thresholds) -> None:
    """Set ``weights.sha256``, ``operating_points`` or ``least_margin``, ``novelty`` and ``quality`` in ``recipe_file``,
    atomically.

    Keys that the recipe lacks are added. Raises what ``files.write_text`` raises.
    """

    from ruamel.yaml.comments import CommentedMap

    def change(tree: Any) -> None:
        _at(tree, "weights")["sha256"] = sha256
        for label, point in chosen.points.items():
            _at(_at(tree, "operating_points"), label).update(point.model_dump())
        if chosen.margin is not None:
            _at(tree, "least_margin").update(chosen.margin.model_dump())
        if chosen.novelty is not None:
            _at(tree, "novelty").update(chosen.novelty.model_dump())
        if chosen.quality is not None:
            thresholds = CommentedMap(chosen.quality.thresholds)
            thresholds.fa.set_flow_style()
            _at(tree, "quality").update(thresholds=thresholds, rule=chosen.quality.rule)

    write_text(recipe_file, rewritten(recipe_file, change))


def _at(tree: Any, key: str) -> Any:
    """The mapping under a key, made where there is none: behind the key that it follows in a recipe, or last."""
    if not tree.get(key) or tree[key] == "none":
        names = list(tree)
        follows = next((name for name in BEHIND.get(key, ()) if name in tree), None)
        place = names.index(follows) + 1 if follows is not None else len(names)
        # a key that stands there with nothing, or says so, is put anew
        tree.pop(key, None)
        tree.insert(min(place, len(tree)), key, type(tree)())
    return tree[key]
