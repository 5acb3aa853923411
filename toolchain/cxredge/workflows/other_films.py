"""Judging a finished bundle on films that it was not built with: a hospital's own, with labels or without.

The artifacts are run and held against the float32 student as ``verify`` does. Nothing of the data set that the bundle
was built with is needed: what was fitted on its films (thresholds, temperatures) is in the bundle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.bundle.assemble import reference_file
from cxredge.bundle.bundle import open_bundle
from cxredge.data.other_sets import OtherSet, find_folder, open_other
from cxredge.evidence import Evidence, Results, Temperature
from cxredge.evidence_other_films import ArtifactElsewhere, KnownFilm, OwnFailure
from cxredge.evidence_other_films import OtherFilms as OtherFilmsEvidence
from cxredge.parity import gates
from cxredge.parity.at_thresholds import carried, novel, operating
from cxredge.parity.chance import student_chance
from cxredge.parity.decisions import rule_of
from cxredge.parity.flagged import carried_quality, flagged_here, flagged_there
from cxredge.parity.heatmaps import heatmap_evidence
from cxredge.parity.judge import Judged, judge_elsewhere, pair_of
from cxredge.parity.label_evidence import examine
from cxredge.places import check_outputs
from cxredge.progress import track
from cxredge.recipe import Recipe
from cxredge.recipe_data import FolderData
from cxredge.report.elsewhere import statement, warnings
from cxredge.report.material import ReportMaterial
from cxredge.results import GateResult
from cxredge.scratch import temporary
from cxredge.stages import Scratch, Store
from cxredge.vocabulary import ArtifactName
from cxredge.workers.fork_server import ForkServer
from cxredge.workflows.bundled import Bundled
from cxredge.workflows.given_outputs import fill, open_whole, read_before
from cxredge.workflows.stages.other_films import OtherFilms, ReadFilms, read_films
from cxredge.workflows.trial import AnyArtifact, Said, Trial
from cxredge.workflows.verify import Verified, judge_said, left_out, reference_weights, run_and_judge

PIXELS = "pixels.npy"
"""Of films as they are read, in scratch space."""


@dataclass(frozen=True)
class Asked:
    """Which films, and how their table is read.

    data: a folder, or the name of a set in ``CXR_DATA``. names, labels: see ``open_other``.
    """

    data: str
    names: Mapping[str, str] = field(default_factory=dict)
    labels: bool = True


@dataclass(frozen=True, eq=False)
class TrialElsewhere(Trial):
    """On other films. judging: the recipe with the labels that these films tell."""

    judging: Recipe
    temperatures: Mapping[ArtifactName, Temperature]

    def judge(
        self,
        artifacts: Sequence[AnyArtifact],
        store: Store,
        said: Said,
        noise: NDArray[np.float64] | None = None,
    ) -> dict[ArtifactName, Judged]:
        """By the gates that count there."""
        films, reference = self.evaluation.films, said.reference.evaluation
        own = None
        if self.judging.labels.told:
            pair = pair_of(self.judging, films, reference, reference)
            own = student_chance(self.judging, pair.truth, pair.reference, pair.patients)
        return {
            a.artifact: judge_elsewhere(
                self.judging,
                a.record(store),
                films,
                reference,
                said.artifacts[a.artifact].evaluation,
                self.temperatures[a.artifact],
                own,
                noise,
            )
            for a in track(artifacts, "judging", len(artifacts))
        }


@dataclass(frozen=True, eq=False)
class BundledElsewhere(Bundled):
    """A checked bundle, to be run on other films."""

    films: OtherFilms = field(kw_only=True)
    judging: Recipe = field(kw_only=True)

    @cached_property
    def trial(self) -> Trial:
        """The films alone: there are no others to fit on, and no pictures of other kinds to tell them from."""
        temperatures = self.bundle.record.making.temperatures
        return TrialElsewhere(self.recipe, self.weights, self.films, None, None, None, self.judging, temperatures)


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """A bundle that was judged on other films."""

    verified: Verified
    results: Results
    judging: Recipe

    def material(self) -> ReportMaterial:
        """What a report is made of."""
        films = self.verified.bundled.trial.evaluation
        return ReportMaterial(
            results=self.results,
            recipe=self.judging,
            films=films.films,
            outputs=self.verified.outputs(),
            pixels=films.picture,
        )


def verify_elsewhere(
    bundle: Path,
    asked: Asked,
    reference: Path | None = None,
    required: Sequence[ArtifactName] = (),
    outputs: Sequence[Path] = (),
) -> Elsewhere:
    """Open, read, run, judge. reference, required: as ``verify_bundle`` has them. outputs: what the caller will write.

    Raises InputError BUNDLE-*, MANIFEST-*, VERIFY-REFERENCE, VERIFY-REQUIRE, FILMS-*, DATA-*, what
    ``check_outputs`` raises, or the first job's error.
    """
    opened = open_bundle(bundle)
    recipe, folder = opened.record.recipe, find_folder(asked.data)
    check_outputs(outputs, [bundle, *([reference] if reference else []), folder])
    weights, aside = reference_weights(opened, reference), left_out(opened, required)
    found = open_other(folder, recipe, asked.names, asked.labels)
    judging = recipe.model_copy(update={"labels": found.labels})
    with temporary("other-films") as scratch, ForkServer() as server:
        server.start()  # its imports take as long as the films
        read = read_films(found.films, recipe.input, scratch / PIXELS)
        films = OtherFilms(read, recipe.input, found.name, scratch / PIXELS)
        bundled = BundledElsewhere(opened, weights, aside, films=films, judging=judging)
        verified = run_and_judge(bundled, Scratch(scratch), server)
        return _elsewhere(verified, found, read, judging)


def judge_elsewhere_outputs(
    bundle: Path,
    asked: Asked,
    given: Path,
    required: Sequence[ArtifactName] = (),
    outputs: Sequence[Path] = (),
) -> Elsewhere:
    """``verify_elsewhere`` by a folder of outputs of these films: they are held against their hashes, and not run.

    Raises what ``verify_elsewhere`` and ``open_whole`` raise, and InputError VERIFY-OUTPUTS: they are of other films.
    """
    opened = open_bundle(bundle)
    recipe, folder = opened.record.recipe, find_folder(asked.data)
    check_outputs(outputs, [bundle, given, folder])
    whole, aside = open_whole(given, opened, required)
    found = open_other(folder, recipe, asked.names, asked.labels)
    read = read_before(found.films, whole)
    judging = recipe.model_copy(update={"labels": found.labels})
    with temporary("other-films") as scratch:
        store = Scratch(scratch)
        films = OtherFilms(read, recipe.input, found.name, scratch / PIXELS)
        weights = opened.folder / reference_file(recipe)
        bundled = BundledElsewhere(opened, weights, aside, films=films, judging=judging)
        fill(whole, bundled, {"other": films}, store)
        return _elsewhere(judge_said(bundled, store), found, read, judging)


def _elsewhere(verified: Verified, found: OtherSet, read: ReadFilms, judging: Recipe) -> Elsewhere:
    films, record = verified.bundled.trial.evaluation, verified.bundled.bundle.record
    evidence = tuple(_evidence(verified, judging, read))
    results = verified.results(evidence)
    other = _other_films(verified, found, read, judging)
    results = results.model_copy(
        update={
            "films_sha256": films.films_sha256,
            "statement": statement(results, other, films.films_sha256, record.films.evaluation),
            "other_films": other,
        }
    )
    return Elsewhere(verified, results, judging)


def _evidence(verified: Verified, judging: Recipe, read: ReadFilms) -> list[Evidence]:
    rule, reference = rule_of(judging.labels.names, judging.decision), verified.reference.evaluation
    found = []
    for name, judged in track(verified.judged.items(), "examining", len(verified.judged)):
        other = verified.answers[name].evaluation
        pair = pair_of(judging, read.films, reference, other)
        basic = examine(name, judged.verdict.artifact_sha256, rule, pair, judged.measures)
        maps = None
        if judging.heatmap != "none":
            maps = heatmap_evidence(reference.outputs, other.outputs, rule, read.sizes, judging.input)
        found.append(basic.model_copy(update={"heatmaps": maps}))
    return found


def _other_films(verified: Verified, found: OtherSet, read: ReadFilms, judging: Recipe) -> OtherFilmsEvidence:
    record, patients = verified.bundled.bundle.record, [film.patient for film in read.films]
    here = operating(judging, read.films, verified.reference.evaluation.outputs)
    built = record.making.operating
    quality = flagged_here(judging, verified.reference.evaluation.outputs, patients)
    figures = next((verdict.figures for verdict in record.verdicts if verdict.figures.quality), None)
    before = () if figures is None else flagged_there(figures, record.films.evaluation.patients)
    known = _known(verified.bundled, read)
    own = isinstance(judging.data, FolderData) and found.folder.resolve().name == judging.data.name
    fields = {
        "data": found.name,
        "table_sha256": found.table_sha256,
        "films": len(read.films),
        "patients": len(set(patients)),
        "patients_named": found.patients_named,
        "judged": found.labels.told,
        "not_judged": found.labels.not_judged,
        "unread": read.unread,
        "not_listed": found.not_listed,
        "same_bytes": len(read.records) - len({record.sha256 for record in read.records}),
        "known": known,
        "built_with": own,
        "here": here,
        "built": built,
        "carried": (*(() if built is None else carried(built, here)), *carried_quality(before, quality)),
        "quality": quality,
        "quality_built": before,
        "artifacts": tuple(
            ArtifactElsewhere(
                artifact=name,
                novel=novel(judging, verified.answers[name].evaluation.outputs, patients),
                quality=flagged_here(judging, verified.answers[name].evaluation.outputs, patients),
                scores=_scores(verified, judging, name),
            )
            for name in verified.judged
        ),
        "own_failed": tuple(
            OwnFailure(artifact=verdict.artifact, gates=verdict.failed)
            for verdict in record.verdicts
            if not verdict.passed
        ),
    }
    draft = OtherFilmsEvidence.model_validate({**fields, "warnings": ()})
    return draft.model_copy(update={"warnings": tuple(warnings(draft))})


def _scores(verified: Verified, judging: Recipe, name: ArtifactName) -> tuple[GateResult, ...]:
    """Bounds on losses of what labels tell; none where no label is told."""
    if not judging.labels.told:
        return ()
    artifact = verified.bundled.bundle.artifact(name)
    held = gates.hold(judging, artifact, verified.judged[name].verdict.figures)
    return tuple(gate for gate in held if gates.of_labels(gate))


def _known(bundled: Bundled, read: ReadFilms) -> tuple[KnownFilm, ...]:
    record = bundled.bundle.record
    lists = {"evaluation": record.films.evaluation.films, "validation": record.films.validation.films}
    if record.calibration is not None:
        lists["calibration"] = record.calibration.films
    uses: dict[str, dict[str, str]] = {}
    for what, films in sorted(lists.items()):
        for film in films:
            uses.setdefault(film.sha256, {})[what] = film.file
    return tuple(
        KnownFilm.model_validate({"film": one.file, "same_as": next(iter(use.values())), "used_for": tuple(use)})
        for one in read.records
        if (use := uses.get(one.sha256)) is not None
    )
