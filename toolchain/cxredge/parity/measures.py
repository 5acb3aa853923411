"""The figures of every label and their means: what gates bound, and what the evidence shows, from one computation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.evidence import ClassFlip, Flip, LabelEvidence, Temperature
from cxredge.metrics import metrics_of
from cxredge.parity.decisions import rule_of, ups_and_downs
from cxredge.parity.formulas import Answered, formula_of
from cxredge.parity.paired import BOOTSTRAP, compare, too_few
from cxredge.parity.pairs import Pair
from cxredge.recipe import Recipe
from cxredge.recipe_decision import Labels
from cxredge.results import BootstrapSpec
from cxredge.statistics.bootstrap import Statistic
from cxredge.statistics.probabilities import fit_temperature, mean_nll, probabilities


@dataclass(frozen=True)
class Measures:
    """What was measured of one artifact's logits. ``macro`` has the means that ``results.Figures`` carries."""

    labels: tuple[LabelEvidence, ...]
    macro: LabelEvidence
    labels_too_few: dict[str, str]
    """Labels that the means leave out, and why."""
    temperature: Temperature
    flips: tuple[Flip | ClassFlip, ...]
    bootstrap: BootstrapSpec


def measure(recipe: Recipe, evaluation: Pair, validation: Pair, bootstrap: BootstrapSpec = BOOTSTRAP) -> Measures:
    """Measure ``evaluation``; ``validation`` (other films) sets the temperatures, and nothing else.

    In ``macro`` the figures are means over the labels with enough patients; counts of positives and flips are over all
    labels. Raises InputError PARITY-SHAPE when the logits are not of the recipe's labels.
    """
    names = recipe.labels.names
    for pair in (evaluation, validation):
        if pair.reference.shape[1] != len(names):
            raise InputError(
                "PARITY-SHAPE",
                f"the logits are of {pair.reference.shape[1]} labels, the recipe has {len(names)}",
                "build the artifact from this student",
            )
    metrics = metrics_of("labels")
    kind, rule = recipe.labels.kind, rule_of(names, recipe.decision)
    scaling = temperature(validation, recipe.labels)
    truth, patients = evaluation.truth, evaluation.patients

    def statistics(logits: NDArray[np.float32], temperature: float) -> dict[str, Statistic]:
        chances = probabilities(logits, kind, temperature)
        answered = Answered(truth, rule.scores(logits), rule.call(logits), chances)
        return {metric.name: formula_of(metric)(answered) for metric in metrics}

    compared = compare(
        statistics(evaluation.reference, scaling.reference),
        statistics(evaluation.artifact, scaling.artifact),
        [metric.name for metric in metrics if metric.worse == "more"],
        patients,
        bootstrap,
    )
    few = too_few(truth, patients)
    shown = np.array([reason is None for reason in few])
    moved = ups_and_downs(rule.call(evaluation.reference), rule.call(evaluation.artifact), names)
    explained = (rule.called_otherwise(evaluation) & rule.explained(evaluation)).sum(0)

    def evidence(label: str | None, columns: Sequence[int], figures: dict[str, Any]) -> LabelEvidence:
        """columns: the label's place, or all labels'."""
        positive = truth[:, columns]
        return LabelEvidence(
            label=label,
            films=len(truth),
            patients=len(set(patients)),
            positives=int(positive.sum()),
            positive_patients=len({patients[i] for i in np.flatnonzero(positive.any(1))}),
            **figures,
            flips_up=sum(moved[names[i]][0] for i in columns),
            flips_down=sum(moved[names[i]][1] for i in columns),
            flips_explained=int(explained[columns].sum()),
            points=None if label is None else recipe.operating_points.get(label),
        )

    level = bootstrap.level
    return Measures(
        labels=tuple(
            evidence(name, [i], {f: figure.label(i, level, few[i]) for f, figure in compared.items()})
            for i, name in enumerate(names)
        ),
        macro=evidence(None, list(range(len(names))), {f: figure.mean(shown, level) for f, figure in compared.items()}),
        labels_too_few={name: reason for name, reason in zip(names, few, strict=True) if reason is not None},
        temperature=scaling,
        flips=rule.flips(evaluation),
        bootstrap=bootstrap,
    )


def temperature(validation: Pair, labels: Labels) -> Temperature:
    """Each model's own temperature on the validation films."""
    truth, kind = validation.truth, labels.kind
    reference, artifact = (fit_temperature(truth, x, kind) for x in (validation.reference, validation.artifact))
    return Temperature(
        reference=reference,
        artifact=artifact,
        films=len(truth),
        nll_before=mean_nll(truth, validation.artifact, kind),
        nll_after=mean_nll(truth, validation.artifact, kind, artifact),
    )
