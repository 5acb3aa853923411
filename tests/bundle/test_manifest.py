"""A bundle is read only when it is exactly what its manifest says."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from cxredge.bundle.assemble import Parts, assemble
from cxredge.bundle.manifest import FilmList, Manifest, StrangersRecord, read_manifest
from cxredge.bundle.selftest import SelfTest, make_inputs
from cxredge.errors import InputError
from cxredge.files import sha256_file
from cxredge.images.datasets import Film
from cxredge.outputs import OutputsFile, films_digest
from cxredge.parity.judge import Answers, Shown, judge
from cxredge.recipe_file import load_recipe
from cxredge.results import Artifact, Census, Delegation, FilmRecord

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """Real parts but for the models, whose bytes a manifest does not look into."""
    folder = tmp_path_factory.mktemp("parts")
    recipe = load_recipe(ROOT / "model_zoo" / "phantom")
    rng = np.random.default_rng(0)
    cases = len(make_inputs(recipe.input))
    cam = rng.normal(0, 3, (cases, len(recipe.labels.names), 6, 6)).astype(np.float32)
    outputs = {"logits": cam.mean((2, 3)), "cam": cam, "novelty": rng.uniform(0, 2, cases).astype(np.float32)}
    films = [
        Film(
            file=f"{i}", path=Path(), patient="p", split="test", targets=np.zeros(len(recipe.labels.names), np.float32)
        )
        for i in range(cases)
    ]
    shown = Shown(films, films, ["p"] * cases)
    artifacts, verdicts, temperatures = {}, [], {}
    digest = films_digest(["0" * 64])
    for name in recipe.artifacts():
        target, scheme = name.split("/")
        file = folder / f"{target}-{scheme}"
        file.write_bytes(rng.bytes(500))
        artifact = Artifact(
            name=name, target=target, scheme=scheme, file=f"{scheme}.bin", bytes=500, sha256=sha256_file(file),
            census=Census(weight_bytes={}, activations={}, inputs={}, outputs={}),
            delegation=Delegation(delegate="X", partitions=1, delegated=1, total=1),
            cam_step=0.01 if scheme == "w8a8" else None,
        )  # fmt: skip
        artifacts[name] = (artifact, file)
        reference = OutputsFile("reference", "0" * 64, digest, "eager PyTorch", outputs)
        own = OutputsFile(name, artifact.sha256, digest, "a runtime", outputs)
        found = judge(recipe, artifact, shown, Answers(*[reference] * 3), Answers(*[own] * 3))
        verdicts.append(found.verdict)
        temperatures[name] = found.measures.temperature
    weights = folder / "weights"
    weights.write_bytes(b"weights")
    evaluation = FilmList(
        data="phantom",
        split="test",
        patients=1,
        films=(FilmRecord(file="f", sha256="0" * 64, patient="p"),),
        films_sha256=digest,
    )
    return Parts(
        recipe,
        weights,
        7,
        artifacts,
        tuple(verdicts),
        None,
        temperatures,
        evaluation,
        evaluation.model_copy(update={"split": "val"}),
        StrangersRecord(kinds={"blank": 1}, sha256="0" * 64),
        dict.fromkeys(artifacts, outputs),
        {"torch": "0"},
    )


@pytest.fixture
def bundle(parts: Parts, tmp_path: Path) -> Path:
    assemble(parts, "host", tmp_path / "bundle")
    return tmp_path / "bundle"


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
    assert {e.artifact.name for e in manifest.artifacts} == set(parts.recipe.bundles.android)
    assert not (tmp_path / "android" / "reference").exists()
    cases = SelfTest.model_validate_json((tmp_path / "android" / manifest.selftest).read_bytes()).cases
    assert all(set(case.expected) == set(parts.recipe.bundles.android) for case in cases)


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
    "twice a key": (edit_manifest('"manifest": 1', '"manifest": 1, "manifest": 1'), "MANIFEST-SYNTAX"),
    "future version": (edit_manifest('"manifest": 1', '"manifest": 2'), "MANIFEST-VERSION"),
    "operating point": (edit_manifest('"logit": ', '"logit": 1'), "MANIFEST-"),
    "path escapes": (edit_manifest('"path": "artifacts/', '"path": "../artifacts/'), "MANIFEST-SCHEMA"),
    "unknown key": (edit_manifest('"manifest": 1', '"manifest": 1, "extra": 1'), "MANIFEST-SCHEMA"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_damaged_bundles_are_refused(bundle: Path, what: str) -> None:
    damage, code = DAMAGES[what]
    damage(bundle)
    with pytest.raises(InputError) as caught:
        read_manifest(bundle)
    assert caught.value.code.startswith(code)
    assert caught.value.fix


def test_flipped_manifest_bits_are_all_refused(bundle: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    data = (bundle / "manifest.json").read_bytes()
    for _ in range(150):
        place, bit = int(rng.integers(len(data))), int(rng.integers(8))
        mutated = bytearray(data)
        mutated[place] ^= 1 << bit
        (bundle / "manifest.json").write_bytes(bytes(mutated))
        try:
            same = json.loads(bytes(mutated)) == json.loads(data)
        except ValueError:
            same = False
        if same:  # a flipped space between tokens changes nothing that is said
            continue
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
