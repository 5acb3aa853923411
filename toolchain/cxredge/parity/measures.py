"""The figures of every label and their means: what gates bound, and what the evidence shows, from one computation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError, counted
from cxredge.evidence import LabelEvidence, Temperature
from cxredge.evidence_decisions import ClassFlip, Confusion, Flip
from cxredge.metrics import metrics_of
from cxredge.parity.classes import confusion, too_few_answers
from cxredge.parity.decisions import ExclusiveRule, rule_of, ups_and_downs
from cxredge.parity.formulas import Answered, formula_of
from cxredge.parity.paired import BOOTSTRAP, UNKNOWN, compare, too_few
from cxredge.parity.pairs import Pair
from cxredge.recipe import Recipe
from cxredge.recipe_decision import Labels
from cxredge.results import BootstrapSpec, Paired
from cxredge.statistics.bootstrap import Statistic
from cxredge.statistics.probabilities import fit_temperature, mean_nll, probabilities


@dataclass(frozen=True)
class Measures:
    """What was measured of one artifact's logits. ``macro`` has the means that ``results.Figures`` carries."""

    labels: tuple[LabelEvidence, ...]
    macro: LabelEvidence
    labels_too_few: dict[str, str]
    """Labels that the means leave out, and why."""
    classes: dict[str, Paired]
    """Figures of exclusive classes by metric; empty for independent findings."""
    temperature: Temperature
    flips: tuple[Flip | ClassFlip, ...]
    confusion: Confusion | None
    """None for independent findings."""
    bootstrap: BootstrapSpec


def measure(
    recipe: Recipe,
    evaluation: Pair,
    validation: Pair | Temperature,
    bootstrap: BootstrapSpec = BOOTSTRAP,
    noise: NDArray[np.float64] | None = None,
) -> Measures:
    """Measure ``evaluation``; ``validation`` (other films, or what was fitted on them) sets the temperatures alone.

    In ``macro`` the figures are means over the labels with enough patients; counts of positives are over all labels
    that are judged, counts of flips over all. noise: the reference's own (``Rule.noise``), by which flips are
    explained; None: it was not measured. Raises InputError PARITY-SHAPE when the logits are not of the recipe's labels.
    """
    names = recipe.labels.names
    for pair in (evaluation, validation):
        if isinstance(pair, Pair) and pair.reference.shape[1] != len(names):
            raise InputError(
                "PARITY-SHAPE",
                f"the logits are of {counted(pair.reference.shape[1], 'label')}, the recipe has {len(names)}",
                "build the artifact from this student",
            )
    kind, rule = recipe.labels.kind, rule_of(names, recipe.decision)
    of_labels, of_classes = metrics_of("labels"), metrics_of("classes") if isinstance(rule, ExclusiveRule) else ()
    metrics = (*of_labels, *of_classes)
    scaling = validation if isinstance(validation, Temperature) else temperature(validation, recipe.labels)
    truth, patients = evaluation.truth, evaluation.patients

    before, after = rule.call(evaluation.reference), rule.call(evaluation.artifact)

    def statistics(logits: NDArray[np.float32], called: NDArray[np.bool_], temperature: float) -> dict[str, Statistic]:
        answered = Answered(truth, rule.scores(logits), called, probabilities(logits, kind, temperature))
        return {metric.name: formula_of(metric)(answered) for metric in metrics}

    compared = compare(
        statistics(evaluation.reference, before, scaling.reference),
        statistics(evaluation.artifact, after, scaling.artifact),
        [metric.name for metric in metrics if metric.worse == "more"],
        patients,
        bootstrap,
    )
    judged = evaluation.judged
    few = too_few(truth, patients, judged=judged)
    shown = np.array([reason is None for reason in few])
    moved = ups_and_downs(before, after, names)
    explained = None if noise is None else ((before != after) & rule.explained(evaluation, noise)).sum(0)

    def evidence(label: str | None, columns: Sequence[int], figures: dict[str, Any]) -> LabelEvidence:
        """columns: the label's place, or all labels'."""
        told = [i for i in columns if judged[i]]
        positive = truth[:, told]
        return LabelEvidence(
            label=label,
            films=len(truth),
            patients=len(set(patients)),
            positives=int(positive.sum()) if told else None,
            positive_patients=len({patients[i] for i in np.flatnonzero(positive.any(1))}) if told else None,
            **figures,
            flips_up=sum(moved[names[i]][0] for i in columns),
            flips_down=sum(moved[names[i]][1] for i in columns),
            flips_explained=None if explained is None else int(explained[columns].sum()),
            noise=None if noise is None or label is None else float(noise[columns[0]]),
            points=None if label is None else recipe.operating_points.get(label),
        )

    level, figures = bootstrap.level, {m.name: compared[m.name] for m in of_labels}
    return Measures(
        labels=tuple(
            evidence(
                name,
                [i],
                {f: figure.label(i, level, few[i]) if judged[i] else UNKNOWN for f, figure in figures.items()},
            )
            for i, name in enumerate(names)
        ),
        macro=evidence(None, list(range(len(names))), {f: figure.mean(shown, level) for f, figure in figures.items()}),
        labels_too_few={name: reason for name, reason in zip(names, few, strict=True) if reason is not None},
        classes={
            m.name: compared[m.name].label(0, level, too_few_answers(m.name, (before, after), patients))
            if judged.any()
            else UNKNOWN
            for m in of_classes
        },
        temperature=scaling,
        flips=rule.flips(evaluation, noise),
        confusion=confusion(names, truth, before, after) if isinstance(rule, ExclusiveRule) and judged.any() else None,
        bootstrap=bootstrap,
    )


def temperature(validation: Pair, labels: Labels) -> Temperature:
    """Each model's own temperature on the validation films, over the labels that are judged."""
    if not validation.judged.any():
        return Temperature(reference=1, artifact=1, films=0, nll_before=None, nll_after=None)
    told, kind = validation.judged, labels.kind
    truth, after = validation.truth[:, told], validation.artifact[:, told]
    reference, artifact = (fit_temperature(truth, x, kind) for x in (validation.reference[:, told], after))
    return Temperature(
        reference=reference,
        artifact=artifact,
        films=len(truth),
        nll_before=mean_nll(truth, after, kind),
        nll_after=mean_nll(truth, after, kind, artifact),
    )
