"""``verify --data``, ``--junit`` and ``--require``, as commands, on a tiny student and phantoms of another seed."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from xml.etree import ElementTree

import pytest

from support.command import ROOT, Run, run
from support.tiny_recipe import TINY, write_weights

LABELS = ["Cardiomegaly", "Effusion", "Consolidation", "Nodule", "Pneumothorax"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_cache: Path) -> Path:
    """A folder with a bundle of one float artifact, and phantoms that it was not built with."""
    folder = tmp_path_factory.mktemp("elsewhere")
    recipe = folder / "tiny"
    recipe.mkdir()
    (recipe / "model.yaml").write_text(TINY.format(digest=write_weights(recipe / "weights.safetensors")))
    built = run("build", recipe, "--targets", "onnx", "--schemes", "fp32", "--out", folder, CXR_CACHE=tiny_cache)
    assert built.status == 0, built.err
    drawn = run("phantom", folder / "films", "--patients", 12, "--seed", 8)
    assert drawn.status == 0, drawn.err
    return folder


def verify(place: Path, *arguments: object) -> tuple[int, str, str]:
    """Without any folder of data sets, and with a cache that nothing was ever in."""
    done = run("verify", place / "tiny-0.0.1", *arguments, CXR_DATA=place / "nowhere", CXR_CACHE=place / "fresh")
    return done.status, done.out, done.err


def test_a_folder_of_films_is_judged_without_the_bundles_own_data(place: Path, tmp_path: Path) -> None:
    films = shutil.copytree(place / "films", tmp_path / "films")
    with (films / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    own = json.loads((place / "tiny-0.0.1" / "record" / "films.json").read_text())["evaluation"]["films"][0]
    (films / rows[0]["file"]).write_bytes(b"no film")
    (films / rows[1]["file"]).unlink()
    (films / "SHA256SUMS").unlink()
    page, junit = tmp_path / "r.html", tmp_path / "v.xml"
    status, out, err = verify(place, "--data", films, "--report", page, "--junit", junit, "--json")
    assert status == 0, err
    results = json.loads(out)
    found = results["other_films"]
    assert [f"warning: {line}" for line in found["warnings"]] == [w for w in err.splitlines() if w[:8] == "warning:"]
    assert (found["data"], found["films"], found["judged"]) == ("films", len(rows) - 2, LABELS)
    assert found["patients"] == len({row["group"] for row in rows[2:]})
    assert [(one["film"], one["code"]) for one in found["unread"]] == [
        (rows[0]["file"], "IMG-FORMAT"), (rows[1]["file"], "IMG-MISSING"),
    ]  # fmt: skip
    truth = {label: sum(row[label] == "1" for row in rows[2:]) for label in LABELS}
    assert {line["label"]: line["sensitivity"]["films"] for line in found["here"]["labels"]} == truth
    built = json.loads((place / "tiny-0.0.1" / "record" / "making.json").read_text())["operating"]
    assert found["built"] == built
    assert built["films"] == 12
    verdict = results["verdicts"][0]
    assert (verdict["figures"]["flips"], [gate["gate"] for gate in verdict["gates"]]) == (0, ["logit_max_abs"])
    assert {part["column"] for part in results["evidence"][0]["subgroups"]} == {"sex", "age"}
    assert results["evidence"][0]["heatmaps"]["maps"] > 0
    assert "gates and thresholds were fixed on others" in results["statement"]
    assert own["sha256"] != results["films_sha256"]
    assert 'id="other-films"' in page.read_text()
    assert json.loads((tmp_path / "r-data" / "results.json").read_text()) == results
    assert [suite.get("failures") for suite in ElementTree.parse(junit).getroot()] == ["0"]


def test_films_without_labels_and_films_that_are_no_others(place: Path, tmp_path: Path, tiny_cache: Path) -> None:
    """The bundle's own evaluation films, from the cache that they were drawn into, beside a note."""
    record = json.loads((place / "tiny-0.0.1" / "record" / "films.json").read_text())["evaluation"]["films"][0]
    named = [path for path in tiny_cache.rglob("*.png") if path.name == Path(record["file"]).name]
    own = [path for path in named if hashlib.sha256(path.read_bytes()).hexdigest() == record["sha256"]]
    (tmp_path / "films").mkdir()
    shutil.copy(own[0], tmp_path / "films" / "mine.png")
    (tmp_path / "films" / "note.txt").write_text("hello")
    status, out, err = verify(place, "--data", tmp_path / "films")
    assert status == 0, err
    assert "films: 1 film of patients that nothing names" in out
    assert "note.txt: [IMG-FORMAT]" in out
    assert "warning: 1 film of 1 that the bundle was built with (1 for evaluation)" in out
    assert "no label is told" in out
    assert "table         none" in out


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--data", "films", "--map", "Nodule"), 2, "THEIRS=OURS"),
        (("--data", "films", "--map", "Nodule=Knot"), 2, "FILMS-MAP"),
        (("--no-labels",), 2, "--data"),
        (("--data", "films/labels.csv"), 2, "FILMS-FOLDER"),
        (("--data", "films", "--junit", "films/v.xml"), 2, "OUTPUT-IS-INPUT"),
        (("--data", "films", "--junit", "films/labels.csv/v.xml"), 2, "PATH-WRITE"),
        (("--junit", "tiny/model.yaml/v.xml"), 2, "PATH-WRITE"),
        (("--data", "films", "--junit", "r.html", "--report", "r.html"), 2, "OUTPUT-TWICE"),
        (("--require", "onnx"), 2, "VERIFY-REQUIRE"),
        (("--require", "tflite/w8a8"), 2, "choices: onnx/fp32"),
        (("--data", "films", "--require", "onnx/w8"), 2, "choices: onnx/fp32"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(
    place: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = run("verify", place / "tiny-0.0.1", *arguments, cwd=place)
    assert (done.status, words in done.err) == (status, True), done.err


def test_what_this_machine_lacks_the_runtime_for_is_not_asked_only_where_others_are_required(
    place: Path, tmp_path: Path
) -> None:
    """In an environment that has all packages but ONNX Runtime."""
    site = tmp_path / "site"
    site.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.lower().startswith("onnxruntime"):
            (site / path.name).symlink_to(path)
    script = (
        "from pathlib import Path; from cxredge.bundle.bundle import open_bundle; "
        "from cxredge.workflows.verify import left_out; "
        f"bundle = open_bundle(Path({str(place / 'tiny-0.0.1')!r})); "
        "print(left_out(bundle, ['onnx/fp32']), left_out(bundle, ()))"
    )
    places = f"{ROOT / 'toolchain'}{os.pathsep}{site}"
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env={**os.environ, "PYTHONPATH": places},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "{'onnx/fp32': 'not installed: onnxruntime'} {}"


def test_a_required_artifact_may_not_have_failed_on_its_bundles_own_films(
    place: Path, tmp_path: Path, tiny_cache: Path, cxredge: Run
) -> None:
    """Too few patients for a bound on a loss of AUC, which counts where the bundle was built and nowhere else."""
    recipe = tmp_path / "tiny"
    recipe.mkdir()
    text = TINY.format(digest=write_weights(recipe / "weights.safetensors"))
    strict = re.sub(r"fp32: \{", "fp32: {auc_loss: 0.02, ", text)
    assert strict != text
    (recipe / "model.yaml").write_text(strict)
    build = ("build", recipe, "--targets", "onnx", "--schemes", "fp32", "--out", tmp_path)
    assert cxredge(*build, CXR_CACHE=tiny_cache).status == 1
    junit = tmp_path / "v.xml"
    line = ("verify", tmp_path / "tiny-0.0.1-failed", "--data", place / "films", "--junit", junit)
    done = cxredge(*line, "--require", "onnx/fp32")
    assert done.status == 1, done.err
    assert done.out.startswith("warning: this bundle's own gates were not kept when it was built")
    assert "auc_loss could not be shown" in " ".join(done.out.split("films:")[0].split())
    assert "it is required" in done.err
    (suite,) = ElementTree.parse(junit).getroot()
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("onnx/fp32", "2", "1")
    assert [case.get("name") for case in suite if case.find("failure") is not None] == ["own-gates"]
