"""docs/extending.md: its snippets, put where it says into a copy of the package, do what it says.

The copy is used as a user would: through recipes, by the installed command, with ``PYTHONPATH`` on the copy.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.command import CXREDGE
from support.tiny_recipe import TINY, write_weights

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "toolchain" / "cxredge"
PAGE = (ROOT / "docs" / "extending.md").read_text()
STEP = re.compile(
    r"(?:(?P<new>New file)|(?P<end>At the end of)|In)\s`(?P<file>[\w/.]+\.py)`"
    r"(?:,\s(?P<way>above|below|instead of)\s`(?P<line>[^`]+)`)?:\n\n```python\n(?P<code>.*?)```",
    re.S,
)


@dataclass
class Extension:
    """One chapter: its snippets in order, and its pieces of recipe."""

    title: str
    text: str
    steps: list[re.Match[str]] = field(default_factory=list)

    def apply(self, package: Path) -> None:
        """Do to ``package`` what the page says."""
        for step in self.steps:
            file, code = package / step["file"], step["code"]
            if step["new"]:
                assert not file.exists()
                file.parent.mkdir(exist_ok=True)
                file.write_text(code)
                continue
            source = file.read_text()
            apart = "\n\n" if code.startswith(("class", "def", "@")) else ""
            if step["end"]:
                file.write_text(source + apart + code)
                continue
            (line,) = [each for each in source.splitlines(keepends=True) if each.strip() == step["line"]]
            new = {"above": code + apart + line, "below": line + code, "instead of": code}[step["way"]]
            file.write_text(source.replace(line, new))

    @property
    def folders(self) -> set[str]:
        """New folders."""
        found = {str(Path(step["file"]).parent) for step in self.steps if step["new"]}
        return {folder for folder in found if not (PACKAGE / folder).exists()}

    @property
    def changed(self) -> set[str]:
        """Files that were there before."""
        return {step["file"] for step in self.steps if not step["new"]}

    def recipe(self) -> dict[str, Any]:
        """Its piece of a recipe."""
        from ruamel.yaml import YAML

        (piece,) = re.findall(r"```yaml\n(.*?)```", self.text, re.S)
        tree: dict[str, Any] = YAML(typ="safe").load(piece)
        return tree


def extensions() -> dict[str, Extension]:
    found = {}
    for part in re.split(r"^## ", PAGE, flags=re.M)[1:]:
        title = part.splitlines()[0]
        found[title.lower()] = Extension(title, part, list(STEP.finditer(part)))
    return found


EXTENSIONS = extensions()


def test_every_snippet_is_run() -> None:
    snippets = sum(len(extension.steps) for extension in EXTENSIONS.values())
    assert snippets == PAGE.count("```python")
    assert len(EXTENSIONS) == PAGE.count("```yaml") == 5


def test_the_table_counts_what_each_extension_touches() -> None:
    rows = re.findall(r"^\| (.+?) \| (\d) \| (\d) \| .+ \|$", PAGE, re.M)
    assert [(name, int(folders), int(files)) for name, folders, files in rows] == [
        (name, len(extension.folders), len(extension.changed)) for name, extension in EXTENSIONS.items()
    ]
    # and the one line of a target is one line
    (line,) = [step["code"] for step in EXTENSIONS["a target"].steps if not step["new"]]
    assert line.count("\n") == 1
    for extension in EXTENSIONS.values():
        assert all((PACKAGE / file).is_file() for file in extension.changed)
        assert not any((PACKAGE / step["file"]).exists() for step in extension.steps if step["new"])


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the package with all five extensions."""
    place = tmp_path_factory.mktemp("extended")
    shutil.copytree(PACKAGE, place / "cxredge")
    for extension in EXTENSIONS.values():
        extension.apply(place / "cxredge")
    return place


def run(extended: Path, cwd: Path, *command: object) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(extended), "CXR_CACHE": str(extended / "cache")}
    return subprocess.run([*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, check=False)


def write(folder: Path, changes: dict[str, Any], weights: bool = True) -> Path:
    """A tiny recipe with whole keys replaced."""
    from ruamel.yaml import YAML

    folder.mkdir(parents=True)
    digest = write_weights(folder / "weights.safetensors") if weights else "0" * 64
    tree = {**YAML(typ="safe").load(TINY.format(digest=digest)), **changes}
    with (folder / "model.yaml").open("w") as stream:
        YAML(typ="safe").dump(tree, stream)
    return folder


def test_the_copy_is_as_clean_as_the_package(extended: Path) -> None:
    config = ("--config", ROOT / "pyproject.toml", "--no-cache")
    for command in (("check",), ("format", "--check")):
        done = run(extended, extended, sys.executable, "-m", "ruff", *command, *config, extended / "cxredge")
        assert done.returncode == 0, done.stdout + done.stderr


USED = """
import json, sys
import numpy as np
import torch
from pathlib import Path
from cxredge.distill.loss_batch import Batch
from cxredge.distill.loss_terms import weighted
from cxredge.parity.formulas import FORMULAS
from cxredge.quantize.histogram import HALF, Histogram
from cxredge.quantize.rules import apply
from cxredge.recipe_distillation import Distillation
from cxredge.recipe_file import load_recipe
from cxredge.results import Figures
from cxredge.students import new_student
from cxredge.students.architectures import get_architecture
from cxredge.targets import get_target

recipe = load_recipe(Path(sys.argv[1]))
histogram = Histogram(exponent=0, low=-0.5, high=0.5)
histogram.counts[[HALF // 2, 3 * HALF // 2]] = 7
logits = {"logits": np.float32([[1, 2], [3, 4]])}
plan = Distillation(teacher={"backbone": "timm/x"}, losses=json.loads(sys.argv[2]))
outputs = {"logits": torch.zeros(1, 2), "cam": torch.full((1, 2, 3, 3), 3.0)}
taught = {"logits": torch.zeros(1, 2), "cam": torch.full((1, 2, 3, 3), 1.0)}
network = get_architecture(recipe.student.backbone).make(1, 2, (64, 64))
answers = new_student(recipe, recipe.student.backbone)(torch.zeros(2, 1, 64, 64))
batch = Batch(torch.zeros(1, 1, 8, 8), outputs, taught, torch.eye(2)[:1], "multi-label", torch.ones(2))
print(json.dumps({
    "artifacts": recipe.artifacts(),
    "suffix": get_target("eager").suffix,
    "available": get_target("eager").availability().build,
    "range": apply(histogram, recipe.calibration.rule),
    "metric": FORMULAS["logit_mean_abs"](logits, {"logits": logits["logits"] + np.float32([0.5, -1])}),
    "gates": {scheme: gates.model_dump(exclude_none=True) for scheme, gates in recipe.gates.items()},
    "figures": "logit_mean_abs" in Figures.model_fields,
    "heatmap": recipe.heatmap,
    "network": list(network(torch.zeros(2, 1, 64, 64)).shape),
    "answers": {name: list(tensor.shape) for name, tensor in answers.items()},
    "loss": float(sum(weighted(plan.terms)(batch).values())),
}))
"""


def test_all_five_are_known_and_do_what_they_say(extended: Path, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"bundles": {}}
    for name in ("a target", "an architecture", "a range rule", "a metric with its gate"):
        changes |= EXTENSIONS[name].recipe()
    recipe = write(tmp_path / "tiny", changes, weights=False)
    losses = json.dumps(EXTENSIONS["a distillation loss"].recipe()["losses"])
    done = run(extended, tmp_path, sys.executable, "-c", USED, recipe, losses)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["artifacts"] == ["eager/fp32", "onnx/w8a8"]
    assert (found["suffix"], found["available"], found["figures"]) == (".safetensors", None, True)
    assert (found["heatmap"], found["network"]) == ("exact", [2, 2])
    assert found["answers"] == {"logits": [2, 5], "cam": [2, 5, 16, 16], "novelty": [2]}
    # as many values at -0.5 as at 0.5: a standard deviation of 0.5
    assert found["range"] == pytest.approx([-3, 3], abs=1e-3)
    assert found["metric"] == pytest.approx(0.75)
    assert found["gates"] == EXTENSIONS["a metric with its gate"].recipe()["gates"]
    # hard: log 2, by half; soft: they agree; maps: (3 - 1)^2, by a tenth
    assert found["loss"] == pytest.approx(0.5 * math.log(2) + 0.4, abs=1e-6)


@dataclass(frozen=True)
class Built:
    """A bundle of the toy target, rule and metric, and what it was built from."""

    recipe: Path
    changes: dict[str, Any]
    bundle: Path
    said: str

    def record(self, name: str) -> Any:
        """One file of the bundle's record."""
        return json.loads((self.bundle / "record" / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def built(extended: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    place = tmp_path_factory.mktemp("built")
    changes: dict[str, Any] = {"bundles": {}}
    for name in ("a target", "a range rule", "a metric with its gate"):
        changes |= EXTENSIONS[name].recipe()
    recipe = write(place / "tiny", changes)
    done = run(extended, place, CXREDGE, "build", recipe, "--out", place / "dist")
    assert done.returncode == 0, done.stdout + done.stderr
    (bundle,) = (place / "dist").iterdir()
    return Built(recipe, changes, bundle, done.stdout)


@pytest.mark.slow
def test_target_rule_and_metric_make_a_bundle(built: Built) -> None:
    manifest = json.loads((built.bundle / "manifest.json").read_text())
    assert [entry["path"] for entry in manifest["artifacts"]] == [
        "artifacts/eager/fp32.safetensors", "artifacts/onnx/w8a8.onnx",
    ]  # fmt: skip
    assert built.record("recipe")["calibration"]["ranges"] == {"rule": "deviations", "count": 6.0}
    assert len(built.record("calibration")["ranges"]["onnx"]) > 20
    assert "INT8 ranges: deviations, count 6.0 over 100 phantom films" in (built.bundle / "MODEL_CARD.md").read_text()
    assert "mean logit diff" in built.said
    eager, onnx = built.record("verdicts")
    assert [g["gate"] for v in (eager, onnx) for g in v["gates"]] == ["logit_mean_abs"] * 2
    assert eager["figures"]["logit_mean_abs"] < 1e-4 < onnx["figures"]["logit_mean_abs"]


@pytest.mark.slow
def test_the_targets_files_are_inspected(extended: Path, built: Built) -> None:
    done = run(extended, built.bundle, CXREDGE, "inspect", "artifacts/eager/fp32.safetensors")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "float32  1 x 1 x 64 x 64" in done.stdout


@pytest.mark.slow
def test_a_bound_of_the_metric_may_break(extended: Path, built: Built, tmp_path: Path) -> None:
    gates = {**built.changes["gates"], "w8a8": {"logit_mean_abs": 1e-9}}
    recipe = write(tmp_path / "tiny", {**built.changes, "gates": gates})
    done = run(extended, tmp_path, CXREDGE, "build", recipe, "--out", tmp_path / "dist")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN: logit_mean_abs" in done.stdout


@pytest.mark.slow
def test_the_ranges_in_the_file_are_the_rules(extended: Path, built: Built, tmp_path: Path) -> None:
    """Other than those of the percentile, of the same tensors on the same films."""
    recipe = write(tmp_path / "tiny", {**built.changes, "calibration": {"split": "val", "count": 100}})
    done = run(extended, tmp_path, CXREDGE, "build", recipe, "--out", tmp_path / "dist", "--targets", "onnx")
    assert done.returncode == 0, done.stdout + done.stderr
    (bundle,) = (tmp_path / "dist").iterdir()
    other = json.loads((bundle / "record" / "calibration.json").read_text())["ranges"]["onnx"]
    ranges = built.record("calibration")["ranges"]["onnx"]
    assert [r["tensor"] for r in ranges] == [r["tensor"] for r in other]
    assert sum(one != two for one, two in zip(ranges, other, strict=True)) > 0.8 * len(ranges)


@pytest.mark.slow
def test_the_loss_trains_a_student(extended: Path, tmp_path: Path) -> None:
    losses = EXTENSIONS["a distillation loss"].recipe()["losses"]
    student = {"backbone": "timm/mobilenetv2_035", "epochs": 1}
    changes = {
        "distill": {"teacher": student, "epochs": 2, "batch": 8, "losses": losses},
        "data": {"source": "phantom", "seed": 3, "patients": {"train": 12, "val": 60, "test": 12}},
    }
    folder = write(tmp_path / "tiny", changes, weights=False)
    done = run(extended, tmp_path, CXREDGE, "distill", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((folder / "results.json").read_text())
    assert len(record["student"]["losses"]) == 2
    assert "map-error" in (folder / "model.yaml").read_text()
