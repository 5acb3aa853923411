"""One build: materialize the pipeline, judge, and bundle what kept its gates, or what did not, to be looked into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cxredge.bundle.assemble import assemble
from cxredge.bundle.bundle import foreign, not_failed
from cxredge.bundle.manifest import FAILED, AnyManifest, BundleKind
from cxredge.errors import InputError
from cxredge.evidence_chance import Chance
from cxredge.files import check_replaceable, remove_directory
from cxredge.parity.judge import chance_of
from cxredge.places import check_apart, check_outputs
from cxredge.recipe_edits import left_to_write
from cxredge.results import Artifact, Verdict
from cxredge.stages import STAGES, Cache
from cxredge.vocabulary import APP_TARGETS, AppKind
from cxredge.workers.fork_server import ForkServer
from cxredge.workflows.materialize import materialize
from cxredge.workflows.parts import bundle_parts
from cxredge.workflows.pipeline import recipe_pipeline


@dataclass(frozen=True)
class Built:
    """How a build ended: verdicts in the recipe's order, and the bundles that were written."""

    judged: tuple[tuple[Artifact, Verdict], ...]
    bundles: tuple[tuple[Path, AnyManifest], ...]
    """Where a gate was not kept, one of kind ``failed``, which nothing signs or ships."""
    chance: Chance | None
    """Whether the student itself does better than chance."""
    unwritten: tuple[str, ...]
    """Keys of the recipe that nobody has written yet."""

    @property
    def passed(self) -> bool:
        """Whether every artifact kept its gates."""
        return all(verdict.passed for _, verdict in self.judged)


def build_recipe(
    place: Path, targets: tuple[str, ...], schemes: tuple[str, ...], out: Path, assets: Mapping[AppKind, Path]
) -> Built:
    """Build a recipe, or some targets and schemes of it, into ``out/<name>-<version>`` (and ``-<app>`` beside it).

    assets: folders that get a copy of an app's bundle. Where a gate is not kept, the last good bundles stay as they
    are, and ``out/<name>-<version>-failed`` is written instead, which goes with the next build that keeps every gate.

    Raises what any stage raises; when several jobs fail, the error of the first, with the others named. Raises
    InputError BUILD-APP when an app's bundle is wanted and not all of its artifacts are built; OUTPUT-* and PATH-WRITE,
    before anything is made, where a bundle cannot go.
    """
    pipeline = recipe_pipeline(place, targets, schemes)
    recipe = pipeline.recipe
    apps = [
        kind for kind in APP_TARGETS if recipe.bundles.of(kind) and set(recipe.bundles.of(kind)) <= {*pipeline.names}
    ]
    for kind in assets:
        if kind not in apps:
            needed = ", ".join(recipe.bundles.of(kind)) or f"artifacts, and bundles.{kind} of {recipe.name} lists none"
            raise InputError(
                "BUILD-APP",
                f"the {kind} bundle needs {needed}; this build makes {', '.join(pipeline.names)}",
                f"build without --targets and --schemes, from a recipe with bundles.{kind}",
            )
    goal = out / f"{recipe.name}-{recipe.version}"
    goals: list[tuple[BundleKind, Path]] = [("host", goal)]
    for kind in apps:
        goals += [(kind, goal.with_name(f"{goal.name}-{kind}"))]
        goals += [(kind, assets[kind])] if kind in assets else []
    store = Cache()
    remains = goal.with_name(f"{goal.name}-{FAILED}")
    places = [*(place for _, place in goals), remains]
    check_outputs(places, pipeline.inputs)
    check_apart([*places, store.root / STAGES], pipeline.inputs)
    for place in places:
        check_replaceable(place, not_failed if place == remains else foreign)
    with ForkServer() as server:
        materialize(pipeline.wanted, store, server, f"building {recipe.name}")
    trial, artifacts = pipeline.trial, pipeline.artifacts
    judged = trial.judge(artifacts, store, trial.said(artifacts, store))
    records = {a.artifact: a.record(store) for a in artifacts}
    own = chance_of(judged)
    unwritten = left_to_write(recipe)
    built = Built(tuple((records[name], j.verdict) for name, j in judged.items()), (), own, unwritten)
    parts = bundle_parts(pipeline, judged, store)
    if not built.passed:
        return replace(built, bundles=((remains, assemble(parts, FAILED, remains)),))
    bundles = [(place, assemble(parts, kind, place)) for kind, place in goals]
    remove_directory(remains, not_failed)
    return Built(built.judged, tuple(bundles), own, unwritten)
