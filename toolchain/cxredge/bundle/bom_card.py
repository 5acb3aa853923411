"""The parts of the bill of materials that speak of machine learning: model card, data sets, ancestors.

Field names are CycloneDX 1.6's (``modelCard``, ``componentData``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cxredge.bundle.build_record import Record
from cxredge.errors import counted
from cxredge.metrics import METRICS
from cxredge.parity.paired import BOOTSTRAP
from cxredge.recipe import Recipe
from cxredge.recipe_card import by_groups
from cxredge.recipe_student import GRADIENT_MAPS, HEADS, NO_MAPS, NO_NOVELTY, NO_QUALITY
from cxredge.results import Paired, Verdict, number
from cxredge.vocabulary import QUALITY_KINDS

OUTPUTS = {
    "logits": "logits, float32",
    "cam": "class activation maps, float32",
    "novelty": "novelty",
    "quality": f"log-odds that the film is {', '.join(QUALITY_KINDS)}, float32",
}


@dataclass(frozen=True)
class DataSet:
    """Films that a model was trained, calibrated, chosen or measured on. films_sha256: None where no list is kept."""

    use: str
    name: str
    description: str
    films_sha256: str | None


def data_sets(record: Record) -> tuple[DataSet, ...]:
    """Every set of films behind the bundle; what the recipe does not know of it, its licence for one, is not said."""
    recipe, found = record.recipe, []
    origin = _origin(recipe)
    if recipe.distill is not None:
        classes = ", ".join(recipe.distill.licence_classes)
        limits = "" if recipe.data.source == "phantom" else f" Only rows of the licence classes {classes}."
        name = f"{record.films.evaluation.data}, split train"
        found.append(DataSet("training", name, f"The student was distilled on it.{limits} {origin}", None))
    if record.calibration is not None:
        ranges = record.calibration
        patients = by_groups(counted(ranges.patients, "patient"), recipe.card.groups)
        what = f"{counted(len(ranges.films), 'film')} of {patients}, which set INT8 ranges. {origin}"
        found.append(DataSet("calibration", f"{ranges.data}, split {ranges.split}", what, None))
    for use, films, purpose in (
        ("validation", record.films.validation, "on which temperatures were fitted and operating points chosen"),
        ("evaluation", record.films.evaluation, "on which artifacts were held against the float32 student"),
    ):
        patients = by_groups(counted(films.patients, "patient"), recipe.card.groups)
        what = f"{counted(len(films.films), 'film')} of {patients}, {purpose}. {origin}"
        found.append(DataSet(use, f"{films.data}, split {films.split}", what, films.films_sha256))
    return tuple(found)


def data(found: DataSet) -> dict[str, Any]:
    """``componentData`` of one set."""
    tree: dict[str, Any] = {"type": "dataset", "name": found.name}
    if found.films_sha256 is not None:
        tree["contents"] = {"properties": [{"name": "cxredge:films-sha256", "value": found.films_sha256}]}
    return tree


def ancestors(recipe: Recipe) -> list[tuple[str, str]]:
    """Name and role of the models that the student learnt or started from."""
    if recipe.distill is None:
        return []
    teachers = [recipe.distill.teacher.backbone, *(one.backbone for one in recipe.distill.further_teachers.values())]
    found = [(backbone, "teacher") for backbone in teachers]
    for who, weights in (("teacher", recipe.distill.teacher.pretrained), ("student", recipe.distill.pretrained)):
        if weights is not None:
            found.append((weights, f"ImageNet weights that the {who} started from"))
    return found


def model_card(record: Record, data_refs: Sequence[str]) -> dict[str, Any]:
    """``modelCard`` of the student."""
    recipe = record.recipe
    spec, head = recipe.input, HEADS[recipe.heatmap]
    return {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": f"{recipe.labels.kind} classification: {', '.join(recipe.labels.names)}",
            "architectureFamily": "convolutional neural network",
            "modelArchitecture": f"{recipe.student.words}, {head}, {record.making.parameters} parameters",
            "datasets": [{"ref": ref} for ref in data_refs],
            "inputs": [{"format": f"image, float32[1, {spec.channels}, {spec.height}, {spec.width}], 0 to 255"}],
            "outputs": [{"format": OUTPUTS[name]} for name in recipe.outputs],
        },
        "quantitativeAnalysis": {"performanceMetrics": [m for v in record.verdicts for m in _metrics(record, v)]},
        "considerations": {
            "useCases": [recipe.card.intended_use],
            "technicalLimitations": [
                *recipe.card.limitations,
                *_lacking(recipe),
                f"Not a medical device. {record.making.statement}",
            ],
        },
    }


def _lacking(recipe: Recipe) -> list[str]:
    """What the student does not tell, or tells otherwise than most."""
    maps = {"exact": [], "gradient": [GRADIENT_MAPS], "none": [NO_MAPS]}[recipe.heatmap]
    novelty = [] if recipe.novelty is not None else [NO_NOVELTY]
    return [*maps, *novelty, *([] if recipe.quality is not None else [NO_QUALITY])]


def _metrics(record: Record, verdict: Verdict) -> Iterator[dict[str, Any]]:
    """Figures of one artifact; those with too few films to be shown are left out."""
    films = record.films.evaluation
    phantom = "phantom " if record.recipe.data.source == "phantom" else ""
    part = f"{verdict.artifact} on {len(films.films)} {phantom}films of {films.patients} {record.recipe.card.groups}"
    figures = verdict.figures
    for key, name in ((metric.name, metric.words) for metric in METRICS if metric.paired):
        paired: Paired | None = getattr(figures, key)
        if paired is None or paired.too_few is not None or paired.artifact is None:
            continue
        yield {"type": name, "value": number(paired.artifact), "slice": part}
        metric: dict[str, Any] = {
            "type": f"{name}: worse than the float32 student's by",
            "value": number(paired.loss),
            "slice": f"{part}; {BOOTSTRAP.level:.0%} interval, paired bootstrap of {record.recipe.card.groups}",
        }
        if paired.low is not None and paired.high is not None:
            metric["confidenceInterval"] = {"lowerBound": number(paired.low), "upperBound": number(paired.high)}
        yield metric
    for name, value in (
        ("largest difference of a logit from the float32 student's", number(figures.logit_max_abs)),
        ("signal-to-noise ratio of the logits against the float32 student's, dB", number(figures.logit_sqnr_db)),
        ("decisions that differ from the float32 student's", f"{figures.flips} of {figures.decisions}"),
    ):
        yield {"type": name, "value": value, "slice": part}


def _origin(recipe: Recipe) -> str:
    if recipe.data.source == "phantom":
        return "Phantoms: drawn from a seed by cxredge; no person was imaged, and nobody else's licence applies."
    return "The recipe records no licence of the films but what its attribution says."
