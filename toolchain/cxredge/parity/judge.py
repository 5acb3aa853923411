"""Judging: outputs of an artifact against outputs of the reference, figure by figure and gate by gate."""

from __future__ import annotations

from cxredge.errors import InputError
from cxredge.outputs import OutputsFile
from cxredge.parity import decisions, numerics
from cxredge.recipe import Gates, Recipe
from cxredge.results import Artifact, Figures, GateResult, Verdict

# a figure that has no finite value because nothing differs keeps any lower bound
_PERFECT_WHEN_NONE = ("logit_sqnr_db", "cam_sqnr_db")
_LOWER_BOUNDS = ("logit_sqnr_db", "cam_sqnr_db", "cam_correlation", "delegated")


def figures(recipe: Recipe, reference: OutputsFile, other: OutputsFile) -> Figures:
    """Parity figures of ``other`` against ``reference``.

    Raises InputError PARITY-FILMS when the two are not of the same films in the same order, and PARITY-SHAPE.
    """
    if reference.films_sha256 != other.films_sha256:
        raise InputError(
            "PARITY-FILMS",
            f"outputs of {other.artifact} and of the reference are of different films, or in another order",
            "run both on the same films again",
        )
    r, o = reference.outputs, other.outputs
    for name in r:
        if r[name].shape != o[name].shape:
            raise InputError(
                "PARITY-SHAPE",
                f"{name} of {other.artifact} is {o[name].shape}, the reference's is {r[name].shape}",
                "build the artifact from this student",
            )
    names = recipe.labels.names
    cut = decisions.thresholds(names, recipe.operating_points)
    flipped = decisions.flips(decisions.decide(r["logits"], cut), decisions.decide(o["logits"], cut), names)
    count = sum(up + down for up, down in flipped.values())
    return Figures(
        films=len(r["logits"]),
        logit_max_abs=numerics.max_abs(r["logits"], o["logits"]),
        logit_sqnr_db=numerics.sqnr_db(r["logits"], o["logits"]),
        cam_sqnr_db=numerics.sqnr_db(r["cam"], o["cam"]),
        cam_correlation=numerics.median_map_correlation(r["cam"], o["cam"]),
        novelty_max_rel=numerics.max_relative(r["novelty"], o["novelty"]),
        decisions=r["logits"].size,
        flips=count,
        flip_rate=count / r["logits"].size,
        flips_by_label=flipped,
    )


def judge(recipe: Recipe, artifact: Artifact, reference: OutputsFile, other: OutputsFile) -> Verdict:
    """The verdict on one artifact. Raises InputError PARITY-ARTIFACT when the outputs are another artifact's."""
    if other.artifact_sha256 != artifact.sha256:
        raise InputError(
            "PARITY-ARTIFACT",
            f"the outputs are of {other.artifact} ({other.artifact_sha256[:12]}…), not of {artifact.sha256[:12]}…",
            "run this artifact on the films",
        )
    found = figures(recipe, reference, other)
    values = found.model_dump()
    if artifact.delegation is not None:
        values["delegated"] = artifact.delegation.share()
    gates = tuple(_gate(name, bound, values) for name, bound in _bounds(recipe.gates[artifact.scheme]))
    return Verdict(
        artifact=artifact.name,
        artifact_sha256=artifact.sha256,
        runtime=other.runtime,
        figures=found,
        gates=gates,
        passed=all(g.verdict in ("kept", "not-applicable") for g in gates),
    )


def _bounds(gates: Gates) -> list[tuple[str, float]]:
    return [(name, bound) for name, bound in gates.model_dump().items() if bound is not None]


def _gate(name: str, bound: float, values: dict[str, float | None]) -> GateResult:
    if name not in values:
        return GateResult(gate=name, bound=bound, value=None, verdict="not-applicable")
    value = values[name]
    if value is None:
        kept = name in _PERFECT_WHEN_NONE
        return GateResult(gate=name, bound=bound, value=None, verdict="kept" if kept else "not-shown")
    holds = value >= bound if name in _LOWER_BOUNDS else value <= bound
    return GateResult(gate=name, bound=bound, value=value, verdict="kept" if holds else "broken")
