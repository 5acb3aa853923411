"""Gates: the recipe's bounds, held against an artifact's figures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from cxredge.errors import InputError
from cxredge.evidence import Results
from cxredge.evidence_chance import Chance
from cxredge.metrics import BETTER_THAN_CHANCE, METRICS, Metric, by_gate
from cxredge.parity.formulas import formula_of
from cxredge.recipe import Recipe
from cxredge.results import Artifact, Figures, GateResult, Paired, Verdict


def hold(recipe: Recipe, artifact: Artifact, figures: Figures) -> tuple[GateResult, ...]:
    """Every bound that ``recipe`` sets for the artifact's scheme, judged.

    Not applicable by the student's nature: bounds of classes on independent findings, bounds of maps or of a novelty
    score where the recipe says that there are none.
    """
    gates = recipe.gates[artifact.scheme]
    bounds = [(m, getattr(gates, m.gate)) for m in METRICS]
    return tuple(
        _gate(metric, bound, artifact, figures)
        if _applies(metric, recipe)
        else GateResult(gate=metric.gate, bound=bound, value=None, verdict="not-applicable")
        for metric, bound in bounds
        if bound is not None
    )


def _applies(metric: Metric, recipe: Recipe) -> bool:
    if metric.of == "classes" and recipe.labels.kind == "multi-label":
        return False
    return metric.output in recipe.outputs


def hold_chance(recipe: Recipe, chance: Chance | None) -> tuple[GateResult, ...]:
    """That the reference is better than chance, which every recipe asks that does not allow chance.

    chance: what was measured of it; None: nothing was, in results of an older version.
    """
    if recipe.evaluation.chance == "allowed":
        return ()
    figure = None if chance is None else chance.figure
    bound = 0.0 if figure is None else figure.chance
    if figure is None or figure.low is None:
        return (GateResult(gate=BETTER_THAN_CHANCE, bound=bound, value=None, verdict="not-shown"),)
    verdict: Literal["kept", "broken"] = "kept" if figure.standing == "better" else "broken"
    return (GateResult(gate=BETTER_THAN_CHANCE, bound=bound, value=figure.low, verdict=verdict),)


def counted_elsewhere(gate: GateResult) -> bool:
    """Whether a gate counts on films that the bundle was not built with: a plain bound, on how alike the outputs are.

    The margins of losses were set for the patients of the evaluation films, and a loss needs labels and enough patients
    to be shown; the student itself is not what a bundle's gates are on there.
    """
    return gate.gate != BETTER_THAN_CHANCE and not by_gate(gate.gate).paired


def of_labels(gate: GateResult) -> bool:
    """Whether a gate bounds a figure that labels tell."""
    return gate.gate != BETTER_THAN_CHANCE and by_gate(gate.gate).of in ("labels", "classes")


def kept(gates: Iterable[GateResult]) -> bool:
    """Whether none is broken and none could not be shown."""
    return all(gate.verdict in ("kept", "not-applicable") for gate in gates)


def rejudge(results: Results, recipe: Recipe) -> tuple[Verdict, ...]:
    """The figures of ``results`` held against the gates of ``recipe``, as they are now.

    Raises InputError GATE-STUDENT (the results are of other weights), or GATE-MISSING (an artifact of the recipe that
    a bundle of this kind holds has no figures).
    """
    if results.weights_sha256 != recipe.weights.sha256:
        raise InputError(
            "GATE-STUDENT",
            f"the results of {results.bundle} are of a student with weights {results.weights_sha256[:12]}…, the recipe "
            f"{recipe.name} has {recipe.weights.sha256[:12]}…",
            "verify a bundle that was built from this recipe",
        )
    wanted = recipe.artifacts()
    if results.kind != "host" and results.kind != "failed":
        wanted = recipe.bundles.of(results.kind)
    records = {artifact.name: artifact for artifact in results.artifacts}
    found = {verdict.artifact: verdict for verdict in results.verdicts if verdict.artifact in records}
    missing = [name for name in wanted if name not in found]
    if missing:
        raise InputError(
            "GATE-MISSING",
            f"the results of {results.bundle} hold no figures of {', '.join(missing)}, which {recipe.name} builds",
            "verify a bundle with all artifacts of the recipe",
            sorted(found),
        )
    chance = hold_chance(recipe, results.chance)
    again = (_again(found[name], records[name], recipe, chance) for name in wanted)
    return tuple(again if results.other_films is None else map(_elsewhere, again))


def _again(verdict: Verdict, artifact: Artifact, recipe: Recipe, chance: tuple[GateResult, ...]) -> Verdict:
    if verdict.artifact_sha256 != artifact.sha256:
        raise InputError(
            "GATE-STUDENT",
            f"the figures of {artifact.name} are of another file than the results describe",
            "verify the bundle again; somebody changed the results file",
        )
    gates = (*hold(recipe, artifact, verdict.figures), *chance)
    return verdict.model_copy(update={"gates": gates, "passed": kept(gates)})


def _elsewhere(verdict: Verdict) -> Verdict:
    gates = tuple(filter(counted_elsewhere, verdict.gates))
    return verdict.model_copy(update={"gates": gates, "passed": kept(gates)})


def _gate(metric: Metric, bound: float, artifact: Artifact, figures: Figures) -> GateResult:
    if metric.of == "artifact":
        value: float | None = formula_of(metric)(artifact)
    elif metric.paired:
        paired: Paired | None = getattr(figures, metric.name)
        value = None if paired is None else paired.high
    else:
        value = getattr(figures, metric.name)
    weak = metric.weakness(bound)
    if value is None:
        # a file without the output was not measured by it, whatever an absent value means elsewhere
        without = None if artifact.lacks(metric.output) and metric.of != "artifact" else metric.none
        return GateResult(gate=metric.gate, bound=bound, value=None, verdict=without or "not-shown", weak=weak)
    holds = value >= bound if metric.at_least else value <= bound
    if metric.paired:
        holds = value < bound  # a margin is kept by what stays under it; a plain bound may be met exactly
    return GateResult(gate=metric.gate, bound=bound, value=value, verdict="kept" if holds else "broken", weak=weak)
