"""Gates held again on a results file: other bounds, other students, missing artifacts, damaged files."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from cxredge.errors import InputError
from cxredge.evidence import Results
from cxredge.evidence_chance import Chance, Held
from cxredge.metrics import METRICS, TENTH, WEAK_CORRELATION, WEAK_SQNR_DB, Metric
from cxredge.parity.gates import rejudge
from cxredge.parity.results_file import read_results
from cxredge.recipe import Gates, Recipe
from cxredge.recipe_data import Evaluation
from cxredge.recipe_file import load_recipe
from cxredge.report.junit import as_junit
from cxredge.report.words import failure as failure_words
from cxredge.results import Artifact, BootstrapSpec, Census, Delegation, Figures, Paired, Verdict, weak_gates

ROOT = Path(__file__).parent.parent.parent
NOTHING_LOST = Paired(reference=0.9, artifact=0.9, loss=0.0, low=-0.01, high=0.01)


@pytest.fixture
def recipe() -> Recipe:
    """Two artifacts and the bounds that they just keep."""
    bounds = Gates(logit_sqnr_db=20, flip_rate=0.1, auc_loss=0.02, delegated=0.9)
    return load_recipe(ROOT / "model_zoo" / "phantom").model_copy(
        update={
            "targets": {"tflite": ("w8a8",), "coreml": ("w8a8",)},
            "gates": {"w8a8": bounds},
            "evaluation": Evaluation(chance="allowed"),
        }
    )


def results(recipe: Recipe, **changed: object) -> Results:
    figures = Figures(
        films=10, logit_max_abs=1.0, logit_sqnr_db=20.0, cam_sqnr_db=20.0, cam_correlation=0.9, novelty_max_rel=0.1,
        decisions=50, flips=5, flip_rate=0.1, flips_by_label={}, labels_too_few={},
        **dict.fromkeys(("auc", "sensitivity", "specificity", "ece", "brier", "novelty_auc"), NOTHING_LOST),
    )  # fmt: skip
    artifacts, verdicts = [], []
    for name in recipe.artifacts():
        target, scheme = name.split("/")
        whole = Delegation(delegate="X", partitions=1, delegated=10, total=10)
        artifacts.append(
            Artifact(
                name=name,
                target=target,
                scheme=scheme,
                file="x",
                bytes=1,
                sha256=name[0].encode().hex()[0] * 64,
                census=Census(weight_bytes={}, activations={}, inputs={}, outputs={}),
                delegation=None if target == "coreml" else whole,
            )
        )
        verdicts.append(
            Verdict(
                artifact=name,
                artifact_sha256=artifacts[-1].sha256,
                runtime="x",
                gates=(),
                passed=False,
                figures=figures.model_copy(update=changed),
            )
        )
    return Results(
        bundle="phantom-1.0.0-0", kind="host", recipe="phantom 1.0.0", weights_sha256=recipe.weights.sha256,
        films_sha256="0" * 64, statement="", artifacts=tuple(artifacts), verdicts=tuple(verdicts),
    )  # fmt: skip


def test_bounds_are_held_as_the_recipe_has_them_now(recipe: Recipe) -> None:
    tflite, coreml = rejudge(results(recipe), recipe)
    assert tflite.passed
    assert coreml.passed
    assert {g.gate: g.verdict for g in coreml.gates}["delegated"] == "not-applicable"
    broken = {"logit_sqnr_db": 19.9, "flip_rate": 0.11, "auc": NOTHING_LOST.model_copy(update={"high": 0.02})}
    for name, value in broken.items():
        found = rejudge(results(recipe, **{name: value}), recipe)[0]
        assert [g.gate for g in found.gates if g.verdict == "broken"] == [name.replace("auc", "auc_loss")]
        assert not found.passed


def test_a_weak_bound_is_named_and_fails_nothing(recipe: Recipe) -> None:
    tflite, coreml = rejudge(results(recipe), recipe)
    assert tflite.passed, "a remark is no verdict"
    assert {gate.gate for gate in tflite.gates if gate.weak} == {"flip_rate"}
    assert weak_gates([tflite, coreml]) == ("w8a8: flip_rate at most 0.1: a tenth or more of the decisions may change",)
    firm = recipe.model_copy(update={"gates": {"w8a8": Gates(flip_rate=0.099)}})
    assert weak_gates(rejudge(results(recipe, flip_rate=0.05), firm)) == ()
    assert Verdict.model_validate_json(tflite.model_dump_json()) == tflite
    tree = json.loads(tflite.model_dump_json())
    assert [("weak" in gate) for gate in tree["gates"]] == [gate.weak is not None for gate in tflite.gates]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.gate)
def test_every_gate_on_answers_has_a_bound_from_which_on_it_is_weak(metric: Metric) -> None:
    if metric.of == "artifact":
        assert metric.weak is None, "how much is delegated changes no answer"
        assert metric.weakness(0.0) is None
        return
    assert metric.weak is not None
    limit, words = metric.weak
    looser, firmer = (limit * 0.9, limit * 1.1) if metric.at_least else (limit * 1.1, limit * 0.9)
    assert (metric.weakness(limit), metric.weakness(looser), metric.weakness(firmer)) == (words, words, None)


def test_an_error_of_the_weak_sqnr_changes_a_tenth_of_the_decisions() -> None:
    random = np.random.default_rng(0)
    scores, error = random.normal(size=400_000), random.normal(size=400_000)
    flipped = scores + error * 10 ** (-WEAK_SQNR_DB / 20)
    assert ((scores > 0) != (flipped > 0)).mean() == pytest.approx(TENTH, abs=0.005)
    assert np.corrcoef(scores, flipped)[0, 1] == pytest.approx(WEAK_CORRELATION, abs=0.005)


def test_a_failed_bundles_results_are_held_against_all_artifacts(recipe: Recipe) -> None:
    left = results(recipe).model_copy(update={"kind": "failed"})
    assert [verdict.artifact for verdict in rejudge(left, recipe)] == ["tflite/w8a8", "coreml/w8a8"]
    with pytest.raises(InputError, match="GATE-MISSING"):
        rejudge(left.model_copy(update={"verdicts": left.verdicts[:1]}), recipe)


def against(low: float | None, chance: float = 0.5) -> Chance:
    value = None if low is None else low + 0.1
    figure = Held(value=value, low=low, high=value, chance=chance, too_few=None if low else "no label is judged")
    bootstrap = BootstrapSpec(resamples=100, level=0.95, seed=1)
    return Chance(films=10, patients=9, bootstrap=bootstrap, figure=figure, labels=())


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (against(0.501), "kept"),
        (against(0.5), "broken"),
        (against(0.3), "broken"),
        (against(0.5, 0.6), "broken"),
        (against(None), "not-shown"),
        (None, "not-shown"),  # of a version that did not ask
    ],
)
def test_a_student_must_be_better_than_chance_unless_its_recipe_allows_chance(
    recipe: Recipe, found: Chance | None, verdict: str, tmp_path: Path
) -> None:
    said = results(recipe).model_copy(update={"chance": found})
    assert all(v.passed and "better_than_chance" not in {g.gate for g in v.gates} for v in rejudge(said, recipe))
    asked = recipe.model_copy(update={"evaluation": Evaluation()})
    (tmp_path / "results.json").write_text(said.model_dump_json())
    verdicts = rejudge(read_results(tmp_path / "results.json"), asked)
    assert [v.gates[-1].verdict for v in verdicts] == [verdict] * 2
    assert [v.passed for v in verdicts] == [verdict == "kept"] * 2
    failures = ElementTree.fromstring(as_junit("a", verdicts)).findall(".//failure")
    assert len(failures) == (0 if verdict == "kept" else 2)
    assert all("better_than_chance" in (failure.get("message") or "") for failure in failures)
    assert all(
        ("own mean AUC" in failure_words(g, v.figures))
        for v in verdicts
        for g in v.gates
        if g.gate == "better_than_chance"
    )


def test_other_students_and_missing_artifacts_are_refused(recipe: Recipe) -> None:
    found = results(recipe)
    with pytest.raises(InputError, match="GATE-STUDENT"):
        rejudge(found.model_copy(update={"weights_sha256": "f" * 64}), recipe)
    with pytest.raises(InputError, match=r"GATE-MISSING.*coreml/w8a8"):
        rejudge(found.model_copy(update={"verdicts": found.verdicts[:1]}), recipe)
    swapped = found.verdicts[0].model_copy(update={"artifact_sha256": "e" * 64})
    with pytest.raises(InputError, match="GATE-STUDENT"):
        rejudge(found.model_copy(update={"verdicts": (swapped, found.verdicts[1])}), recipe)
    android = recipe.bundles.model_copy(update={"android": ("tflite/w8a8",)})
    part = found.model_copy(update={"kind": "android", "verdicts": found.verdicts[:1]})
    (only,) = rejudge(part, recipe.model_copy(update={"bundles": android}))
    assert only.artifact == "tflite/w8a8"


def test_junit_has_a_case_for_each_gate(recipe: Recipe) -> None:
    verdicts = rejudge(results(recipe, flip_rate=0.5, auc=NOTHING_LOST.model_copy(update={"high": None})), recipe)
    root = ElementTree.fromstring(as_junit('odd "name" <&>', verdicts))
    assert root.get("name") == 'odd "name" <&>'
    for suite, verdict in zip(root, verdicts, strict=True):
        assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == (verdict.artifact, "4", "2")
        failures = {
            case.get("name"): case.find("failure").get("type") for case in suite if case.find("failure") is not None
        }
        assert failures == {"flip_rate": "broken", "auc_loss": "not-shown"}
    skipped = [case.get("name") for case in root[1] if case.find("skipped") is not None]
    assert (skipped, root[1].get("skipped")) == (["delegated"], "1")


def test_results_files_are_checked(recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    with pytest.raises(InputError, match="RESULTS-MISSING"):
        read_results(path)
    whole = results(recipe)
    path.write_text(whole.model_dump_json())
    assert read_results(path) == whole
    tree = json.loads(path.read_text())
    for spoilt in (
        "", "[]", "{", "null", "[" * 100_000, '{"results": 2}', '{"results": 1}',
        json.dumps({**tree, "more": 1}), json.dumps({**tree, "weights_sha256": "x"}),
        json.dumps(tree).replace("0.9", "NaN"),
    ):  # fmt: skip
        path.write_text(spoilt)
        with pytest.raises(InputError, match="RESULTS-FORMAT"):
            read_results(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="RESULTS-FORMAT"):
        read_results(path)
