"""Writes what a distillation found into its recipe, and leaves everything else there as it was, comments too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxredge import strict_yaml
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
KEY = re.compile(r"([a-z_]+):")


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
            quality = _at(tree, "quality")
            quality.update(thresholds=thresholds, rule=chosen.quality.rule)
            quality.fa.set_block_style()

    text = recipe_file.read_text(encoding="utf-8")
    write_text(recipe_file, rewritten(_with_places(text, chosen), change))


def _with_places(text: str, chosen: Thresholds) -> str:
    """``text`` with lines for the keys that it lacks; as it is where it is not written in lines."""
    lines = text.split("\n")
    _add(lines, "weights", [])
    _add_hash(lines)
    if chosen.points:
        _add(lines, "operating_points", [f"  {label}: {{}}" for label in chosen.points])
    for key, found in (("least_margin", chosen.margin), ("novelty", chosen.novelty), ("quality", chosen.quality)):
        if found is not None:
            _add(lines, key, [])
    made = "\n".join(lines)
    try:
        strict_yaml.parse(made.encode())
    except strict_yaml.YamlError:
        return text
    return made


def _at(tree: Any, key: str) -> Any:
    """The mapping under a key, made where there is none, nothing in it, or ``none``."""
    if not tree.get(key) or tree[key] == "none":
        tree[key] = tree.get(key) if hasattr(tree.get(key), "update") else type(tree)()
    return tree[key]


def _add(lines: list[str], key: str, inside: Sequence[str]) -> None:
    """A key of the recipe's top that it lacks: behind the block that it belongs to, in front of the comments that stand
    before the next. A parser's tree would put it behind these.
    """
    if any(line.startswith(f"{key}:") for line in lines):
        return
    own = [f"{key}:", *inside] if inside else [f"{key}: {{}}"]
    follows = next((name for name in BEHIND[key] if _starts(lines, name) is not None), None)
    at = len(lines) if follows is None else _end(lines, follows)
    lines[at:at] = ["", *own] if follows is not None else own


def _add_hash(lines: list[str]) -> None:
    """A line for the hash, where weights are a block that lacks one."""
    at = _starts(lines, "weights")
    if at is None or lines[at].partition("#")[0].strip() != "weights:":
        return
    end = _end(lines, "weights")
    first = next((line for line in lines[at + 1 : end] if line.strip() and not line.strip().startswith("#")), None)
    if first is not None and not any(line.strip().startswith("sha256:") for line in lines[at:end]):
        lines.insert(end, f'{first[: len(first) - len(first.lstrip())]}sha256: ""')


def _starts(lines: Sequence[str], key: str) -> int | None:
    return next((at for at, line in enumerate(lines) if line.startswith(f"{key}:")), None)


def _end(lines: Sequence[str], key: str) -> int:
    """Behind the last line that is the key's or is indented below it."""
    start = lines.index(next(line for line in lines if line.startswith(f"{key}:")))
    end = start + 1
    for at in range(start + 1, len(lines)):
        if KEY.match(lines[at]):
            break
        if lines[at].startswith(" ") and lines[at].strip():
            end = at + 1
    return end
