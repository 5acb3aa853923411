"""What to type next: the commands that help and no others, and bounds that would have been kept."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cxredge.metrics import BETTER_THAN_CHANCE, METRICS, by_gate
from cxredge.report.next_steps import COMMAND, Surroundings, next_steps, passing, quoted
from cxredge.results import Artifact, Census, Figures, GateResult, Paired, Verdict
from cxredge.vocabulary import ArtifactName

NOTHING = Paired(reference=None, artifact=None, loss=None, low=None, high=None, too_few="5 patients, 10 are needed")
HERE = Surroundings(
    bundle=Path("dist/a film's-failed"), build=(Path("zoo/a film's"), "--targets", "onnx"), train=Path("zoo/x")
)
SQNR = GateResult(gate="logit_sqnr_db", bound=20, value=18.236, verdict="broken")
FLIPS = GateResult(gate="flip_rate", bound=0.03, value=0.1213, verdict="broken")
CHANCE = GateResult(gate=BETTER_THAN_CHANCE, bound=0.5, value=0.48, verdict="broken")
NO_CHANCE = GateResult(gate=BETTER_THAN_CHANCE, bound=0.5, value=None, verdict="not-shown")
FEW = GateResult(gate="auc_loss", bound=0.02, value=None, verdict="not-shown")
DELEGATED = GateResult(gate="delegated", bound=0.9, value=0.5, verdict="broken")


def judged(name: str, *gates: GateResult) -> tuple[Artifact, Verdict]:
    figures = Figures(
        films=10, logit_max_abs=1.0, logit_sqnr_db=20.0, cam_sqnr_db=None, cam_correlation=None, novelty_max_rel=None,
        decisions=50, flips=5, flip_rate=0.1, flips_by_label={}, labels_too_few={},
        **dict.fromkeys(("auc", "sensitivity", "specificity", "ece", "brier", "novelty_auc"), NOTHING),
    )  # fmt: skip
    of = ArtifactName(name)
    artifact = Artifact(
        name=of, target=of.target, scheme=of.scheme, file=f"{of.scheme}.bin", bytes=1, sha256="0" * 64,
        census=Census(weight_bytes={}, activations={}, inputs={}, outputs={}), delegation=None,
    )  # fmt: skip
    passed = not any(gate.failed for gate in gates)
    return artifact, Verdict(
        artifact=of, artifact_sha256="0" * 64, runtime="x", figures=figures, gates=gates, passed=passed
    )


def commands(*pairs: tuple[Artifact, Verdict], here: Surroundings = HERE) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in next_steps(pairs, here) if line.startswith(COMMAND)]


def test_nothing_is_said_where_every_gate_is_kept() -> None:
    assert next_steps([judged("onnx/w8a8", SQNR.model_copy(update={"verdict": "kept"}))], HERE) == ()


def test_an_int8_artifact_is_explained_and_its_precision_searched() -> None:
    pairs = judged("onnx/fp32"), judged("onnx/w8a8", SQNR, FLIPS)
    assert commands(*pairs) == [
        ["explain", "dist/a film's-failed", "--artifact", "onnx/w8a8"],
        ["build", "zoo/a film's", "--targets", "onnx", "--precision", "auto"],
    ]
    lines = next_steps(pairs, HERE)
    assert lines[1:3] == (
        "  onnx/w8a8: logit_sqnr_db is 18.24, the bound is at least 20",
        "  onnx/w8a8: flip_rate is 0.1213, the bound is at most 0.03",
    )
    assert lines[-2:] == (
        "  gates.w8a8.logit_sqnr_db: 18.2, which would be kept, instead of 20",
        "  gates.w8a8.flip_rate: 0.122, which would be kept, instead of 0.03; "
        "a weak gate: a tenth or more of the decisions may change",
    )
    assert "nothing gets better" in lines[-3]
    assert next_steps(pairs, replace(HERE, told=True)) == lines[3:], "what is said above is not said again"


def test_an_apps_bundle_is_explained_beside_its_reference_and_no_build_is_known() -> None:
    here = Surroundings(Path("-android"), Path("host"))
    assert commands(judged("tflite/w8a8", SQNR), here=here) == [
        ["explain", "./-android", "--artifact", "tflite/w8a8", "--reference", "host"]
    ]


def test_no_precision_helps_where_float32_breaks_or_the_student_knows_nothing() -> None:
    lines = next_steps([judged("onnx/fp32", FLIPS), judged("onnx/w8a8", FLIPS)], HERE)
    assert not any("--precision" in line for line in lines)
    assert any("float32 breaks its gates too" in line for line in lines)
    assert commands(judged("onnx/fp16", FLIPS)) == [["explain", "dist/a film's-failed", "--artifact", "onnx/fp16"]]
    pairs = judged("onnx/fp32", CHANCE), judged("onnx/w8a8", CHANCE)
    assert commands(*pairs) == [["distill", "zoo/x"]]
    lines = next_steps(pairs, HERE)
    assert sum(BETTER_THAN_CHANCE in line for line in lines) == 1, "it is one student's"
    assert any("evaluation: {chance: allowed}" in line for line in lines)
    assert not any("gates." in line for line in lines)
    assert commands(*pairs, here=Surroundings()) == []
    lines = next_steps([judged("onnx/fp32", NO_CHANCE)], HERE)
    assert any("more patients" in line for line in lines)
    assert commands(judged("onnx/fp32", NO_CHANCE)) == []


def test_what_could_not_be_shown_is_kept_by_no_bound_and_no_command() -> None:
    lines = next_steps([judged("onnx/w8a8", FEW), judged("tflite/w8a8", FEW)], HERE)
    assert lines[-1] == "  w8a8: auc_loss: no bound would be kept: 5 patients, 10 are needed"
    assert len(lines) == 4
    assert commands(judged("onnx/w8a8", FEW)) == []


def test_operators_that_a_delegate_leaves_are_in_the_file() -> None:
    found = commands(judged("executorch/w8a8", DELEGATED))
    assert found == [["inspect", "dist/a film's-failed/artifacts/executorch/w8a8.bin"]]


def test_artifacts_of_a_scheme_share_the_bound_that_all_would_keep() -> None:
    worse = SQNR.model_copy(update={"value": 12.0})
    for pair in ((SQNR, worse), (worse, SQNR)):
        lines = next_steps([judged(n, g) for n, g in zip(("onnx/w8a8", "tflite/w8a8"), pair, strict=True)], HERE)
        assert [line for line in lines if "gates." in line] == [
            "  gates.w8a8.logit_sqnr_db: 12, which would be kept, instead of 20"
        ]
    more = FLIPS.model_copy(update={"value": 0.4})
    for pair in ((FLIPS, more), (more, FLIPS)):
        lines = next_steps([judged(n, g) for n, g in zip(("onnx/w8a8", "tflite/w8a8"), pair, strict=True)], HERE)
        assert "gates.w8a8.flip_rate: 0.4," in lines[-1]


def test_of_many_artifacts_the_first_commands_are_written_out() -> None:
    pairs = [judged(f"{target}/w8a8", SQNR) for target in ("onnx", "tflite", "coreml", "executorch")]
    assert sum(command[0] == "explain" for command in commands(*pairs)) == 3
    assert "  and likewise for 1 artifact more" in next_steps(pairs, HERE)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.gate)
def test_a_bound_that_would_be_kept_is_the_nearest_of_three_digits(metric: object) -> None:
    found = by_gate(metric.gate)  # type: ignore[attr-defined]
    random = np.random.default_rng(0)
    values = [*10 ** random.uniform(-6, 0, 200), 0.1, 0.25, 0.123, 1e-5, 0.999, 1.0]
    if found.name.endswith("_db"):
        values += [*random.uniform(-30, 120, 200), 0.0]
    for value in map(float, values):
        bound = passing(found, value)
        if bound is None:
            assert found.bounds is not None
            assert value > 0.99
            continue
        kept = value >= bound if found.at_least else value < bound if found.paired else value <= bound
        assert kept, (value, bound)
        step = 10.0 ** (np.floor(np.log10(abs(value))) - 2) if value else 1e-3
        assert abs(bound - value) <= step * 1.001, (value, bound)
        assert float(f"{bound:.3g}") == pytest.approx(bound, abs=step * 1e-3)


def test_without_a_bundle_a_build_leaves_one() -> None:
    _, verdict = judged("onnx/w8a8", SQNR, DELEGATED)
    here = Surroundings(leave=("zoo/x", "--targets", "onnx"))
    lines = next_steps([(None, verdict)], here)
    assert [shlex.split(line)[1:] for line in lines if line.startswith(COMMAND)] == [
        ["build", "zoo/x", "--targets", "onnx"]
    ]
    assert any("leaves a failed bundle" in line for line in lines)
    _, few = judged("onnx/w8a8", FEW)
    assert not any(line.startswith(COMMAND) for line in next_steps([(None, few)], here))


def test_words_are_quoted_for_a_shell() -> None:
    words = (Path("-x"), Path("a b"), Path("it's"), Path("$HOME"), "--json")
    assert shlex.split(quoted(*words)) == ["./-x", "a b", "it's", "$HOME", "--json"]
