"""Schema version 2 is frozen: whatever it took is taken for ever, and read alike; it may only gain optional keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cxredge.bundle.bundle import open_bundle, read_manifest
from cxredge.bundle.keys import PublicKey
from cxredge.bundle.selftest import SelfTest
from cxredge.bundle.signature import verify_signature
from cxredge.errors import InputError
from cxredge.targets import get_target
from support.bundles import V2, changed
from support.command import ROOT

SCHEMAS = ("manifest", "selftest")
GAINED = {"manifest": {"InputSpec": ("modalities", "body_parts", "views")}, "selftest": {}}
"""By schema and record: keys that came after it was frozen. A reader that does not know them refuses the manifest."""
BUNDLES = ("bundle", "classes")
WORDS = ("title", "description")
AGAIN = "build the bundle again"


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_of_version_2_is_read_and_its_signature_holds(name: str, signer: PublicKey) -> None:
    found = verify_signature(V2 / name, [signer], "1.0.0")
    assert found.manifest.manifest == 2
    assert found.key.development
    assert found.manifest == read_manifest(V2 / name)
    assert open_bundle(V2 / name).record.recipe.name == found.manifest.model.name


@pytest.mark.parametrize("name", BUNDLES)
def test_its_model_still_gives_its_known_answers(name: str) -> None:
    import numpy as np

    from cxredge.images.preprocess import preprocess, to_student

    manifest = read_manifest(V2 / name)
    (entry,) = manifest.artifacts
    selftest = V2 / name / manifest.selftest
    cases = SelfTest.model_validate_json(selftest.read_bytes()).cases
    with get_target(entry.target).open(V2 / name / entry.path) as runner:
        for case in cases:
            outputs = runner.run(to_student(preprocess(selftest.parent / case.image, manifest.model.input)))
            expected = np.array(case.expected[entry.name].logits, np.float32)
            np.testing.assert_allclose(outputs["logits"][0], expected, atol=entry.tolerance.logits_abs, rtol=0)


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize("name", SCHEMAS)
def test_its_files_fit_the_frozen_schemas(name: str, bundle: str) -> None:
    import jsonschema

    file = {"manifest": "manifest.json", "selftest": "selftest/selftest.json"}[name]
    schema = json.loads((V2 / f"{name}.schema.json").read_text())
    jsonschema.validate(json.loads((V2 / bundle / file).read_text()), schema)


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


def schemas(name: str) -> tuple[Any, Any]:
    """The frozen one, and the published one."""
    frozen, published = (
        json.loads((folder / f"{name}.schema.json").read_text()) for folder in (V2, ROOT / "docs" / "schemas")
    )
    return frozen, published


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_still_version_2(name: str) -> None:
    frozen, published = schemas(name)
    for record, keys in GAINED[name].items():
        fields = published["$defs"][record]
        assert not set(keys) & set(fields["required"]), "an older manifest has no such key, and must be taken"
        for key in keys:
            del fields["properties"][key]
    assert rules(published) == rules(frozen), (
        f"the {name} changed, but version 2 is frozen: apps in the field read it, and refuse what they do not know. "
        "What no phone needs belongs into the record. A key that most models lack may be optional: list it in GAINED. "
        "Else give the manifest version 3, keep a reader for version 2 beside it, publish both schemas, and make "
        "tests/bundle/fixtures/v3 with make_fixture.py. Words (titles, descriptions) may change freely."
    )


@pytest.mark.parametrize("bundle", BUNDLES)
def test_an_older_reader_refuses_a_key_that_was_gained_and_never_passes_it_over(bundle: str) -> None:
    import jsonschema

    frozen, published = schemas("manifest")
    tree = json.loads((V2 / bundle / "manifest.json").read_text())
    for key in GAINED["manifest"]["InputSpec"]:
        made = changed(tree, ("model", "input", key), ["CR"])
        jsonschema.validate(made, published)
        with pytest.raises(jsonschema.ValidationError, match=key):
            jsonschema.validate(made, frozen)


def test_a_changed_field_would_be_seen() -> None:
    frozen = json.loads((V2 / "manifest.schema.json").read_text())
    for change in (
        lambda t: t["properties"].update(more={"type": "string"}),
        lambda t: t["required"].remove("selftest"),
        lambda t: t["properties"].pop("selftest"),
        lambda t: t["$defs"]["BundledFile"]["properties"]["bytes"].update(type="number"),
    ):
        changed = json.loads(json.dumps(frozen))
        change(changed)
        assert rules(changed) != rules(frozen)
    worded = json.loads(json.dumps(frozen))
    worded["properties"]["selftest"]["description"] = "better words"
    assert rules(worded) == rules(frozen)


@pytest.mark.parametrize(
    ("version", "fix"),
    [
        ("1", AGAIN),
        ("3", "use a cxredge that knows it"),
        *((v, AGAIN) for v in ("0", '"2"', "null", "2.0", "true", '"\\u001b[31m"')),
    ],
)
def test_another_version_is_refused_by_rule(version: str, fix: str, tmp_path: Path) -> None:
    text = (V2 / "bundle" / "manifest.json").read_text()
    (tmp_path / "manifest.json").write_text(text.replace('"manifest": 2', f'"manifest": {version}', 1))
    with pytest.raises(InputError) as caught:
        read_manifest(tmp_path)
    assert caught.value.code == "MANIFEST-VERSION"
    assert caught.value.choices == ("2",)
    assert caught.value.fix == fix
    assert "\x1b" not in caught.value.text()
