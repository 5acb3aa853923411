"""Writes what a distillation found into its recipe, and leaves everything else there as it was, comments too."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from cxredge.files import write_text
from cxredge.recipe import Novelty, OperatingPoint


def write_back(recipe_file: Path, sha256: str, points: Mapping[str, OperatingPoint], novelty: Novelty) -> None:
    """Set ``weights.sha256``, ``operating_points`` and ``novelty`` in ``recipe_file``, atomically.

    The keys exist: the recipe was loaded before. Raises what ``files.write_text`` raises.
    """
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096  # never fold a line that its writer did not fold
    yaml.indent(mapping=2, sequence=4, offset=2)
    tree = yaml.load(recipe_file.read_text(encoding="utf-8"))
    tree["weights"]["sha256"] = sha256
    for label, point in points.items():
        entry = tree["operating_points"][label]
        entry["logit"], entry["rule"] = point.logit, point.rule
    tree["novelty"]["threshold"], tree["novelty"]["rule"] = novelty.threshold, novelty.rule
    stream = io.StringIO()
    yaml.dump(tree, stream)
    write_text(recipe_file, stream.getvalue())
