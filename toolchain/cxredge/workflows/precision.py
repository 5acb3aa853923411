"""The precision search: for each target the cheapest precision that keeps every gate, found by building and judging.

Every attempt is a build of stages, so that a search that was interrupted goes on where it was. All targets climb side
by side: a round lowers and runs one attempt of each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, get_args

from cxredge import strict_json, strict_yaml
from cxredge.errors import CxrError, InputError
from cxredge.evidence import PrecisionAttempt, PrecisionSearch
from cxredge.files import canonical_json, check_replaceable, read_bytes, write_text
from cxredge.places import check_outputs
from cxredge.recipe import Bundles, Recipe, recipe_path
from cxredge.recipe_file import rewritten
from cxredge.stages import Cache, Store
from cxredge.targets import get_target
from cxredge.vocabulary import ArtifactName, SchemeName, TargetName
from cxredge.workers.fork_server import ForkServer
from cxredge.workflows.materialize import Refused, materialize
from cxredge.workflows.pipeline import Pipeline, recipe_pipeline
from cxredge.workflows.precision_order import Rung, climb
from cxredge.workflows.stages.artifact import LoweredArtifact
from cxredge.workflows.stages.outputs import ArtifactOutputs
from cxredge.workflows.stages.sensitivity import Sensitivity

CHOSEN = "model.auto.yaml"
"""Beside the recipe that was searched, because it names the same weights."""
HEADER = "# Chosen by cxredge build --precision auto, which replaces this file.\n"
"""First line of it, by which a search knows an earlier one's."""
MAX_SEARCH = 16_000_000
"""Bytes of an earlier list of attempts that is to be replaced: far more than one has."""
Climb = Generator[Rung, bool, Rung | None]


def search(
    place: Path, targets: tuple[str, ...], out: Path, say: Callable[[PrecisionAttempt], None]
) -> PrecisionSearch:
    """Climb for each target of the recipe (or of ``targets``); ``say`` hears every attempt when it is judged.

    out: where ``write_chosen`` will be told to write.

    An artifact that its target cannot make (an InputError of its own job) is an attempt that failed, and says why.
    Raises what else a build raises, and InputError PRECISION-GATES when the recipe bounds no scheme of a target.
    Refuses before the first attempt what could not be written in the end (OUTPUT-IS-INPUT, PATH-WRITE), and what
    would be replaced though no search wrote it (OUTPUT-FOREIGN).
    """
    pipeline = recipe_pipeline(place, targets, ())
    recipe = pipeline.recipe
    written = _written(pipeline.file, f"{recipe.name} {recipe.version}", out)
    check_outputs(written, pipeline.inputs)
    _check_replaceable(*written)
    wanted = list(dict.fromkeys(name.target for name in pipeline.names))
    bare = recipe.model_copy(update={"keep_float": {}})
    integers = Pipeline(bare, pipeline.file, tuple(ArtifactName.of(target, "w8a8") for target in wanted))
    store = Cache()
    attempts: list[PrecisionAttempt] = []
    chosen: dict[TargetName, Rung] = {}
    with ForkServer() as server:
        climbs: dict[TargetName, Climb] = {
            target: climb(_schemes(recipe, target), lambda: _groups(integers, store, server)) for target in wanted
        }
        rungs = {target: next(steps) for target, steps in climbs.items()}
        while rungs:
            found = _attempt(pipeline, rungs, store, server)
            for attempt in found.values():
                attempts.append(attempt)
                say(attempt)
            following: dict[TargetName, Rung] = {}
            for target, attempt in found.items():
                try:
                    following[target] = climbs[target].send(attempt.passed)
                except StopIteration as end:
                    if end.value is not None:
                        chosen[target] = end.value
            rungs = following
    return PrecisionSearch(
        recipe=f"{recipe.name} {recipe.version}",
        attempts=tuple(attempts),
        chosen={target: ArtifactName.of(target, rung.scheme) for target, rung in chosen.items()},
        keep_float={ArtifactName.of(t, rung.scheme): patterns(rung.keep) for t, rung in chosen.items() if rung.keep},
    )


def patterns(names: Sequence[str]) -> tuple[str, ...]:
    """Module names as regular expressions of ``keep_float``, each of which fits its module alone."""
    return tuple(re.escape(name) for name in names)


def write_chosen(place: Path, found: PrecisionSearch, out: Path) -> Path:
    """Write all attempts into ``out``, and the recipe with what was chosen, comments kept, as ``model.auto.yaml``.

    This one lies beside the recipe; returns its place.

    Targets for which nothing was chosen are left out. Raises InputError PRECISION-NONE when nothing was, OUTPUT-FOREIGN
    where something else than an earlier search's would be replaced.
    """
    file = recipe_path(place)
    goal, attempts = _written(file, found.recipe, out)
    _check_replaceable(goal, attempts)
    write_text(attempts, canonical_json(found.model_dump(mode="json")))
    if not found.chosen:
        raise InputError(
            "PRECISION-NONE",
            f"no precision of {found.recipe} keeps every gate on any target, not even float32",
            "look at the gates that broke; a gate that float32 breaks cannot be kept by quantising less",
        )

    def change(tree: Any) -> None:
        tree["targets"] = {target: [name.scheme] for target, name in found.chosen.items()}
        tree["keep_float"] = {str(name): list(kept) for name, kept in found.keep_float.items()}
        if not found.keep_float:
            del tree["keep_float"]
        tree["primary"] = _moved(tree["primary"], found) or str(next(iter(found.chosen.values())))
        for kind, names in tree["bundles"].items():
            moved = [_moved(name, found) for name in names]
            tree["bundles"][kind] = list(dict.fromkeys(name for name in moved if name is not None))

    # a recipe that was made from an earlier choice has the line already
    write_text(goal, HEADER + rewritten(file.read_text(encoding="utf-8"), change).removeprefix(HEADER))
    return goal


def _written(file: Path, recipe: str, out: Path) -> tuple[Path, Path]:
    """Where the chosen recipe goes, and the list of attempts. recipe: name and version."""
    return file.with_name(CHOSEN), out / f"{recipe.replace(' ', '-')}-precision.json"


def _check_replaceable(goal: Path, attempts: Path) -> None:
    check_replaceable(goal, _foreign_recipe)
    check_replaceable(attempts, _foreign_search)


def _foreign_recipe(file: Path) -> str | None:
    try:
        ours = read_bytes(file, strict_yaml.MAX_BYTES).startswith(HEADER.encode())
    except CxrError:
        ours = False
    return None if ours else file.name


def _foreign_search(file: Path) -> str | None:
    try:
        tree = strict_json.parse(read_bytes(file, MAX_SEARCH), MAX_SEARCH)
    except (CxrError, ValueError):
        tree = None
    return None if isinstance(tree, dict) and tree.keys() == PrecisionSearch.model_fields.keys() else file.name


def _moved(name: str, found: PrecisionSearch) -> str | None:
    """The chosen artifact of ``name``'s target."""
    chosen = found.chosen.get(ArtifactName(name).target)
    return None if chosen is None else str(chosen)


def _schemes(recipe: Recipe, target: TargetName) -> list[SchemeName]:
    """Schemes that the target has and the recipe has gates for."""
    schemes = [s for s in get_args(SchemeName) if s in get_target(target).schemes and s in recipe.gates]
    if not schemes:
        raise InputError(
            "PRECISION-GATES",
            f"{recipe.name} has gates for no scheme of {target}",
            "write gates for the schemes that may be chosen",
            get_target(target).schemes,
        )
    return schemes


def _attempt(
    pipeline: Pipeline, rungs: dict[TargetName, Rung], store: Store, server: ForkServer
) -> dict[TargetName, PrecisionAttempt]:
    """Build one rung of each target, and judge it."""
    names = {target: ArtifactName.of(target, rung.scheme) for target, rung in rungs.items()}
    recipe = pipeline.recipe.model_copy(
        update={
            "targets": {target: (rung.scheme,) for target, rung in rungs.items()},
            "keep_float": {names[t]: patterns(rung.keep) for t, rung in rungs.items() if rung.keep},
            "primary": next(iter(names.values())),
            "bundles": Bundles(),
        }
    )
    tried = Pipeline(recipe, pipeline.file, tuple(names.values()))
    refused: Refused = {}
    materialize(tried.wanted, store, server, f"building {recipe.name}", refused)
    errors = {
        stage.artifact: error
        for stage, error in refused.items()
        if isinstance(stage, LoweredArtifact | ArtifactOutputs)
    }
    made = {artifact.artifact: artifact for artifact in tried.artifacts if artifact.artifact not in errors}
    trial, artifacts = tried.trial, tuple(made.values())
    judged = trial.judge(artifacts, store, trial.said(artifacts, store))
    found: dict[TargetName, PrecisionAttempt] = {}
    for target, name in names.items():
        artifact, error = made.get(name), errors.get(name)
        found[target] = PrecisionAttempt(
            artifact=name,
            keep_float=rungs[target].keep,
            bytes=artifact and artifact.record(store).bytes,
            p50_ms=artifact and _latency(tried, artifact, store),
            verdict=judged[name].verdict if artifact else None,
            refused=error and f"[{error.code}] {error.cause}",
        )
    return found


def _latency(pipeline: Pipeline, artifact: LoweredArtifact, store: Store) -> float | None:
    if not get_target(artifact.artifact.target).runtime().native:
        return None
    return ArtifactOutputs(artifact, pipeline.trial.evaluation).median_ms(store)


def _groups(pipeline: Pipeline, store: Store, server: ForkServer) -> tuple[tuple[str, ...], ...]:
    """Modules to keep in float, those first that the simulation says help most."""
    rounded = pipeline.rounded(pipeline.names[0])
    assert rounded is not None
    order = Sensitivity(pipeline.recipe, pipeline.weights, rounded.beside_float_activations)
    materialize([order], store, server, "measuring which modules INT8 harms most")
    return order.groups(store)
