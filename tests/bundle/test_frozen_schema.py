"""Schema version 1 is frozen: bundles of it are read for ever, and its schema does not change under its number."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cxredge.bundle.keys import PublicKey
from cxredge.bundle.manifest import read_manifest
from cxredge.bundle.selftest import SelfTest
from cxredge.bundle.signature import verify_signature
from cxredge.targets import get_target
from support.bundles import V1
from support.command import ROOT

SCHEMAS = ("manifest", "selftest")
WORDS = ("title", "description")
GROWING = ("Calibration", "Distillation", "Gates", "Figures")
"""Records whose other keys no app looks into: an optional key more in these refuses no bundle on a phone."""


def test_a_bundle_of_version_1_is_read_and_its_signature_holds(signer: PublicKey) -> None:
    found = verify_signature(V1 / "bundle", [signer], "1.0.0")
    assert found.manifest.manifest == 1
    assert found.key.development
    assert found.manifest == read_manifest(V1 / "bundle")


def test_its_model_still_gives_its_known_answers() -> None:
    import numpy as np

    from cxredge.images.preprocess import preprocess, to_student

    manifest = read_manifest(V1 / "bundle")
    (entry,) = manifest.artifacts
    selftest = V1 / "bundle" / manifest.selftest
    cases = SelfTest.model_validate_json(selftest.read_bytes()).cases
    with get_target(entry.artifact.target).open(V1 / "bundle" / entry.path) as runner:
        for case in cases:
            outputs = runner.run(to_student(preprocess(selftest.parent / case.image, manifest.recipe.input)))
            expected = np.array(case.expected[entry.artifact.name].logits, np.float32)
            np.testing.assert_allclose(outputs["logits"][0], expected, atol=entry.tolerance.logits_abs, rtol=0)


@pytest.mark.parametrize("name", SCHEMAS)
def test_its_files_fit_the_frozen_schemas(name: str) -> None:
    import jsonschema

    file = {"manifest": "manifest.json", "selftest": "selftest/selftest.json"}[name]
    schema = json.loads((V1 / f"{name}.schema.json").read_text())
    jsonschema.validate(json.loads((V1 / "bundle" / file).read_text()), schema)


def rules(schema: Any) -> Any:
    """A JSON Schema without its words, which may be bettered."""
    if isinstance(schema, list):
        return [rules(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            kept[key] = {name: rules(item) for name, item in value.items()}
        elif key not in WORDS:
            kept[key] = rules(value)
    return kept


def references(schema: Any) -> set[str]:
    """Names of the records that any part of a schema speaks of."""
    return set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(schema)))


def without_growth(published: Any, frozen: Any) -> Any:
    """``published`` without the optional keys that it has more than ``frozen`` in the records ``GROWING``.

    So also without the records that nothing but these keys speaks of.
    """
    tree = json.loads(json.dumps(published))
    kinds, old = tree.get("$defs", {}), frozen.get("$defs", {})
    for name in GROWING:
        record = kinds.get(name, {"properties": {}})
        for key in [k for k in record["properties"] if k not in old[name]["properties"]]:
            if key not in record.get("required", []):
                del record["properties"][key]
    while unused := kinds.keys() - old.keys() - references(tree):
        for name in unused:
            del kinds[name]
    return tree


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_still_version_1(name: str) -> None:
    frozen, published = (
        json.loads((folder / f"{name}.schema.json").read_text()) for folder in (V1, ROOT / "docs" / "schemas")
    )
    assert rules(without_growth(published, frozen)) == rules(frozen), (
        f"the {name} changed, but version 1 is frozen: apps in the field read it, and refuse what they do not know. "
        "Give the manifest version 2, keep a reader for version 1 beside it, publish both schemas, and make "
        "tests/bundle/fixtures/v2 with make_fixture.py. Words (titles, descriptions) may change freely."
    )


def test_a_changed_field_would_be_seen() -> None:
    frozen = json.loads((V1 / "manifest.schema.json").read_text())
    for change in (
        lambda t: t["properties"].update(more={"type": "string"}),
        lambda t: t["required"].remove("statement"),
        lambda t: t["properties"].pop("statement"),
        lambda t: t["$defs"]["BundledFile"]["properties"]["bytes"].update(type="number"),
    ):
        changed = json.loads(json.dumps(frozen))
        change(changed)
        assert rules(changed) != rules(frozen)
    worded = json.loads(json.dumps(frozen))
    worded["properties"]["statement"]["description"] = "better words"
    assert rules(worded) == rules(frozen)


def test_only_optional_keys_of_records_that_no_app_looks_into_may_be_more() -> None:
    frozen = json.loads((V1 / "manifest.schema.json").read_text())
    kinds = {"New": {"properties": {"deeper": {"$ref": "#/$defs/Deeper"}}}, "Deeper": {"type": "object"}}
    for record in frozen["$defs"]:
        changed = json.loads(json.dumps(frozen))
        changed["$defs"] |= kinds
        changed["$defs"][record].setdefault("properties", {})["more"] = {"$ref": "#/$defs/New"}
        allowed = rules(without_growth(changed, frozen)) == rules(frozen)
        assert allowed == (record in GROWING), record
        changed["$defs"][record].setdefault("required", []).append("more")
        assert rules(without_growth(changed, frozen)) != rules(frozen), record
    for record in GROWING:
        changed = json.loads(json.dumps(frozen))
        changed["$defs"][record]["properties"].popitem()
        assert rules(without_growth(changed, frozen)) != rules(frozen)


def test_a_version_that_nobody_knows_is_refused_by_rule(tmp_path: Path) -> None:
    from cxredge.errors import InputError

    text = (V1 / "bundle" / "manifest.json").read_text()
    for version in ("0", "2", '"1"', "null", "1.5"):
        (tmp_path / "manifest.json").write_text(text.replace('"manifest": 1', f'"manifest": {version}', 1))
        with pytest.raises(InputError) as caught:
            read_manifest(tmp_path)
        assert caught.value.code == "MANIFEST-VERSION"
        assert caught.value.choices == ("1",)
