"""``cxredge schema``: publish the JSON Schemas."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from cxredge.cli.output import say

WRITTEN_WHOLE = ("manifest", "selftest", "field-log")
"""Contracts with phones: nothing in them is left out."""
MAX_BYTES = 1_000_000
"""Of an earlier schema that is to be replaced: far more than ours have."""


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
def schema(out: Path) -> None:
    """Write the JSON Schemas of recipe, manifest, self-test, results and field log into the folder OUT."""
    from pydantic import BaseModel

    from cxredge.baselines.baselines_record import BaselinesRecord
    from cxredge.bundle.manifest import Manifest
    from cxredge.bundle.selftest import SelfTest
    from cxredge.data.check_record import DataCheck
    from cxredge.device.field_log import FieldLog
    from cxredge.distill.record import DistillResults
    from cxredge.errors import printable
    from cxredge.evidence import Explanation, PrecisionSearch, Results
    from cxredge.files import canonical_json, check_replaceable, write_text
    from cxredge.recipe import Recipe
    from cxredge.results import Inspection, Verdict
    from cxredge.shard_record import ShardRecord
    from cxredge.zoo.entry import ZooModel

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
        "baselines": BaselinesRecord,
        "data-check": DataCheck,
        "zoo": ZooModel,
        "field-log": FieldLog,
        "shard": ShardRecord,
    }
    schemas = {name: model.model_json_schema() for name, model in models.items()}
    schemas |= {name: _whole(schemas[name]) for name in WRITTEN_WHOLE}
    for name, schema in schemas.items():
        check_replaceable(out / f"{name}.schema.json", partial(_foreign, schema=schema))
    for name, schema in schemas.items():
        write_text(out / f"{name}.schema.json", canonical_json(schema))
        say(printable(str(out / f"{name}.schema.json")))


def _foreign(file: Path, schema: dict[str, Any]) -> str | None:
    """A schema of another thing may be called the same, and have the same title: ours has the same form.

    An earlier version's has the same keys, and most of its properties are still those of ``schema``.
    """
    from cxredge import strict_json
    from cxredge.errors import CxrError
    from cxredge.files import read_bytes

    try:
        tree = strict_json.parse(read_bytes(file, MAX_BYTES), MAX_BYTES)
    except (CxrError, ValueError):
        return file.name
    if not isinstance(tree, dict) or tree.get("title") != schema["title"] or tree.keys() != schema.keys():
        return file.name
    then, now = tree["properties"], schema["properties"].keys()
    shared = isinstance(then, dict) and len(now & then.keys()) * 2 > len(now | then.keys())
    return None if shared else file.name


def _whole(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema in which every record needs its keys, whatever defaults their fields have elsewhere.

    A key stays optional only where its absence says something, which no default does.
    """
    for record in (schema, *schema.get("$defs", {}).values()):
        if "properties" in record:
            needed = record.get("required", [])
            fields = record["properties"]
            record["required"] = [name for name, field in fields.items() if name in needed or "default" in field]
            for field in fields.values():
                field.pop("default", None)
    return schema
