"""Every declared metric has its formula, its gate, its figure and its words, and none of them has another source."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError, create_model

from cxredge import metrics
from cxredge.evidence import LabelEvidence
from cxredge.metrics import METRICS, Metric, by_gate, metrics_of
from cxredge.parity.formulas import FORMULAS, formula, formula_of
from cxredge.recipe import Gates
from cxredge.report.table import HEADER
from cxredge.results import Figures, Paired
from cxredge.vocabulary import Frozen

GATES = (
    "logit_max_abs", "logit_sqnr_db", "cam_sqnr_db", "cam_correlation", "novelty_max_rel", "flip_rate", "delegated",
    "auc_loss", "sensitivity_loss", "specificity_loss", "ece_rise", "brier_rise", "accuracy_loss",
    "answered_loss", "accuracy_answered_loss", "novelty_auc_loss", "quality_sqnr_db",
    "quality_found_loss", "quality_false_alarms_rise",
)  # fmt: skip
"""In the order in which results files and bundles have them."""
PAIRED = Paired(reference=0.9, artifact=0.8, loss=0.1, low=0.0, high=0.2)


def test_gates_stand_in_their_order() -> None:
    assert tuple(Gates.model_fields) == GATES == tuple(metric.gate for metric in METRICS)
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_every_metric_has_one_formula() -> None:
    assert set(FORMULAS) == {metric.name for metric in METRICS}
    for metric in METRICS:
        assert formula_of(metric) is FORMULAS[metric.name]
    with pytest.raises(ValueError, match="declares no metric nonsense"):
        formula("nonsense")
    with pytest.raises(LookupError, match="no formula of the metric nonsense"):
        formula_of(replace(METRICS[0], name="nonsense"))


def test_figures_and_label_evidence_follow() -> None:
    counts = {"films", "decisions", "flips", "flips_by_label", "labels_too_few", "quality"}
    assert set(Figures.model_fields) == counts | {m.name for m in METRICS if m.of != "artifact"}
    labels = {metric.name for metric in metrics_of("labels")}
    assert labels <= set(LabelEvidence.model_fields)
    assert all(Figures.model_fields[name].annotation is Paired for name in labels)
    # single-label students' alone, and later than the others: a file without them is read
    classes = [Figures.model_fields[metric.name] for metric in metrics_of("classes")]
    assert [(field.annotation, field.is_required()) for field in classes] == [(Paired | None, False)] * 3


@pytest.mark.parametrize(
    ("gate", "good", "bad"),
    [
        ("logit_max_abs", 0.1, 0), ("cam_correlation", -1, -1.1), ("flip_rate", 0, 1.1), ("delegated", 1, -0.1),
        ("auc_loss", 1, 0), ("ece_rise", 0.5, 1.5), ("logit_sqnr_db", -90, None),
    ],
)  # fmt: skip
def test_bounds_of_bounds(gate: str, good: float, bad: float | None) -> None:
    assert getattr(Gates(**{gate: good}), gate) == good
    if bad is not None:
        with pytest.raises(ValidationError):
            Gates(**{gate: bad})


def test_lower_bounds_are_those_where_less_is_worse_and_no_loss_is_taken() -> None:
    lower = ["logit_sqnr_db", "cam_sqnr_db", "cam_correlation", "delegated", "quality_sqnr_db"]
    assert [m.gate for m in METRICS if m.at_least] == lower
    assert by_gate("ece_rise").worse == "more"


def test_the_table_ends_with_what_the_files_own_record_says() -> None:
    assert HEADER[3:-2] == (
        "max logit diff", "logits SQNR dB", "CAM SQNR dB", "CAM corr.", "flips", "AUC loss", "accuracy loss",
        "answered loss", "delegated",
    )  # fmt: skip


def test_a_metric_that_is_declared_later_may_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results files that were written before it are read on."""
    later = (
        Metric("one", of="outputs", worse="more", gate="one", gate_words="one"),
        Metric("two", of="labels", worse="less", gate="two_loss", gate_words="two"),
    )
    monkeypatch.setattr(metrics, "METRICS", (*METRICS, *later))
    fields = {**metrics.value_fields("outputs", Paired), **metrics.value_fields("labels", Paired)}
    record = create_model("Record", __base__=Frozen, **fields)
    old = {m.name: PAIRED if m.paired else 1.0 for m in METRICS if m.of in ("outputs", "labels")}
    found = record(**old)
    assert (found.one, found.two) == (None, None)
    found = record(**old, one=2.0, two=PAIRED)
    assert record.model_validate_json(found.model_dump_json()) == found
    with pytest.raises(ValidationError):
        record(**{**old, "auc": None})
