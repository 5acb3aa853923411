"""What a bundle is made of, from the stages of a materialized pipeline."""

from __future__ import annotations

from collections.abc import Mapping

from cxredge.bundle.assemble import Parts
from cxredge.bundle.build_record import FilmList, FilmLists, OutOfDistributionRecord
from cxredge.parity.at_thresholds import operating
from cxredge.parity.judge import Judged, chance_of
from cxredge.quantize.calibration import calibration_record
from cxredge.results import CalibrationRecord, TensorRange
from cxredge.stages import Store
from cxredge.targets import get_target
from cxredge.vocabulary import ArtifactName, TargetName
from cxredge.workflows.pipeline import Pipeline
from cxredge.workflows.stages.films import Films
from cxredge.workflows.stages.outputs import ReferenceOutputs


def bundle_parts(pipeline: Pipeline, judged: Mapping[ArtifactName, Judged], store: Store) -> Parts:
    """The parts of the bundles of a pipeline whose wanted stages are all there."""
    recipe, trial = pipeline.recipe, pipeline.trial
    records = {a.artifact: (a.record(store), store.folder(a)) for a in pipeline.artifacts}
    reference = ReferenceOutputs(recipe, pipeline.weights, trial.evaluation)
    return Parts(
        recipe=recipe,
        weights=pipeline.weights,
        parameters=reference.parameters(store),
        artifacts={n: (a.model_copy(update={"ranges": ()}), folder / a.file) for n, (a, folder) in records.items()},
        verdicts=tuple(j.verdict for j in judged.values()),
        temperatures={name: j.measures.temperature for name, j in judged.items()},
        calibration=_calibration(pipeline, {a.target: a.ranges for a, _ in records.values() if a.ranges}),
        films=FilmLists(
            evaluation=_listed(recipe.evaluation.split, trial.evaluation),
            validation=_listed(recipe.calibration.split, pipeline.validation),
            out_of_distribution=trial.out_of_distribution
            and OutOfDistributionRecord.of(trial.out_of_distribution.listed(store)),
        ),
        selftest={a.artifact: pipeline.self_test_outputs(a).read(store).outputs for a in pipeline.artifacts},
        tools={k: v for name in records for k, v in get_target(name.target).tools().items()},
        chance=chance_of(judged),
        operating=operating(recipe, trial.evaluation.films, reference.read(store).outputs),
    )


def _listed(split: str, films: Films) -> FilmList:
    return FilmList(
        data=films.source,
        split=split,
        patients=len({film.patient for film in films.films}),
        films=films.records,
        films_sha256=films.films_sha256,
    )


def _calibration(pipeline: Pipeline, ranges: Mapping[TargetName, tuple[TensorRange, ...]]) -> CalibrationRecord | None:
    if pipeline.calibration is None:
        return None
    found = calibration_record(pipeline.data, pipeline.recipe, pipeline.calibration.records)
    return found.model_copy(update={"ranges": dict(ranges)})
