"""``cxredge schema``: publish the JSON Schemas."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

WRITTEN_WHOLE = ("manifest", "selftest", "field-log")
"""Contracts with phones: nothing in them is left out."""


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
def schema(out: Path) -> None:
    """Write the JSON Schemas of recipe, manifest, self-test, results and field log into the folder OUT."""
    from pydantic import BaseModel

    from cxredge.bundle.manifest import Manifest
    from cxredge.bundle.selftest import SelfTest
    from cxredge.device.field_log import FieldLog
    from cxredge.distill.record import DistillResults
    from cxredge.evidence import Explanation, PrecisionSearch, Results
    from cxredge.files import canonical_json, check_replaceable, write_text
    from cxredge.recipe import Recipe
    from cxredge.results import Inspection, Verdict

    models: dict[str, type[BaseModel]] = {
        "recipe": Recipe,
        "manifest": Manifest,
        "selftest": SelfTest,
        "verdict": Verdict,
        "results": Results,
        "explanation": Explanation,
        "precision": PrecisionSearch,
        "inspection": Inspection,
        "distill": DistillResults,
        "field-log": FieldLog,
    }
    for name, model in models.items():
        check_replaceable(out / f"{name}.schema.json", partial(_foreign, model=model))
    for name, model in models.items():
        schema = model.model_json_schema()
        write_text(out / f"{name}.schema.json", canonical_json(_whole(schema) if name in WRITTEN_WHOLE else schema))
        click.echo(out / f"{name}.schema.json")


def _foreign(file: Path, model: type[Any]) -> str | None:
    """A schema of another thing may be called the same: ours has the title of its model."""
    import json

    try:
        tree = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return file.name
    return None if isinstance(tree, dict) and tree.get("title") == model.__name__ else file.name


def _whole(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema in which every record needs all of its keys, whatever defaults their fields have elsewhere."""
    for record in (schema, *schema.get("$defs", {}).values()):
        if "properties" in record:
            record["required"] = list(record["properties"])
            for field in record["properties"].values():
                field.pop("default", None)
    return schema
