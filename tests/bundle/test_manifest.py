"""A bundle is read only when it is exactly what its manifest says."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cxredge.bundle.assemble import Parts, assemble
from cxredge.bundle.bundle import MAX_FILES, not_failed, open_bundle, read_any_manifest, read_manifest
from cxredge.bundle.keys import make_pair, read_public
from cxredge.bundle.manifest import FailedManifest, Manifest
from cxredge.bundle.selftest import SelfTest
from cxredge.bundle.sign import sign_bundle
from cxredge.bundle.signature import verify_signature
from cxredge.errors import InputError
from cxredge.files import sha256_file
from cxredge.results import GateResult
from cxredge.trees import make_folders, remove_tree
from cxredge.workflows.rebuild import compare, rebuild
from support.bundles import sealed
from support.deep_folder import deepen

ROOT = Path(__file__).parent.parent.parent


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_round_trip_and_same_bytes_twice(parts: Parts, bundle: Path, tmp_path: Path) -> None:
    manifest = read_manifest(bundle)
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest
    assert manifest.id.startswith("phantom-")
    assemble(parts, "host", tmp_path / "again")
    assert tree(bundle) == tree(tmp_path / "again")


def test_manifest_and_selftest_fit_their_published_schemas(bundle: Path) -> None:
    import jsonschema

    for name, file in (("manifest", "manifest.json"), ("selftest", "selftest/selftest.json")):
        schema = json.loads((ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text())
        jsonschema.validate(json.loads((bundle / file).read_text()), schema)


def test_android_bundle_is_complete_in_itself(parts: Parts, tmp_path: Path) -> None:
    assemble(parts, "android", tmp_path / "android")
    manifest = read_manifest(tmp_path / "android")
    assert {e.name for e in manifest.artifacts} == set(parts.recipe.bundles.android)
    assert not (tmp_path / "android" / "reference").exists()
    cases = SelfTest.model_validate_json((tmp_path / "android" / manifest.selftest).read_bytes()).cases
    assert all(set(case.expected) == set(parts.recipe.bundles.android) for case in cases)


@pytest.fixture
def failed(parts: Parts, tmp_path: Path) -> Path:
    """What a build leaves of parts of which one gate was not kept."""
    broken = GateResult(gate="flip_rate", bound=0.03, value=0.25, verdict="broken")
    kept = [v.model_copy(update={"gates": (), "passed": True}) for v in parts.verdicts]
    kept[1] = kept[1].model_copy(update={"gates": (broken,), "passed": False})
    assemble(replace(parts, verdicts=tuple(kept)), "failed", tmp_path / "x-failed")
    return tmp_path / "x-failed"


def test_what_a_failed_build_left_says_so_first_and_is_opened_to_be_looked_into(parts: Parts, failed: Path) -> None:
    line = f"{parts.verdicts[1].artifact}: flip_rate is 0.25, the bound is at most 0.03"
    found = open_bundle(failed)
    assert isinstance(found.manifest, FailedManifest)
    assert (found.manifest.kind, found.manifest.failed) == ("failed", (line,))
    assert found.manifest.holds_reference
    assert {entry.name for entry in found.manifest.artifacts} == set(parts.artifacts)
    card = (failed / "MODEL_CARD.md").read_text()
    title, first = card[card.index("\n# ") :].split("\n\n")[:2]
    assert title == "\n# phantom 1.0.0"
    assert first.startswith("**Gates were not kept: nobody may use or ship this bundle.**")
    assert f"- {line}" in card


def test_nothing_that_ships_takes_what_a_failed_build_left(failed: Path, tmp_path: Path) -> None:
    import jsonschema

    private, public = make_pair(tmp_path / "key", True)
    refusals = {
        "read": lambda: read_manifest(failed),
        "sign": lambda: sign_bundle(failed, private),
        "verify-signature": lambda: verify_signature(failed, [read_public(public)]),
        "rebuild-check": lambda: rebuild(Path("x"), (), (), [failed]),
    }
    for what, call in refusals.items():
        with pytest.raises(InputError, match="BUNDLE-FAILED"):
            call()
        assert not (failed / "model.sig").exists(), what
    schema = json.loads((ROOT / "docs" / "schemas" / "manifest.schema.json").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads((failed / "manifest.json").read_text()), schema)
    # signed by software that does not look: the signature holds, and the bundle is refused all the same
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cxredge.bundle.sign.read_manifest", read_any_manifest)
        sign_bundle(failed, private)
    with pytest.raises(InputError, match="BUNDLE-FAILED"):
        verify_signature(failed, [read_public(public)])


@pytest.mark.parametrize("kind", ["host", "android"])
def test_a_failed_bundle_is_no_other_kind_under_another_name(failed: Path, kind: str) -> None:
    tree = json.loads((failed / "manifest.json").read_text())
    (failed / "manifest.json").write_text(sealed({**tree, "kind": kind}))
    with pytest.raises(InputError, match=r"MANIFEST-SCHEMA.*failed"):
        open_bundle(failed)
    without = {key: value for key, value in tree.items() if key != "failed"}
    (failed / "manifest.json").write_text(sealed(without))
    with pytest.raises(InputError, match="MANIFEST-SCHEMA"):
        open_bundle(failed)


def test_the_place_of_a_failed_bundle_holds_nothing_else(bundle: Path, failed: Path, tmp_path: Path) -> None:
    assert not_failed(failed) is None
    assert not_failed(bundle) == "manifest.json", "this one kept its gates"
    (failed / "notes.txt").write_text("mine")
    assert not_failed(failed) == "notes.txt"
    (tmp_path / "empty").mkdir()
    assert not_failed(tmp_path / "empty") is None
    (tmp_path / "empty" / "film.png").write_text("mine")
    assert not_failed(tmp_path / "empty") == "film.png"


def test_selftest_expectations_keep_every_bit(parts: Parts, bundle: Path) -> None:
    selftest = SelfTest.model_validate_json((bundle / "selftest" / "selftest.json").read_bytes())
    for i, case in enumerate(selftest.cases):
        expected = case.expected["tflite/w8a8"]
        np.testing.assert_array_equal(np.array(expected.logits, np.float32), parts.selftest["tflite/w8a8"]["logits"][i])
        np.testing.assert_array_equal(
            np.array(expected.cam, np.float32), parts.selftest["tflite/w8a8"]["cam"][i].ravel()
        )
        assert sha256_file(bundle / "selftest" / case.image) == case.image_sha256
        assert "phantom" in case.what or "pattern" in case.what or "ramp" in case.what


def damage_model(folder: Path) -> None:
    path = next((folder / "artifacts").rglob("*.bin"))
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(bytes(data))


def edit_manifest(old: str, new: str) -> object:
    def edit(folder: Path) -> None:
        text = (folder / "manifest.json").read_text()
        assert old in text
        (folder / "manifest.json").write_text(text.replace(old, new, 1))

    return edit


DAMAGES = {
    "flipped bit": (damage_model, "BUNDLE-HASH"),
    "missing file": (lambda f: (f / "MODEL_CARD.md").unlink(), "BUNDLE-FILES"),
    "extra file": (lambda f: (f / "artifacts" / "more").write_text("x"), "BUNDLE-FILES"),
    "link": (lambda f: (f / "link").symlink_to("/etc"), "BUNDLE-FILES"),
    "linked file": (
        lambda f: ((f / "MODEL_CARD.md").rename(f / "x"), (f / "MODEL_CARD.md").symlink_to("x")),
        "BUNDLE-FILES",
    ),
    "pipe": (lambda f: os.mkfifo(f / "pipe"), "BUNDLE-FILES"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "BUNDLE-MISSING"),
    "not JSON": (lambda f: (f / "manifest.json").write_text("{"), "MANIFEST-SYNTAX"),
    "deep JSON": (lambda f: (f / "manifest.json").write_text("[" * 100_000), "MANIFEST-SYNTAX"),
    "a list": (lambda f: (f / "manifest.json").write_text("[]"), "MANIFEST-VERSION"),
    "twice a key": (edit_manifest('"manifest": 2', '"manifest": 2, "manifest": 2'), "MANIFEST-SYNTAX"),
    "future version": (edit_manifest('"manifest": 2', '"manifest": 3'), "MANIFEST-VERSION"),
    "operating point": (edit_manifest('"Nodule": 0.', '"Nodule": 1.'), "MANIFEST-ID"),
    "path escapes": (edit_manifest('"path": "artifacts/', '"path": "../artifacts/'), "MANIFEST-SCHEMA"),
    "unknown key": (edit_manifest('"manifest": 2', '"manifest": 2, "extra": 1'), "MANIFEST-SCHEMA"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_damaged_bundles_are_refused(bundle: Path, what: str) -> None:
    damage, code = DAMAGES[what]
    damage(bundle)
    with pytest.raises(InputError) as caught:
        read_manifest(bundle)
    assert caught.value.code.startswith(code)
    assert caught.value.fix


def deep(folder: Path) -> None:
    """As deep as the system's paths go by a good half, and deeper than calls may nest."""
    make_folders(folder.joinpath(*"d" * 1_200))


def many(folder: Path) -> None:
    (folder / "many").mkdir()
    for i in range(MAX_FILES):
        (folder / "many" / str(i)).touch()


@pytest.mark.parametrize("fill", [deep, deepen, many])
def test_a_bundle_too_deep_or_too_full_is_refused_by_code(
    bundle: Path, parts: Parts, tmp_path: Path, fill: Callable[[Path], None]
) -> None:
    """Whatever looks at a bundle's files; and a build does not replace it, as it holds what no build wrote."""
    fill(bundle)
    private, _ = make_pair(tmp_path / "key", True)
    looks: list[Callable[[], object]] = [
        lambda: read_manifest(bundle),
        lambda: open_bundle(bundle),
        lambda: sign_bundle(bundle, private),
        lambda: compare(bundle, bundle),
        lambda: assemble(parts, "host", bundle),
    ]
    try:
        for look in looks:
            with pytest.raises(InputError) as caught:
                look()
            assert caught.value.code == "BUNDLE-FILES"
            assert "more than" in caught.value.cause
    finally:
        remove_tree(bundle)


def test_flipped_manifest_bits_are_all_refused(bundle: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    data = (bundle / "manifest.json").read_bytes()
    for _ in range(150):
        place, bit = int(rng.integers(len(data))), int(rng.integers(8))
        mutated = bytearray(data)
        mutated[place] ^= 1 << bit
        (bundle / "manifest.json").write_bytes(bytes(mutated))
        with pytest.raises(InputError):
            read_manifest(bundle)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="BUNDLE-MISSING"):
        read_manifest(tmp_path / "nothing")


def test_a_failed_assembly_leaves_the_last_bundle(parts: Parts, bundle: Path) -> None:
    before = tree(bundle)
    lacking = {**parts.artifacts, "tflite/w8a8": (parts.artifacts["tflite/w8a8"][0], bundle / "nowhere")}
    from dataclasses import replace

    with pytest.raises(OSError, match="nowhere"):
        assemble(replace(parts, artifacts=lacking), "host", bundle)
    assert tree(bundle) == before
    assert [p.name for p in bundle.parent.iterdir()] == [bundle.name]
    shutil.rmtree(bundle)
