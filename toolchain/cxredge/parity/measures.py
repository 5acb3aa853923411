"""The figures of every label and their means: what gates bound, and what the evidence shows, from one computation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.evidence import Flip, LabelEvidence, Temperature
from cxredge.metrics import metrics_of
from cxredge.parity import decisions
from cxredge.parity.formulas import Answered, formula_of
from cxredge.parity.paired import BOOTSTRAP, compare, too_few
from cxredge.parity.pairs import Pair
from cxredge.recipe import Labels, Recipe
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
    flips: tuple[Flip, ...]
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
    kind, cut = recipe.labels.kind, decisions.thresholds(names, recipe.operating_points)
    scaling = temperature(validation, recipe.labels)
    truth, patients = evaluation.truth, evaluation.patients

    def statistics(logits: NDArray[np.float32], temperature: float) -> dict[str, Statistic]:
        called, chances = decisions.decide(logits, cut), probabilities(logits, kind, temperature)
        answered = Answered(truth, logits, called, chances)
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
    flips = decisions.each_flip(evaluation, names, cut)

    def evidence(label: str | None, positive: NDArray[np.bool_], figures: dict[str, Any]) -> LabelEvidence:
        """positive: bool[N, 1], or of all labels bool[N, C]."""
        own = [flip for flip in flips if label in (None, flip.label)]
        return LabelEvidence(
            label=label,
            films=len(truth),
            patients=len(set(patients)),
            positives=int(positive.sum()),
            positive_patients=len({patients[i] for i in np.flatnonzero(positive.any(1))}),
            **figures,
            flips_up=sum(flip.up for flip in own),
            flips_down=sum(not flip.up for flip in own),
            flips_explained=sum(flip.explained for flip in own),
            points=None if label is None else recipe.operating_points[label],
        )

    level = bootstrap.level
    return Measures(
        labels=tuple(
            evidence(name, truth[:, [i]], {f: figure.label(i, level, few[i]) for f, figure in compared.items()})
            for i, name in enumerate(names)
        ),
        macro=evidence(None, truth, {f: figure.mean(shown, level) for f, figure in compared.items()}),
        labels_too_few={name: reason for name, reason in zip(names, few, strict=True) if reason is not None},
        temperature=scaling,
        flips=flips,
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
