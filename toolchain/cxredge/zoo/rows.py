"""The zoo as a table: a row a model, for a terminal, for the README and as JSON."""

from __future__ import annotations

from collections.abc import Iterable

from cxredge.data.film import SPLITS
from cxredge.errors import counted
from cxredge.evidence_chance import Standing as AgainstChance
from cxredge.markdown import AsIs
from cxredge.recipe import Recipe
from cxredge.recipe_card import by_groups
from cxredge.recipe_data import PhantomData
from cxredge.report.table import as_markdown
from cxredge.zoo.entry import BuiltArtifact, BuiltFigures, Int8, Standing, ZooModel
from cxredge.zoo.reading import CARD, Entry

HEADER = ("model", "learnt from", "student", "teacher", "test AUC", "teacher's", "INT8", "parity", "licence")
PAPER = "the paper claims, of its own models and data"
FLOAT32 = 4
"""Bytes a parameter."""
CHANCE: dict[AgainstChance | None, str] = {
    "better": "",
    "no-better": "no better than chance",
    "unknown": "not known to be better than chance",
    None: "not held against chance",
}
"""What stands beside a score."""


def model_of(entry: Entry) -> ZooModel:
    """All that a row says."""
    recipe, results = entry.recipe, entry.results
    splits = {} if results is None else {name: results.splits[name] for name in SPLITS if name in results.splits}
    plan = recipe.distill
    return ZooModel(
        folder=str(entry.place),
        name=recipe.name,
        version=recipe.version,
        summary=recipe.card.summary,
        kind=recipe.labels.kind,
        labels=recipe.labels.names,
        data=data_words(recipe) if results is None else results.data,
        films={name: split.films for name, split in splits.items()},
        patients={name: split.patients for name, split in splits.items()},
        groups=recipe.card.groups,
        student=recipe.student.words,
        parameters=None if results is None else results.student.parameters,
        teacher=None if plan is None else plan.teacher.backbone,
        teacher_parameters=None if results is None else results.teacher.parameters,
        test_auc=None if results is None else results.student.test.macro_auc,
        test_interval=None if results is None else results.student_test_interval,
        labels_scored=None if results is None else results.student.test.labels_scored,
        chance=None if results is None or results.chance is None else results.chance.standing,
        teacher_test_auc=None if results is None else results.teacher.test.macro_auc,
        int8=int8_of(entry),
        parity=standing(entry),
        kept=sum(not artifact.broken for artifact in _built(entry)),
        artifacts=len(recipe.artifacts()),
        licence=recipe.licence,
        ships=recipe.ship is None,
        why_not=None if recipe.ship is None else recipe.ship.why,
        paper=recipe.paper,
    )


def data_words(recipe: Recipe) -> str:
    """The recipe's data set in words, as ``results.json`` has it."""
    return f"phantoms, seed {recipe.data.seed}" if isinstance(recipe.data, PhantomData) else recipe.data.name


def _built(entry: Entry) -> list[BuiltArtifact]:
    """Of the recipe's artifacts those that were built from its weights."""
    built = entry.current
    return [] if built is None else [a for a in built.artifacts if a.name in entry.recipe.artifacts()]


def standing(entry: Entry) -> Standing:
    """How the model's artifacts stand."""
    built: BuiltFigures | None = entry.current
    if entry.built is None:
        return "not built"
    if built is None:
        return "of other weights"
    own = _built(entry)
    if any(artifact.broken for artifact in own):
        return "broken"
    return "kept" if {artifact.name for artifact in own} == {*entry.recipe.artifacts()} else "in part"


def int8_of(entry: Entry) -> Int8 | None:
    """The recipe's primary artifact where that is w8a8, else the first that is; None where none was built."""
    own = {artifact.name: artifact for artifact in _built(entry) if artifact.name.scheme == "w8a8"}
    if not own:
        return None
    found = own.get(entry.recipe.primary) or next(iter(own.values()))
    teacher = entry.results and entry.results.teacher.parameters
    share = found.bytes / (FLOAT32 * teacher) if teacher else None
    return Int8(artifact=found.name, bytes=found.bytes, of_teacher=share)


def table(models: Iterable[ZooModel]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and cells; a column for papers where a model follows one."""
    listed = list(models)
    rows = [_cells(model) for model in listed]
    if all(model.paper is None for model in listed):
        return HEADER, rows
    papers = ["–" if model.paper is None else "; ".join(model.paper.claims) for model in listed]
    return (*HEADER, PAPER), [(*row, paper) for row, paper in zip(rows, papers, strict=True)]


def readme_table(entries: Iterable[Entry]) -> str:
    """The table in Markdown, for a page beside ``model_zoo``: a name leads to the model's card where it has one."""
    listed = list(entries)
    header, rows = table(model_of(entry) for entry in listed)
    cards = {entry.recipe.name for entry in listed if (entry.place / CARD).is_file()}
    names = [AsIs(f"[{name}](model_zoo/{name}/{CARD})") if name in cards else name for name, *_ in rows]
    return as_markdown(header, [(name, *row[1:]) for name, row in zip(names, rows, strict=True)])


def _cells(model: ZooModel) -> tuple[str, ...]:
    return (
        model.name,
        _learnt(model),
        _network(model.student, model.parameters),
        "–" if model.teacher is None else _network(model.teacher, model.teacher_parameters),
        _marked(model),
        area(model.teacher_test_auc),
        "–" if model.int8 is None else int8_words(model.int8),
        parity_words(model),
        model.licence if model.ships else "none, not passed on",
    )


def _learnt(model: ZooModel) -> str:
    what = counted(len(model.labels), "label") if model.kind == "multi-label" else f"{len(model.labels)} classes"
    if "train" not in model.films:
        return f"{model.data}; {what}"
    owners = by_groups(counted(model.patients["train"], "patient"), model.groups)
    return f"{model.data}: {counted(model.films['train'], 'film')} of {owners}; {what}"


def _network(name: str, parameters: int | None) -> str:
    return name if parameters is None else f"{name}, {parameters / 1e6:.2f} M"


def score(value: float | None, model: ZooModel) -> str:
    """An AUC with its interval, and of how many labels it is where that is not all.

    Where fewer labels have patients enough for an interval, their mean stands before it.
    """
    if value is None:
        return "–"
    interval, whole = model.test_interval, model.labels_scored == len(model.labels)
    part = "" if whole else f" ({model.labels_scored} of {counted(len(model.labels), 'label')})"
    if interval is None:
        return f"{area(value)}{part}"
    held = f" [{interval.low:.3f}, {interval.high:.3f}]"
    if interval.labels == model.labels_scored:
        return f"{area(value)}{held}{part}"
    return f"{area(value)}{part}; of {counted(interval.labels, 'label')} {area(interval.value)}{held}"


def area(value: float | None) -> str:
    """An area under a curve, or a share, as every table and card has it."""
    return "–" if value is None else f"{value:.3f}"


def _marked(model: ZooModel) -> str:
    """The score, and whether it is known to be better than chance."""
    mark = CHANCE[model.chance]
    return f"{score(model.test_auc, model)}{f'; {mark}' if mark and model.test_auc is not None else ''}"


def int8_words(int8: Int8) -> str:
    """Bytes, and their share of the teacher's."""
    share = "" if int8.of_teacher is None else f", {100 * int8.of_teacher:.1f} % of the teacher"
    return f"{int8.bytes:,} bytes{share}"


def parity_words(model: ZooModel) -> str:
    """How many artifacts kept their gates."""
    if model.parity in ("not built", "of other weights"):
        return model.parity
    word = "BROKEN: " if model.parity == "broken" else ""
    return f"{word}{model.kept} of {model.artifacts} kept"
