"""Gates: the recipe's bounds, held against an artifact's figures."""

from __future__ import annotations

from collections.abc import Iterable

from cxredge.errors import InputError
from cxredge.evidence import Results
from cxredge.recipe import Gates, Recipe
from cxredge.results import Artifact, Figures, GateResult, Paired, Verdict

PERFECT_WHEN_NONE = ("logit_sqnr_db", "cam_sqnr_db")
"""Figures that have no finite value because nothing differs: they keep any lower bound."""
LOWER_BOUNDS = ("logit_sqnr_db", "cam_sqnr_db", "cam_correlation", "delegated")
LOSSES = {
    "auc_loss": "auc",
    "sensitivity_loss": "sensitivity",
    "specificity_loss": "specificity",
    "ece_rise": "ece",
    "brier_rise": "brier",
    "novelty_auc_loss": "novelty_auc",
}
"""Non-inferiority margins: the upper end of the loss's interval is what the bound is held against."""


def hold(gates: Gates, artifact: Artifact, figures: Figures) -> tuple[GateResult, ...]:
    """Every bound of ``gates`` that is set, judged."""
    return tuple(
        _gate(name, bound, artifact, figures) for name, bound in gates.model_dump().items() if bound is not None
    )


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
    wanted = recipe.artifacts() if results.kind == "host" else recipe.bundles.of(results.kind)
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
    return tuple(_again(found[name], records[name], recipe) for name in wanted)


def _again(verdict: Verdict, artifact: Artifact, recipe: Recipe) -> Verdict:
    if verdict.artifact_sha256 != artifact.sha256:
        raise InputError(
            "GATE-STUDENT",
            f"the figures of {artifact.name} are of another file than the results describe",
            "verify the bundle again; somebody changed the results file",
        )
    gates = hold(recipe.gates[artifact.scheme], artifact, verdict.figures)
    return verdict.model_copy(update={"gates": gates, "passed": kept(gates)})


def _gate(name: str, bound: float, artifact: Artifact, figures: Figures) -> GateResult:
    if name == "delegated":
        if artifact.delegation is None:
            return GateResult(gate=name, bound=bound, value=None, verdict="not-applicable")
        value: float | None = artifact.delegation.share()
    elif name in LOSSES:
        figure: Paired = getattr(figures, LOSSES[name])
        value = figure.high
    else:
        value = getattr(figures, name)
    if value is None:
        perfect = name in PERFECT_WHEN_NONE
        return GateResult(gate=name, bound=bound, value=None, verdict="kept" if perfect else "not-shown")
    holds = value >= bound if name in LOWER_BOUNDS else value <= bound
    if name in LOSSES:
        holds = value < bound  # a margin is kept by what stays under it; a plain bound may be met exactly
    return GateResult(gate=name, bound=bound, value=value, verdict="kept" if holds else "broken")
