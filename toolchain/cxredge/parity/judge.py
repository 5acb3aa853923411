"""Judging: what an artifact said of some lists of pictures, against what the reference said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.evidence import Temperature
from cxredge.evidence_chance import Chance
from cxredge.metrics import metrics_of
from cxredge.outputs import OutputsFile
from cxredge.parity import gates
from cxredge.parity.chance import student_chance
from cxredge.parity.decisions import rule_of, ups_and_downs
from cxredge.parity.formulas import formula_of
from cxredge.parity.measures import Measures, measure
from cxredge.parity.paired import BOOTSTRAP
from cxredge.parity.pairs import Both, FilmFacts, Pair
from cxredge.parity.quality_figures import Tried, quality_figures
from cxredge.recipe import Recipe
from cxredge.results import Artifact, BootstrapSpec, Figures, Paired, Verdict
from cxredge.vocabulary import ArtifactName


@dataclass(frozen=True)
class Answers:
    """What one artifact, or the reference, said: of films to be judged on, of others, of what are no such films, and of
    films to be judged on that were exported or held wrongly."""

    evaluation: OutputsFile
    validation: OutputsFile | None
    """None: of films that the bundle was not built with, there are no others to fit anything on."""
    out_of_distribution: OutputsFile | None
    """None: there is no novelty score to try on them."""
    accidents: OutputsFile | None = None
    """None: there is no quality output to try on them."""


@dataclass(frozen=True)
class Shown:
    """The films behind ``Answers``, in the order of the outputs, and to whom each picture of another kind belongs."""

    evaluation: Sequence[FilmFacts]
    validation: Sequence[FilmFacts]
    out_of_distribution: Sequence[str]
    """Pictures of one group are not independent. Empty without a novelty score."""
    accidents: Sequence[int] = ()
    """Places of the evaluation films that the films with accidents were made of, in the order of each kind. Empty
    without a quality output."""


@dataclass(frozen=True)
class Judged:
    """One artifact's verdict, and what it was measured from."""

    verdict: Verdict
    measures: Measures
    chance: Chance | None
    """Whether the reference does better than chance: the same for every artifact. None: the films tell no label."""


def judge(
    recipe: Recipe,
    artifact: Artifact,
    shown: Shown,
    reference: Answers,
    other: Answers,
    bootstrap: BootstrapSpec = BOOTSTRAP,
    against_chance: Chance | None = None,
    noise: NDArray[np.float64] | None = None,
) -> Judged:
    """Hold ``other`` against ``reference`` and against the recipe's gates.

    against_chance: what ``reference_chance`` says, where several artifacts are judged; None: it is asked here. noise:
    the reference's own (``Rule.noise``), by which flips are explained; None: they are not, and no gate asks for it.
    Raises InputError PARITY-ARTIFACT (the outputs are another artifact's), PARITY-FILMS (of other films, or in another
    order), PARITY-SHAPE, STATISTICS-SHAPE or STATISTICS-VALUE.
    """
    _check(artifact, reference.evaluation, other.evaluation)
    if reference.validation is None or other.validation is None:
        raise InputError(
            "PARITY-FILMS", f"{artifact.name} was not run on the validation films", "run both on the same films again"
        )
    _check(artifact, reference.validation, other.validation)
    for what, one, two in (
        ("pictures that are no such films", reference.out_of_distribution, other.out_of_distribution),
        ("films with accidents", reference.accidents, other.accidents),
    ):
        if one is not None and two is not None:
            _check(artifact, one, two)
        elif one is not two:
            raise InputError(
                "PARITY-FILMS",
                f"of {artifact.name} and the reference one alone was run on {what}",
                "run both on the same films again",
            )

    evaluation = pair_of(recipe, shown.evaluation, reference.evaluation, other.evaluation)
    validation = pair_of(recipe, shown.validation, reference.validation, other.validation)
    measured = measure(recipe, evaluation, validation, bootstrap, noise)
    figures = _figures(recipe, shown, reference, other, measured)
    own = against_chance or reference_chance(recipe, shown, reference, bootstrap)
    held = (*gates.hold(recipe, artifact, figures), *gates.hold_chance(recipe, own))
    verdict = Verdict(
        artifact=artifact.name,
        artifact_sha256=artifact.sha256,
        runtime=other.evaluation.runtime,
        figures=figures,
        gates=held,
        passed=gates.kept(held),
    )
    return Judged(verdict, measured, own)


def judge_elsewhere(
    recipe: Recipe,
    artifact: Artifact,
    films: Sequence[FilmFacts],
    reference: OutputsFile,
    other: OutputsFile,
    temperature: Temperature,
    against_chance: Chance | None,
    noise: NDArray[np.float64] | None = None,
    bootstrap: BootstrapSpec = BOOTSTRAP,
) -> Judged:
    """``judge`` on films that the bundle was not built with: its verdict holds ``gates.counted_elsewhere`` alone.

    recipe: its labels are judged as these films tell them. temperature: that of the bundle, on whose validation films
    it was fitted. Raises as ``judge`` does.
    """
    _check(artifact, reference, other)
    measured = measure(recipe, pair_of(recipe, films, reference, other), temperature, bootstrap, noise)
    said = Answers(reference, None, None), Answers(other, None, None)
    figures = _figures(recipe, Shown(films, (), ()), *said, measured)
    held = tuple(filter(gates.counted_elsewhere, gates.hold(recipe, artifact, figures)))
    verdict = Verdict(
        artifact=artifact.name,
        artifact_sha256=artifact.sha256,
        runtime=other.runtime,
        figures=figures,
        gates=held,
        passed=gates.kept(held),
    )
    return Judged(verdict, measured, against_chance)


def pair_of(recipe: Recipe, films: Sequence[FilmFacts], one: OutputsFile, two: OutputsFile) -> Pair:
    """The logits of two outputs files of the same films, judged by the labels that the recipe's films tell."""
    return Pair(films, one.outputs["logits"], two.outputs["logits"], recipe.labels.places_not_judged)


def reference_chance(recipe: Recipe, shown: Shown, reference: Answers, bootstrap: BootstrapSpec = BOOTSTRAP) -> Chance:
    """Whether the reference does better than chance on the evaluation films. Raises what ``chance`` raises."""
    films, logits = shown.evaluation, reference.evaluation.outputs["logits"]
    pair = Pair(films, logits, logits)
    return student_chance(recipe, pair.truth, logits, pair.patients, bootstrap)


def chance_of(judged: Mapping[ArtifactName, Judged]) -> Chance | None:
    """What was found of the reference that all were held against; None where nothing was judged."""
    return next((one.chance for one in judged.values()), None)


def _check(artifact: Artifact, reference: OutputsFile, other: OutputsFile) -> None:
    if other.artifact_sha256 != artifact.sha256:
        raise InputError(
            "PARITY-ARTIFACT",
            f"the outputs are of {other.artifact} ({other.artifact_sha256[:12]}…), not of {artifact.sha256[:12]}…",
            "run this artifact on the films",
        )
    if reference.films_sha256 != other.films_sha256:
        raise InputError(
            "PARITY-FILMS",
            f"outputs of {other.artifact} and of the reference are of different films, or in another order",
            "run both on the same films again",
        )
    for name in sorted({*reference.outputs, *other.outputs}):
        shapes = [found.outputs[name].shape if name in found.outputs else "absent" for found in (other, reference)]
        if shapes[0] != shapes[1]:
            raise InputError(
                "PARITY-SHAPE",
                f"{name} of {other.artifact} is {shapes[0]}, the reference's is {shapes[1]}",
                "build the artifact from this student",
            )


def _out_of_distribution(
    shown: Shown, reference: Answers, other: Answers, bootstrap: BootstrapSpec
) -> dict[str, Paired | None]:
    metrics = metrics_of("out-of-distribution")
    if reference.out_of_distribution is None or other.out_of_distribution is None:
        return dict.fromkeys(m.name for m in metrics)
    novelty = Both(reference.evaluation.outputs["novelty"], other.evaluation.outputs["novelty"])
    strange = Both(reference.out_of_distribution.outputs["novelty"], other.out_of_distribution.outputs["novelty"])
    owners = [*(film.patient for film in shown.evaluation), *shown.out_of_distribution]
    return {m.name: formula_of(m)(novelty, strange, owners, bootstrap) for m in metrics}


def _tried(recipe: Recipe, shown: Shown, reference: Answers, other: Answers) -> Tried | None:
    """None without a quality output, or where nobody tried it."""
    if recipe.quality is None or reference.accidents is None or other.accidents is None:
        return None
    patients = [film.patient for film in shown.evaluation]
    return Tried(
        accidents=Both(reference.accidents.outputs["quality"], other.accidents.outputs["quality"]),
        ordinary=Both(reference.evaluation.outputs["quality"], other.evaluation.outputs["quality"]),
        owners=[patients[at] for at in shown.accidents],
        patients=patients,
        thresholds=recipe.quality.thresholds,
    )


def _figures(recipe: Recipe, shown: Shown, reference: Answers, other: Answers, measured: Measures) -> Figures:
    r, o = reference.evaluation.outputs, other.evaluation.outputs
    rule = rule_of(recipe.labels.names, recipe.decision)
    before, after = rule.call(r["logits"]), rule.call(o["logits"])
    differs = rule.differ(before, after)
    tried, bootstrap = _tried(recipe, shown, reference, other), measured.bootstrap
    values: dict[str, Any] = {
        **{m.name: formula_of(m)(r, o) for m in metrics_of("outputs")},
        **{m.name: formula_of(m)(differs) for m in metrics_of("decisions")},
        **{m.name: getattr(measured.macro, m.name) for m in metrics_of("labels")},
        **measured.classes,
        **_out_of_distribution(shown, reference, other, bootstrap),
        **{m.name: None if tried is None else formula_of(m)(tried, bootstrap) for m in metrics_of("accidents")},
        "quality": () if tried is None else quality_figures(tried, bootstrap),
    }
    return Figures(
        films=len(r["logits"]),
        decisions=differs.size,
        flips=int(differs.sum()),
        flips_by_label=ups_and_downs(before, after, rule.names),
        labels_too_few=measured.labels_too_few,
        **values,
    )
