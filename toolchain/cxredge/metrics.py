"""Metrics of parity, each declared once: what it is of, which way is worse, its gate, its words.

The recipe's ``Gates``, the results' ``Figures`` and ``LabelEvidence``, the judging of gates, the report's words, the
results table and the bill of materials follow from these declarations. The formula of each stands in
``parity/formulas.py`` under the metric's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

Of = Literal["outputs", "decisions", "labels", "classes", "out-of-distribution", "accidents", "artifact"]
"""What a formula reads, and so what it takes and gives; ``parity/formulas.py`` says it for each."""


@dataclass(frozen=True)
class Metric:
    """One metric of an artifact against the reference.

    Metrics of ``labels``, ``classes``, ``out-of-distribution`` and ``accidents`` are paired: known for the reference
    and for the artifact, with an interval of the loss. Their gates are non-inferiority margins: the upper end of the
    interval must stay below. The others are single numbers, and their gates plain bounds, which may be met exactly.

    Metrics of ``classes`` are of single-label students alone: for the others they have no value, and their gates do not
    apply.
    """

    name: str
    """Key in ``Figures``, and of ``labels`` in ``LabelEvidence`` too."""
    of: Of
    worse: Literal["more", "less"]
    gate: str
    """Key in the recipe's ``Gates``."""
    gate_words: str
    """What a report calls the value that the gate bounds."""
    words: str = ""
    """What the metric itself is called: of paired ones, beside whose gate ("AUC loss") stands the value ("AUC")."""
    column: str | None = None
    """Its heading in the results table; None leaves it out there."""
    none: Literal["kept", "not-shown", "not-applicable"] | None = None
    """What a gate says where there is no value though the student has the output: nothing differs, it could not be
    had, or the target has no such thing by its nature. None: there always is one. Paired metrics without an interval
    are not shown."""
    bounds: Mapping[str, Any] | None = None
    """Within which the recipe's bound must lie, in pydantic's words (``gt``, ``ge``, ``le``)."""
    output: Literal["logits", "cam", "novelty", "quality"] = "logits"
    """What it needs of a student: without such an output it has no value, and its gate does not apply."""
    weak: tuple[float, str] | None = None
    """The bound from which on the gate is weak, and what such a bound lets happen, in words. A gate that is weak and
    kept says little, so verdicts name it; it is judged like any other. None: no bound of it is, as it binds no answer.
    See the constants below for where each comes from."""
    required: bool = False
    """Whether every results file has it. One declared later must not be: older files lack it and are read on."""

    @property
    def paired(self) -> bool:
        """Whether it has a value of the reference too, and an interval of the loss."""
        return self.of in ("labels", "classes", "out-of-distribution", "accidents")

    @property
    def at_least(self) -> bool:
        """Whether the gate is a lower bound."""
        return not self.paired and self.worse == "less"

    def weakness(self, bound: float) -> str | None:
        """What a gate with this bound lets happen, where it is weak."""
        if self.weak is None:
            return None
        limit, words = self.weak
        loose = bound <= limit if self.at_least else bound >= limit
        return words if loose else None


MARGIN = {"gt": 0, "le": 1}
SHARE = {"ge": 0, "le": 1}
TENTH = 0.1
"""A gate is weak when a tenth of what it guards may change though it is kept: one film in ten, one patient in ten."""
WEAK_SQNR_DB = 10.0
"""An error whose root mean square is r times that of normal scores around their threshold changes arctan(r) / pi of the
decisions: two normal variables of correlation c differ in sign with probability arccos(c) / pi (Sheppard 1899), and
here c = 1 / sqrt(1 + r^2). That is a tenth at r = tan(0.1 pi) = 0.325, which is 9.8 dB. Thresholds off the middle flip
less, and logits that are mostly a constant more."""
WEAK_CORRELATION = 0.95
"""1 / sqrt(1 + r^2) of the same error."""
WEAK_LOGIT = 2.2
"""ln 9: as far as from even odds to nine in ten."""

_ERROR = "the error may be a third of the signal, which changes a tenth or more of decisions"
_PROBABILITY = "probabilities may be off by a tenth or more"

METRICS = (
    Metric(
        "logit_max_abs", of="outputs", worse="more", gate="logit_max_abs",
        gate_words="largest logit difference", column="max logit diff", bounds={"gt": 0}, required=True,
        weak=(WEAK_LOGIT, "a film at even odds may move to nine in ten"),
    ),
    Metric(
        "logit_sqnr_db", of="outputs", worse="less", gate="logit_sqnr_db",
        gate_words="logits SQNR in dB", column="logits SQNR dB", none="kept", required=True,
        weak=(WEAK_SQNR_DB, _ERROR),
    ),
    Metric(
        "cam_sqnr_db", of="outputs", worse="less", gate="cam_sqnr_db",
        gate_words="heatmap SQNR in dB", column="CAM SQNR dB", none="kept", output="cam",
        required=True,
        weak=(WEAK_SQNR_DB, "the error may be a third of the map"),
    ),
    Metric(
        "cam_correlation", of="outputs", worse="less", gate="cam_correlation",
        gate_words="median heatmap correlation", column="CAM corr.", none="not-shown", bounds={"ge": -1, "le": 1},
        output="cam", required=True,
        weak=(WEAK_CORRELATION, "the error of half of the maps may be a third of the map or more"),
    ),
    Metric(
        "novelty_max_rel", of="outputs", worse="more", gate="novelty_max_rel",
        gate_words="largest relative novelty difference", bounds={"gt": 0}, output="novelty", required=True,
        weak=(1.0, "a score may double, or vanish"),
    ),
    Metric(
        "flip_rate", of="decisions", worse="more", gate="flip_rate",
        gate_words="share of decisions flipped", column="flips", bounds=SHARE, required=True,
        weak=(TENTH, "a tenth or more of the decisions may change"),
    ),
    Metric(
        "delegated", of="artifact", worse="less", gate="delegated",
        gate_words="share of operators delegated", column="delegated", none="not-applicable", bounds=SHARE,
    ),
    Metric(
        "auc", of="labels", worse="less", gate="auc_loss",
        gate_words="AUC loss", words="AUC", column="AUC loss", bounds=MARGIN, required=True,
        weak=(TENTH, "a tenth or more of the pairs of films may change their order"),
    ),
    Metric(
        "sensitivity", of="labels", worse="less", gate="sensitivity_loss",
        gate_words="sensitivity loss", words="sensitivity", bounds=MARGIN, required=True,
        weak=(TENTH, "a tenth or more of the films with a finding may be lost"),
    ),
    Metric(
        "specificity", of="labels", worse="less", gate="specificity_loss",
        gate_words="specificity loss", words="specificity", bounds=MARGIN, required=True,
        weak=(TENTH, "a tenth or more of the films without a finding may be called positive"),
    ),
    Metric(
        "ece", of="labels", worse="more", gate="ece_rise",
        gate_words="rise of the calibration error", words="expected calibration error", bounds=MARGIN, required=True,
        weak=(TENTH, _PROBABILITY),
    ),
    Metric(
        "brier", of="labels", worse="more", gate="brier_rise",
        gate_words="rise of the Brier score", words="Brier score", bounds=MARGIN, required=True,
        weak=(TENTH, _PROBABILITY),
    ),
    Metric(
        "accuracy", of="classes", worse="less", gate="accuracy_loss",
        gate_words="accuracy loss", words="accuracy", column="accuracy loss", bounds=MARGIN,
        weak=(TENTH, "a tenth or more of the films may be answered wrongly that were right"),
    ),
    Metric(
        "answered", of="classes", worse="less", gate="answered_loss",
        gate_words="loss of answered films", words="share of films answered", column="answered loss", bounds=MARGIN,
        weak=(TENTH, "a tenth or more of the films may lose their answer"),
    ),
    Metric(
        "accuracy_answered", of="classes", worse="less", gate="accuracy_answered_loss",
        gate_words="accuracy loss among the answered", words="accuracy among the answered", bounds=MARGIN,
        weak=(TENTH, "a tenth or more of the answers that were right may be wrong"),
    ),
    Metric(
        "novelty_auc", of="out-of-distribution", worse="less", gate="novelty_auc_loss",
        gate_words="AUC loss of the novelty score", words="AUC of the novelty score", bounds=MARGIN,
        output="novelty", required=True,
        weak=(TENTH, "a tenth or more of the pairs of a film and another picture may change their order"),
    ),
    Metric(
        "quality_sqnr_db", of="outputs", worse="less", gate="quality_sqnr_db",
        gate_words="quality SQNR in dB", none="kept", output="quality",
        weak=(WEAK_SQNR_DB, "the error may be a third of what tells films held wrongly"),
    ),
    Metric(
        "quality_found", of="accidents", worse="less", gate="quality_found_loss",
        gate_words="loss of accidents found, in the kind that loses most",
        words="share of accidents found, in the kind that loses most", bounds=MARGIN, output="quality",
        weak=(TENTH, "a tenth or more of the films held wrongly may be found no more"),
    ),
    Metric(
        "quality_false_alarms", of="accidents", worse="more", gate="quality_false_alarms_rise",
        gate_words="rise of the share of ordinary films taken for accidents",
        words="share of ordinary films taken for accidents", bounds=MARGIN, output="quality",
        weak=(TENTH, "a tenth or more of the ordinary films may be taken for films held wrongly"),
    ),
)  # fmt: skip
"""In the order in which gates are judged and tables print."""


def metrics_of(of: Of) -> tuple[Metric, ...]:
    """The metrics whose formulas read that."""
    return tuple(metric for metric in METRICS if metric.of == of)


def by_gate(gate: str) -> Metric:
    """The metric whose gate this is. Raises KeyError."""
    return {metric.gate: metric for metric in METRICS}[gate]


BETTER_THAN_CHANCE = "better_than_chance"
"""The gate on the reference itself, which holds where the recipe does not allow chance. Its bound is what chance would
reach, its value the lower end of the reference's own interval."""
CHANCE_WORDS = "lower end of the interval of the float32 student's own mean AUC, or accuracy of classes"


def gate_says(gate: str) -> tuple[str, bool]:
    """What a report calls the value that the gate bounds, and whether the bound is a lower one. Raises KeyError."""
    if gate == BETTER_THAN_CHANCE:
        return CHANCE_WORDS, True
    metric = by_gate(gate)
    upper = "upper end of the interval of " if metric.paired else ""
    return f"{upper}{metric.gate_words}", metric.at_least


def gate_fields() -> dict[str, Any]:
    """Fields of the recipe's ``Gates``, for pydantic's ``create_model``."""
    return {m.gate: (Annotated[float | None, Field(**(m.bounds or {}))], None) for m in METRICS}


def value_fields(of: Of, paired: type) -> dict[str, Any]:
    """Fields that hold the values of one kind of metrics, for ``create_model``; ``paired``: the type of paired ones."""
    fields: dict[str, Any] = {}
    for metric in metrics_of(of):
        kind: Any = paired if metric.paired else float
        if metric.none is not None or metric.output != "logits":
            kind = kind | None
        fields[metric.name] = (kind, ...) if metric.required else (kind | None, None)
    return fields
