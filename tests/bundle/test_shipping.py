"""Weights that may not be passed on: their bundles are signed for development, never for release, and say so."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from test_card import header

from cxredge.bundle import keys
from cxredge.bundle.assemble import Parts, assemble
from cxredge.bundle.bundle import open_bundle
from cxredge.bundle.sign import sign_bundle
from cxredge.bundle.signature import verify_signature
from cxredge.errors import InputError
from cxredge.recipe import Recipe
from cxredge.recipe_shipping import NO_LICENCE
from cxredge.vocabulary import APP_TARGETS

WHY = "the licence of the films does not allow it"


@pytest.fixture
def kept(parts: Parts) -> Parts:
    tree = parts.recipe.model_dump(mode="json") | {"licence": NO_LICENCE, "ship": {"allowed": False, "why": WHY}}
    return dataclasses.replace(parts, recipe=Recipe.model_validate(tree))


@pytest.mark.parametrize("kind", ["host", *APP_TARGETS])
def test_no_release_key_signs_it(kept: Parts, kind: str, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    assemble(kept, kind, bundle)  # type: ignore[arg-type]
    release, _ = keys.make_pair(tmp_path / "release", development=False)
    with pytest.raises(InputError, match=WHY) as caught:
        sign_bundle(bundle, release)
    assert (caught.value.code, "--development" in caught.value.fix) == ("SIGN-SHIP", True)
    assert not (bundle / "model.sig").exists()
    private, public = keys.make_pair(tmp_path / "development", development=True)
    assert sign_bundle(bundle, private)[1]
    assert verify_signature(bundle, [keys.read_public(public)]).key.development


def test_manifest_card_and_bill_of_materials_say_it(kept: Parts, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    assemble(kept, "host", bundle)
    assert open_bundle(bundle).manifest.model.licence == NO_LICENCE
    card = (bundle / "MODEL_CARD.md").read_text()
    assert header(card)["license"] == "other"
    assert f"**Not to be passed on**, neither these weights nor a model made of them: {WHY}." in card
    component = json.loads((bundle / "sbom.cdx.json").read_text())["metadata"]["component"]
    assert component["licenses"] == [{"license": {"name": NO_LICENCE}}]


def test_others_say_nothing_of_it(bundle: Path) -> None:
    assert "Not to be passed on" not in (bundle / "MODEL_CARD.md").read_text()
    assert "ship" not in json.loads((bundle / "record" / "recipe.json").read_text())
