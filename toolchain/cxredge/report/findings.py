"""What a bundle says of one film, as a phone would: decided by the manifest's rule, with novelty and quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from cxredge.bundle.model import Model
from cxredge.errors import printable
from cxredge.outputs import Outputs
from cxredge.parity.decisions import ExclusiveRule, Rule, rule_of
from cxredge.recipe_decision import NOT_JUDGED
from cxredge.vocabulary import ASKED_ONLY, Frozen, QualityKind

BAR = 12
FULL = 4.0
"""Logits of a full bar."""
LOOKS: dict[QualityKind, str] = {
    "inverted": "inverted",
    "upside-down": "upside down",
    "turned": "turned on its side",
    "mirrored": "mirrored",
}
WHAT_TO_DO: dict[QualityKind, str] = {
    "inverted": "black and white seem exchanged: export it again as it is, bones white",
    "upside-down": "hold it the other way up, or turn it by half a turn",
    "turned": "turn it upright, the neck up",
    "mirrored": "compare the film's own L or R marker; a heart on the right may be the patient's own",
}


class Finding(Frozen):
    """One label. ``margin`` is logit minus operating point: at or above zero is positive. Not a probability."""

    label: str
    logit: float
    operating_point: float
    margin: float
    positive: bool
    too_few: str | None
    """What the verdict says where the label's agreement rests on too few patients, or the films do not tell it."""


class ClassScore(Frozen):
    """One of several exclusive classes. ``log_odds``: against all others together."""

    label: str
    logit: float
    log_odds: float
    too_few: str | None
    """What the verdict says where the class's agreement rests on too few patients."""


class Accident(Frozen):
    """One accident of exporting or holding a film: ``flagged`` when the log-odds are at or above the threshold."""

    kind: QualityKind
    log_odds: float
    threshold: float
    flagged: bool


class FilmAnswer(Frozen):
    """What one artifact says of one film, whatever it decides. None: the model has no such output."""

    film: str
    film_sha256: str
    bundle: str
    artifact: str
    novelty: float | None
    novelty_threshold: float | None
    unlike_training_films: bool | None
    quality: tuple[Accident, ...] | None
    passed_over: tuple[str, ...]
    """What of the film's header is not what the model takes, where somebody chose to go on (``modality MR``)."""


class FilmFindings(FilmAnswer):
    """Independent findings."""

    decision: Literal["multi-label"] = "multi-label"
    findings: tuple[Finding, ...]

    @property
    def entries(self) -> tuple[Finding, ...]:
        """Every label's."""
        return self.findings

    @property
    def foremost(self) -> str:
        """The label furthest above its operating point, or least below."""
        return max(self.findings, key=lambda f: f.margin).label

    def words(self, label: str) -> str:
        """One label in a line."""
        found = next(f for f in self.findings if f.label == label)
        word = "positive" if found.positive else "negative"
        return f"{label}: {word}, {found.margin:+.2f} from operating point"

    def lines(self) -> list[str]:
        """One bar a label, centred on its operating point, full at a margin of ``FULL`` logits."""
        width = max(len(f.label) for f in self.findings)
        return [
            f"  {f.label:<{width}}  {bar(f.margin)}  {'positive' if f.positive else 'negative'}  "
            f"{f.margin:+.2f} from its operating point"
            for f in sorted(self.findings, key=lambda f: -f.margin)
        ]


class FilmClass(FilmAnswer):
    """One of several exclusive classes, or ``answer`` None: uncertain."""

    decision: Literal["single-label"] = "single-label"
    answer: str | None
    nearest: str
    """The class with the greatest logit: the answer, where there is one."""
    log_odds: float
    """Of ``nearest``: its margin."""
    least_margin: float
    """Log-odds below which the film is uncertain."""
    runner_up: str
    classes: tuple[ClassScore, ...]

    @property
    def entries(self) -> tuple[ClassScore, ...]:
        """Every class's."""
        return self.classes

    @property
    def foremost(self) -> str:
        """The nearest class."""
        return self.nearest

    def words(self, label: str) -> str:
        """One class in a line."""
        found = next(c for c in self.classes if c.label == label)
        said = "uncertain" if self.answer is None else f"answer {self.answer}"
        return f"{label}: log-odds {found.log_odds:+.2f}, {self.least_margin:.2f} is needed; {said}"

    def lines(self) -> list[str]:
        """The answer, then one bar a class, centred on the least margin."""
        margin = f"log-odds {self.log_odds:+.2f}, {self.least_margin:.2f} is needed; runner-up {self.runner_up}"
        head = f"  {self.answer}  ({margin})" if self.answer else f"  uncertain: nearest {self.nearest}  ({margin})"
        width = max(len(c.label) for c in self.classes)
        bars = [
            f"  {c.label:<{width}}  {bar(c.log_odds - self.least_margin)}  log-odds {c.log_odds:+.2f}"
            for c in sorted(self.classes, key=lambda c: -c.log_odds)
        ]
        return [head, *bars]


def bar(margin: float) -> str:
    """A margin as a bar to the right or, below zero, to the left."""
    filled = round(float(np.clip(abs(margin) / FULL, 0, 1)) * BAR)
    left, right = ("", "#" * filled) if margin >= 0 else ("#" * filled, "")
    return f"{left:>{BAR}}|{right:<{BAR}}"


def findings(
    model: Model,
    outputs: Outputs,
    film: str,
    film_sha256: str,
    bundle: str,
    artifact: str,
    too_few: Mapping[str, str],
    passed_over: Sequence[str] = (),
) -> FilmFindings | FilmClass:
    """outputs: of this one film (N = 1), those that the model has. too_few: of the artifact's manifest.

    passed_over: of ``acquisition.passing_over``.
    """
    rule = rule_of(model.names, model.decision)
    novelty = float(outputs["novelty"][0]) if model.novelty is not None else None
    common = {
        "film": film,
        "film_sha256": film_sha256,
        "bundle": bundle,
        "artifact": artifact,
        "novelty": novelty,
        "novelty_threshold": None if model.novelty is None else model.novelty.threshold,
        "unlike_training_films": (
            None if model.novelty is None or novelty is None else novelty > model.novelty.threshold
        ),
        "quality": _quality(model, outputs),
        "passed_over": tuple(passed_over),
    }
    if isinstance(rule, ExclusiveRule):
        return FilmClass.model_validate(common | _class(rule, outputs, too_few))
    return FilmFindings.model_validate(common | {"findings": _findings(rule, outputs, too_few)})


def _findings(rule: Rule, outputs: Outputs, too_few: Mapping[str, str]) -> list[Finding]:
    logits, called = outputs["logits"][0], rule.call(outputs["logits"])[0]
    return [
        Finding(
            label=name,
            logit=float(logits[i]),
            operating_point=float(rule.cut[i]),
            margin=float(logits[i]) - float(rule.cut[i]),
            positive=bool(called[i]),
            too_few=too_few.get(name),
        )
        for i, name in enumerate(rule.names)
    ]


def _class(rule: ExclusiveRule, outputs: Outputs, too_few: Mapping[str, str]) -> dict[str, object]:
    logits = outputs["logits"]
    (found,), odds = rule.answers(logits), rule.scores(logits)[0]
    classes = [
        ClassScore(label=name, logit=float(logits[0, i]), log_odds=float(odds[i]), too_few=too_few.get(name))
        for i, name in enumerate(rule.names)
    ]
    return {**found.model_dump(), "least_margin": float(rule.cut[0]), "classes": classes}


def _quality(model: Model, outputs: Outputs) -> list[Accident] | None:
    if model.quality is None:
        return None
    pairs = zip(model.quality, map(float, outputs["quality"][0]), strict=True)
    return [
        Accident(kind=spec.kind, log_odds=odds, threshold=spec.threshold, flagged=odds >= spec.threshold)
        for spec, odds in pairs
    ]


def suspicions(result: FilmAnswer) -> tuple[Accident, ...]:
    """Accidents whose thresholds are reached: first those that hold a film back, of these the likeliest first."""
    flagged = (a for a in result.quality or () if a.flagged)
    return tuple(sorted(flagged, key=lambda a: (a.kind in ASKED_ONLY, -a.log_odds)))


def held_back(result: FilmAnswer) -> bool:
    """Whether the film's answer waits until somebody looked at it: a suspicion that is more than a question."""
    return any(accident.kind not in ASKED_ONLY for accident in suspicions(result))


def looks(found: Sequence[Accident]) -> str:
    """What the film looks like, in words that follow "this film looks"; one suspicion at least."""
    return " or ".join(LOOKS[accident.kind] for accident in found)


def evidence(accident: Accident) -> str:
    """What a suspicion rests on, to stand in brackets."""
    return f"log-odds {accident.log_odds:+.2f}, threshold {accident.threshold:.2f}"


def other_kind(result: FilmAnswer) -> str:
    """That the film is of another kind than the model takes; of which comes first, for captions may be cut."""
    return f"{', '.join(result.passed_over)}: not the kind of film that this model takes"


def text(result: FilmFindings | FilmClass, phantom: bool) -> str:
    """Lines for a person."""
    lines = [f"{printable(result.film)}  ({result.bundle}, {result.artifact})"]
    for accident in suspicions(result):
        lines.append(f"  warning: this film looks {looks([accident])} ({evidence(accident)})")
        lines.append(f"    {WHAT_TO_DO[accident.kind]}")
    if held_back(result):
        lines.append("    do not rely on the findings:")
    lines += result.lines()
    if result.passed_over:
        lines.append(f"  warning: {other_kind(result)}; do not rely on the findings")
    if result.novelty is not None:
        scale = f"novelty {result.novelty:.2f}", f"threshold {result.novelty_threshold:.2f}"
        if result.unlike_training_films:
            warning = "this film is unlike the training films"
            lines.append(f"  warning: {warning} ({', '.join(scale)}): do not rely on the findings")
        else:
            lines.append(f"  {scale[0]} ({scale[1]})")
    else:
        lines.append("  this model does not notice films that are unlike its training films")
    unknown = [entry.label for entry in result.entries if entry.too_few == NOT_JUDGED]
    few = [entry.label for entry in result.entries if entry.too_few not in (None, NOT_JUDGED)]
    if few:
        lines.append(f"  agreement with the float32 model rests on too few patients: {', '.join(few)}")
    if unknown:
        lines.append(f"  agreement alone was measured, for the films had no ground truth: {', '.join(unknown)}")
    if result.quality is None:
        lines.append("  this model does not notice films that were exported or held wrongly")
    if phantom:
        lines.append("  this model learnt from phantoms only: its findings say nothing about people")
    return "\n".join(lines)
