"""What stands out among layers, and the line for the recipe."""

from __future__ import annotations

from typing import Any

import pytest
from ruamel.yaml import YAML

from cxredge.evidence import Explanation, GateOutlook
from cxredge.explain.alignment import UnitError
from cxredge.explain.layerwise import decibels, explained, explanation, fix, standing_out, worst
from cxredge.explain.records import KeptStep, RestoredUnit, SimulationRecord, TraceRecord
from cxredge.quantize.units import Unit, keep
from cxredge.report.explanation import text
from cxredge.results import GateResult
from cxredge.vocabulary import ArtifactName

INT8, FLOAT = ArtifactName("tflite/w8a8"), ArtifactName("onnx/fp32")
NAMES = ("backbone.stem", "backbone.block.a", "backbone.block.b", "backbone.block", "backbone.last")


def traced(noises: tuple[float, ...], **changes: Any) -> TraceRecord:
    """Units of signal 1; a noise of 0 is an equal output."""
    units = tuple(
        UnitError(unit=name, operator="conv2d", tensor=name.upper(), signal=1, noise=noise)
        for name, noise in zip(NAMES, noises, strict=True)
    )
    return TraceRecord(**{"source": "a test", "units": units, "signal": 1.0, "noise": 0.01, **changes})


def simulated(shares: tuple[float, ...], *steps: KeptStep, logit_sqnr_db: float = 20.0) -> SimulationRecord:
    units = tuple(
        RestoredUnit(unit=n, logit_sqnr_db=20 + i, share=s) for i, (n, s) in enumerate(zip(NAMES, shares, strict=True))
    )
    return SimulationRecord(logit_sqnr_db=logit_sqnr_db, units=units, steps=steps)


def step(share: float, *units: str) -> KeptStep:
    return KeptStep(units=units, logit_sqnr_db=20 + 10 * share, share=share)


def place(found: Explanation) -> str:
    at = worst(found)
    assert at is not None
    return found.layers[at].module


def test_decibels() -> None:
    assert decibels(100, 1) == pytest.approx(20)
    assert decibels(1, 100) == pytest.approx(-20)
    for signal, noise in ((1.0, 0.0), (0.0, 1.0), (None, 1.0), (1.0, None)):
        assert decibels(signal, noise) is None


def test_the_first_bad_layer_comes_first() -> None:
    record = traced((0.01, 0.01, 0.01, 0.01, 0.01))
    units = [u.model_copy(update={"bad": "NaN"}) if i in (2, 3, 4) else u for i, u in enumerate(record.units)]
    record = record.model_copy(update={"units": tuple(units), "signal": None, "noise": None})
    found = explanation(INT8, 8, record, simulated((0.9, 0, 0, 0, 0), step(0.9, NAMES[0])))
    assert place(found) == NAMES[2]
    assert [layer.bad for layer in found.layers] == [None, None, "NaN", "NaN", "NaN"]
    assert found.layers[2].sqnr_db is None
    assert found.logit_sqnr_db is None
    assert found.fix is None, "no float in the world mends it"


def test_shares_decide_where_the_simulation_explains_the_artifact() -> None:
    record = traced((0.001, 0.002, 0.004, 0.3, 0.4))
    found = explanation(INT8, 8, record, simulated((0.1, 0.6, -0.2, 0.1, 0.1), step(0.6, NAMES[1])))
    assert explained(found)
    assert place(found) == NAMES[1]
    assert found.fix == 'keep_float: {tflite/w8a8: ["backbone\\\\.block\\\\.a"]}'
    assert (found.simulated_db, found.fixed_db) == (20, 26)


def test_an_artifact_much_worse_than_its_simulation_is_not_explained() -> None:
    record = traced((0.0001, 0.0002, 0.0004, 0.3, 0.4), noise=0.1)
    found = explanation(INT8, 8, record, simulated((0.1, 0.6, 0, 0, 0), step(0.6, NAMES[1])))
    assert found.logit_sqnr_db == pytest.approx(10)
    assert not explained(found)
    assert place(found) == NAMES[3], "there the SQNR falls most"
    assert found.fix is None


@pytest.mark.parametrize(
    ("noises", "expected"),
    [
        ((1e-12, 1e-12, 1e-3, 2e-3, 1e-2), NAMES[2]),
        ((0, 0, 1e-3, 2e-3, 1e-2), NAMES[2]),
        ((1e-3, 2e-3, 1e-4, 2e-3, 0.5), NAMES[4]),
    ],
)
def test_without_simulation_the_greatest_fall_decides(noises: tuple[float, ...], expected: str) -> None:
    assert place(explanation(FLOAT, 8, traced(noises), None)) == expected


def test_nothing_is_worst_where_nothing_is_lost() -> None:
    assert worst(explanation(FLOAT, 8, traced((0, 0, 0, 0, 0)), None)) is None


def test_units_without_a_tensor_are_named_apart() -> None:
    record = traced((0.1, 0.1, 0.1, 0.1, 0.1))
    fused = record.units[1].model_copy(update={"tensor": None})
    record = record.model_copy(update={"units": (record.units[0], fused, *record.units[2:])})
    found = explanation(INT8, 8, record, simulated((0, 0.5, 0.1, 0.2, 0)))
    assert found.unmatched == ("backbone.block.a (conv2d)",)
    assert [layer.module for layer in found.layers] == [NAMES[i] for i in (0, 2, 3, 4)]
    assert [layer.share for layer in found.layers] == [0, 0.1, 0.2, 0]
    assert Explanation.model_validate_json(found.model_dump_json()) == found


def test_steps_stand_out_until_one_does_not() -> None:
    steps = (step(0.5, "backbone.a"), step(0.3, "backbone.b"), step(0.24, "backbone.c"), step(0.9, "backbone.d"))
    assert standing_out(steps) == steps[:2]
    assert standing_out((step(0.1, "backbone.a"),)) == ()


def test_the_fix_keeps_what_the_steps_name_and_what_was_kept() -> None:
    steps = (step(0.5, "backbone.block.a", "backbone.block"), step(0.4, "backbone.block2.0"))
    line = fix("tflite/w8a8", steps, ["backbone\\.stem"])
    assert line == 'keep_float: {tflite/w8a8: ["backbone\\\\.stem", "backbone\\\\.block", "backbone\\\\.block2\\\\.0"]}'
    patterns = YAML(typ="safe").load(line)["keep_float"]["tflite/w8a8"]
    names = ("backbone.stem", "backbone.block", "backbone.block.a", "backbone.block2.0", "backbone.block2.1")
    found = [Unit(name, frozenset({name}), "conv2d") for name in names]
    assert keep(found, names, patterns) == set(names[:4])


def outlook(gates: list[GateResult], **changes: Any) -> dict[str, GateOutlook]:
    record = traced((0.001, 0.002, 0.004, 0.3, 0.4), **changes)
    found = explanation(INT8, 8, record, simulated((0.1, 0.6, -0.2, 0.1, 0.1), step(0.6, NAMES[1])), (), gates)
    return {one.gate: one for one in found.outlook}


def gate(name: str, bound: float, value: float | None, verdict: Any = "broken") -> GateResult:
    return GateResult(gate=name, bound=bound, value=value, verdict=verdict)


def test_the_fix_says_which_gates_it_would_keep_as_far_as_the_simulation_tells() -> None:
    # the simulation goes from 20 to 26 dB
    flips, kept = gate("flip_rate", 0.03, 0.1), gate("auc_loss", 0.02, 0.01, "kept")
    found = outlook([gate("logit_sqnr_db", 24, 19), flips, kept])
    assert list(found) == ["logit_sqnr_db", "flip_rate"], "what is kept needs no fix"
    assert (found["logit_sqnr_db"].expected, found["logit_sqnr_db"].outlook) == (25, "kept")
    assert (found["flip_rate"].expected, found["flip_rate"].outlook) == (None, "cannot-be-told")
    assert outlook([gate("logit_sqnr_db", 25.5, 19)])["logit_sqnr_db"].outlook == "broken"
    # never more than the simulation itself has
    assert outlook([gate("logit_sqnr_db", 27, 24)])["logit_sqnr_db"].expected == 26
    assert outlook([gate("logit_sqnr_db", 24, 25, "kept")])["logit_sqnr_db"].outlook == "kept"
    assert outlook([gate("logit_sqnr_db", 24, None, "not-shown")])["logit_sqnr_db"].outlook == "cannot-be-told"
    assert outlook([gate("logit_sqnr_db", 24, 19)], noise=0.1) == {}, "without a fix there is nothing to expect"


def test_the_page_marks_what_the_fix_keeps_and_says_why_it_is_not_the_worst() -> None:
    record, gates = traced((0.001, 0.002, 0.004, 0.3, 0.4)), [gate("logit_sqnr_db", 24, 19), gate("flip_rate", 0, 0.1)]
    same = explanation(INT8, 8, record, simulated((0.1, 0.6, 0, 0.1, 0.1), step(0.6, NAMES[1])), (), gates)
    lines = text(same, None).splitlines()
    assert [line.split()[0] for line in lines if line.endswith("<- worst  <- fix")] == [NAMES[1]]
    assert not any("marked as the worst" in line for line in lines)
    assert lines[-2:] == [
        "gate logit_sqnr_db is 19, the bound is at least 24: about 25 with the fix, an estimate: kept",
        "gate flip_rate is 0.1, the bound is at most 0: whether the fix keeps it cannot be told from the simulation",
    ]
    other = explanation(INT8, 8, record, simulated((0.1, 0.6, 0, 0.1, 0.1), step(0.6, NAMES[0], NAMES[4])), (), gates)
    assert other.fixed_units == (NAMES[0], NAMES[4])
    lines = text(other, None).splitlines()
    assert [line.split()[0] for line in lines if line.endswith("<- fix")] == [NAMES[0], NAMES[4]]
    assert [line.split()[0] for line in lines if line.endswith("<- worst")] == [NAMES[1]]
    assert any(line.startswith(f"this is not {NAMES[1]}, which is marked as the worst: ") for line in lines)
    units = [u.model_copy(update={"bad": "an overflow"}) if i == 2 else u for i, u in enumerate(record.units)]
    record = record.model_copy(update={"units": tuple(units)})
    bad = explanation(INT8, 8, record, simulated((0.1, 0.6, 0, 0.1, 0.1), step(0.6, NAMES[1])), (), gates)
    assert f"look at {NAMES[2]} first: it holds an overflow" in text(bad, None)
    none = explanation(INT8, 8, record, simulated((0.1, 0.2, 0, 0.1, 0.1), step(0.2, NAMES[1])), (), gates)
    assert "fix to try: none" in text(none, None)
    assert "<- fix" not in text(none, None)
