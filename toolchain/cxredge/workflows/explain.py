"""Explaining artifacts of a bundle: which layers lose most, and what float would give back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cxredge.bundle.bundle import open_bundle
from cxredge.errors import InputError, counted
from cxredge.evidence import Explanation
from cxredge.explain.layerwise import explanation
from cxredge.scratch import temporary
from cxredge.stages import Scratch
from cxredge.vocabulary import ArtifactName
from cxredge.workers.fork_server import ForkServer
from cxredge.workflows.bundled import Bundled
from cxredge.workflows.materialize import materialize
from cxredge.workflows.stages.explained import Simulated, Traced
from cxredge.workflows.stages.films import Films, SomeFilms
from cxredge.workflows.verify import reference_weights


def explain_artifact(bundle: Path, name: str | None, films: int, reference: Path | None = None) -> Explanation:
    """Explain artifact ``name`` on ``films`` of the calibration films, evenly spread.

    None: the primary one, or of what a failed build left the first whose gates were not kept.

    A bundle without calibration films (none of its artifacts is INT8) lends evaluation films.
    reference: a host bundle of the same student, for a bundle without the reference.
    Raises InputError BUNDLE-*, MANIFEST-*, EXPLAIN-FILMS, VERIFY-REFERENCE, VERIFY-FILMS, DATA-*, or a job's error.
    """
    opened = open_bundle(bundle)
    failed = (verdict.artifact for verdict in opened.record.verdicts if verdict.failed)
    artifact = opened.artifact(name or next(failed, opened.manifest.primary))
    bundled = Bundled(opened, reference_weights(opened, reference))
    with temporary("explain") as scratch, ForkServer() as server:
        server.start()  # its imports take as long as the films
        (found,) = explain_artifacts(bundled, [artifact.name], films, Scratch(scratch), server)
    return found


def explain_artifacts(
    bundled: Bundled, names: Sequence[ArtifactName], films: int, store: Scratch, server: ForkServer
) -> tuple[Explanation, ...]:
    """Explain several artifacts of a checked bundle on the same films; artifacts alike in INT8 share a simulation.

    Raises InputError EXPLAIN-FILMS, VERIFY-FILMS, DATA-*, or the first job's error.
    """
    recipe, weights, verdicts = bundled.recipe, bundled.weights, bundled.bundle.record.verdicts
    some = _some_films(bundled, films)
    traced, simulated = {}, {}
    for name in names:
        rounded = bundled.rounded(name)
        traced[name] = Traced(recipe, weights, bundled.artifact(name), some, rounded)
        if rounded is not None:
            simulated[name] = Simulated(recipe, weights, name, some, rounded)
    wanted = [*simulated.values(), *traced.values()]
    materialize(wanted, store, server, f"explaining {', '.join(names)} of {bundled.bundle.manifest.id}")
    return tuple(
        explanation(
            name,
            films,
            traced[name].read(store),
            simulated[name].read(store) if name in simulated else None,
            recipe.keep_float.get(name, ()),
            [gate for verdict in verdicts if verdict.artifact == name for gate in verdict.gates],
        )
        for name in names
    )


def _some_films(bundled: Bundled, count: int) -> SomeFilms:
    """``count`` calibration films, evenly spread. Raises InputError EXPLAIN-FILMS, VERIFY-FILMS, DATA-*."""
    record = bundled.bundle.record.calibration or bundled.bundle.record.films.evaluation
    total = len(record.films)
    if not 1 <= count <= total:
        raise InputError(
            "EXPLAIN-FILMS",
            f"{count} films are asked for, and the bundle was calibrated on {total}",
            f"ask for 1 to {counted(total, 'film')}; 8 tell the layers apart",
        )
    films: Films = bundled.calibration or bundled.trial.evaluation
    return SomeFilms("explained", films, [int(row) for row in np.arange(count) * total // count])
