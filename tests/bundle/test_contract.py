"""The manifest as phones read it: whatever does not fit is refused by its code, though its id is right."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cxredge.bundle.bundle import open_bundle, read_manifest
from cxredge.errors import InputError
from cxredge.files import sha256_file
from support.bundles import V2, Place, Tree, changed, sealed


def loaded(name: str = "bundle") -> Tree:
    tree: Tree = json.loads((V2 / name / "manifest.json").read_text())
    return tree


def refusal(folder: Path, text: str) -> InputError:
    (folder / "manifest.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(InputError) as caught:
        read_manifest(folder)
    return caught.value


@pytest.fixture(params=["bundle", "classes"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(name: str, tmp_path: Path) -> Path:
    return shutil.copytree(V2 / name, tmp_path / "bundle")


def places(value: Any, at: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value of a tree and where it stands."""
    yield at, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield from places(child, (*at, key))


def test_the_tree_itself_is_read(name: str, folder: Path) -> None:
    (folder / "manifest.json").write_text(sealed(loaded(name)))
    assert read_manifest(folder) == read_manifest(V2 / name)


def test_no_key_more_and_none_less(name: str, folder: Path) -> None:
    tree, tried = loaded(name), 0
    for at, value in places(tree):
        if not isinstance(value, dict):
            continue
        for key in (*(value if at[-1:] != ("too_few",) else ()), None):
            less = {k: v for k, v in value.items() if k != key}
            made = {**less, **({"extra": 1} if key is None else {})}
            found = refusal(folder, sealed(changed(tree, at, made) if at else made))
            version = not at and key == "manifest"
            assert found.code == ("MANIFEST-VERSION" if version else "MANIFEST-SCHEMA"), (at, key)
            tried += 1
    assert tried > 150


def test_no_value_of_another_type(name: str, folder: Path) -> None:
    tree, tried = loaded(name), 0
    wrong: tuple[Any, ...] = (None, True, 7, -0.5, "7", "", [], {}, [1], {"a": 1}, 2**70)
    for at, value in places(tree):
        if not at or at == ("id",):
            continue
        for other in wrong:
            if type(other) is type(value) or (isinstance(value, float) and type(other) is int):
                continue
            if other is None and at[-1] in ("novelty", "quality", "cam_abs", "novelty_rel", "quality_abs"):
                continue  # the next test's: this may be absent, but not alone
            found = refusal(folder, sealed(changed(tree, at, other)))
            assert found.code in ("MANIFEST-SCHEMA", "MANIFEST-VERSION", "MANIFEST-ID"), (at, other)
            tried += 1
    assert tried > 800


LONG = "x" * 11_000
ARTIFACT = ("artifacts", 0)


def at(*place: str | int, value: Any) -> Callable[[Tree], Tree]:
    return lambda tree: changed(tree, place, value)


def without_map(tree: Tree) -> Tree:
    return changed(
        tree, ("artifacts", 0, "outputs"), [o for o in tree["artifacts"][0]["outputs"] if o["name"] != "cam"]
    )


BAD: dict[str, Callable[[Tree], Tree]] = {
    "unknown decision": at("model", "decision", value={"kind": "ranking"}),
    "decision without its kind": at("model", "decision", value={"least_margin": 1.0}),
    "operating points of other labels": at("model", "decision", value={"kind": "multi-label", "operating_points": {}}),
    "an operating point beyond float32": lambda t: at(
        "model",
        "decision",
        value={"kind": "multi-label", "operating_points": {x["name"]: 3.5e38 for x in t["model"]["labels"]}},
    )(t),
    "a negative margin": at("model", "decision", value={"kind": "single-label", "least_margin": -0.001}),
    "a margin beyond float32": at("model", "decision", value={"kind": "single-label", "least_margin": 1e300}),
    "a margin as text": at("model", "decision", value={"kind": "single-label", "least_margin": "1.0"}),
    "one class alone": lambda t: at("model", "labels", value=t["model"]["labels"][:1])(
        at("model", "decision", value={"kind": "single-label", "least_margin": 1.0})(t)
    ),
    "a heatmap that the artifact does not have": without_map,
    "a map, and no heatmap": at("model", "heatmap", value="none"),
    "unknown heatmap": at("model", "heatmap", value="lime"),
    "no novelty, and its output": at("model", "novelty", value=None),
    "quality without its output": at("model", "quality", value=[{"kind": "inverted", "threshold": 0.0}]),
    "unknown accident": at("model", "quality", value=[{"kind": "dropped", "threshold": 0.0}]),
    "no accident": at("model", "quality", value=[]),
    "a language for some labels": at("model", "labels", 0, "display", value={"sw": "Maji"}),
    "a language that is none": lambda t: changed(
        t, ("model", "labels"), [{**x, "display": {"english!": "a"}} for x in t["model"]["labels"]]
    ),
    "a class called uncertain": lambda t: changed(
        at("model", "decision", value={"kind": "single-label", "least_margin": 1.0})(t),
        ("model", "labels", 0, "name"),
        "Uncertain",
    ),
    "a class shown as uncertain": lambda t: changed(
        at("model", "decision", value={"kind": "single-label", "least_margin": 1.0})(t),
        ("model", "labels"),
        [{**x, "display": {"en": "UNCERTAIN" if i else "a"}} for i, x in enumerate(t["model"]["labels"])],
    ),
    "two labels with the same words": lambda t: changed(
        t, ("model", "labels"), [{**x, "display": {"en": "the same"}} for x in t["model"]["labels"]]
    ),
    "a blank name": lambda t: changed(
        t, ("model", "labels"), [{**x, "display": {"en": " " * (i + 1)}} for i, x in enumerate(t["model"]["labels"])]
    ),
    "a label twice": lambda t: changed(t, ("model", "labels", 1), t["model"]["labels"][0]),
    "sixty-five labels": lambda t: changed(
        t, ("model", "labels"), [{"name": f"l{i}", "display": {}} for i in range(65)]
    ),
    "a long label": at("model", "labels", 0, "name", value=LONG),
    "a long licence": at("model", "licence", value=LONG),
    "a long name": at("model", "name", value=LONG),
    "a long data set": at("model", "learnt_from", "data", value=LONG),
    "a long artifact": at(*ARTIFACT, "name", value=f"tflite/{LONG}"),
    "a long path": at(*ARTIFACT, "path", value=LONG),
    "a long reason": at(*ARTIFACT, "too_few", value={"Effusion": LONG}),
    "a path that escapes": at(*ARTIFACT, "path", value="../model.tflite"),
    "an absolute path": at("selftest", value="/etc/passwd"),
    "a terminal's escape": at("model", "licence", value="MIT\x1b[2J"),
    "a line break": at("model", "licence", value="MIT\nfree"),
    "turned text": at("model", "learnt_from", "data", value="a\u202eb"),
    "a shape that is not the input's": at(*ARTIFACT, "inputs", 0, "shape", value=[1, 1, 64, 64]),
    "another layout": at(*ARTIFACT, "inputs", 0, "layout", value="NCHW"),
    "two inputs": lambda t: changed(t, (*ARTIFACT, "inputs"), t["artifacts"][0]["inputs"] * 2),
    "outputs in another order": lambda t: changed(t, (*ARTIFACT, "outputs"), t["artifacts"][0]["outputs"][::-1]),
    "no outputs": at(*ARTIFACT, "outputs", value=[]),
    "int8 logits": at(*ARTIFACT, "outputs", 0, "dtype", value="int8"),
    "a negative tolerance": at(*ARTIFACT, "tolerance", "logits_abs", value=-1.0),
    "no tolerance for the map": at(*ARTIFACT, "tolerance", "cam_abs", value=None),
    "a temperature of nothing": at(*ARTIFACT, "temperature", value=0.0),
    "too few of no label": at(*ARTIFACT, "too_few", value={"Gout": "few"}),
    "an artifact twice": lambda t: changed(t, ("artifacts",), t["artifacts"] * 2),
    "no artifact": at("artifacts", value=[]),
    "a primary that is not there": at("primary", value="onnx/fp32"),
    "a self-test that is not listed": at("selftest", value="selftest/other.json"),
    "a file twice": lambda t: changed(t, ("files",), [t["files"][0], *t["files"]]),
    "files in another order": lambda t: changed(t, ("files",), t["files"][::-1]),
    "a size below zero": at("files", 0, "bytes", value=-1),
    **{
        f"{what} for {key}": at("model", "input", key, value=value)
        for key in ("modalities", "body_parts", "views")
        for what, value in {
            "nothing": None,
            "no code": [],
            "a code alone": "CR",
            "a code twice": ["CR", "CR"],
            "small letters": ["cr"],
            "a space behind": ["CR "],
            "a line break": ["CR\n"],
            "an empty code": [""],
            "seventeen letters": ["C" * 17],
            "a number": [1],
            "thirty-three codes": [f"C{i}" for i in range(33)],
        }.items()
    },
}


@pytest.mark.parametrize("what", BAD)
def test_what_does_not_fit_is_refused(what: str, name: str, folder: Path) -> None:
    tree = BAD[what](loaded(name))
    found = refusal(folder, sealed(tree))
    assert found.code == "MANIFEST-SCHEMA"
    assert len(found.text()) < 3_000
    assert "\x1b" not in found.text()
    assert "\u202e" not in found.text()


def test_the_kinds_of_films_that_a_model_takes_are_read(name: str, folder: Path) -> None:
    kinds = {
        "modalities": ["DX", "CR"],
        "body_parts": ["CHEST", "A1_ B" + "C" * 11],
        "views": [f"V{i}" for i in range(32)],
    }
    for keys in (list(kinds), ["views"]):
        tree = loaded(name)
        tree["model"]["input"].update({key: kinds[key] for key in keys})
        (folder / "manifest.json").write_text(sealed(tree))
        spec = read_manifest(folder).model.input
        assert {key: list(getattr(spec, key)) for key in kinds} == {
            key: kinds[key] if key in keys else [] for key in kinds
        }


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_a_margin_that_is_no_number(text: str, tmp_path: Path) -> None:
    folder = shutil.copytree(V2 / "classes", tmp_path / "bundle")
    good = sealed(loaded("classes"))
    assert '"least_margin": 0.25' in good
    found = refusal(folder, good.replace('"least_margin": 0.25', f'"least_margin": {text}'))
    assert found.code == "MANIFEST-SYNTAX"


def test_another_spelling_of_the_same_is_refused(name: str, folder: Path) -> None:
    """A phone hashes the bytes; a host that parsed them first could think otherwise of the same file."""
    text = sealed(loaded(name))
    for other in (text.replace("  ", " "), text.rstrip(), "\ufeff" + text, text.replace('"files"', '"\\u0066iles"')):
        assert refusal(folder, other).code in ("MANIFEST-SCHEMA", "MANIFEST-SYNTAX")


def test_an_artifact_of_other_bytes_is_refused(name: str, folder: Path) -> None:
    tree = loaded(name)
    found = refusal(folder, sealed(changed(tree, (*ARTIFACT, "sha256"), "0" * 64)))
    assert found.code == "BUNDLE-HASH"


def relisted(folder: Path) -> None:
    """The manifest with the hashes of the files as they are now."""
    tree = json.loads((folder / "manifest.json").read_text())
    for file in tree["files"]:
        path = folder / file["path"]
        file["bytes"], file["sha256"] = path.stat().st_size, sha256_file(path)
    (folder / "manifest.json").write_text(sealed(tree))


RECORDS: dict[str, tuple[str, Callable[[str], str]]] = {
    "not JSON": ("films", lambda text: text[:-3]),
    "a key twice": ("films", lambda text: text.replace("{", '{"evaluation": 1, ', 1)),
    "an unknown key": ("making", lambda text: text.replace("{", '{"extra": 1, ', 1)),
    "another version": ("recipe", lambda text: text.replace('"version": "1.0.0"', '"version": "1.0.1"')),
    "other labels": ("recipe", lambda text: text.replace('"name": "', '"name": "a')),
    "another artifact": ("artifacts", lambda text: text.replace('"sha256": "', '"sha256": "0', 1)),
    "no artifact": ("artifacts", lambda text: "[]\n"),
    "a list": ("recipe", lambda text: "[]\n"),
    "too long": ("making", lambda text: " " * 16_000_001),
}


@pytest.mark.parametrize("what", RECORDS)
def test_a_record_that_says_otherwise_is_refused_on_the_host(what: str, name: str, folder: Path) -> None:
    field, change = RECORDS[what]
    path = folder / "record" / f"{field}.json"
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before
    relisted(folder)
    read_manifest(folder)  # a phone does not look into it
    with pytest.raises(InputError) as caught:
        open_bundle(folder)
    assert caught.value.code == "BUNDLE-RECORD"


def test_a_record_that_lacks_a_file_is_refused(name: str, folder: Path) -> None:
    (folder / "record" / "verdicts.json").unlink()
    tree = json.loads((folder / "manifest.json").read_text())
    tree["files"] = [file for file in tree["files"] if file["path"] != "record/verdicts.json"]
    (folder / "manifest.json").write_text(sealed(tree))
    with pytest.raises(InputError) as caught:
        open_bundle(folder)
    assert caught.value.code == "BUNDLE-RECORD"
