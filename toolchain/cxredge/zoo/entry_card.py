"""The card of a zoo's model, ``CARD.md``: written from recipe, results and what was built, and from nothing else.

A bundle's own card (``bundle/card.py``) says what was measured of its artifacts; this one says where the student comes
from as well. What both say is one template.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cxredge.baselines import ways_table
from cxredge.baselines.baselines_record import FILE as BASELINES
from cxredge.bundle.card import card_templates
from cxredge.data.film import SPLITS
from cxredge.errors import CxrError
from cxredge.files import check_replaceable, read_bytes, write_text
from cxredge.markdown import AsIs, escaped
from cxredge.places import check_outputs
from cxredge.recipe_card import by_groups
from cxredge.report.table import as_markdown, loss
from cxredge.results import number
from cxredge.zoo.entry import ZooModel
from cxredge.zoo.reading import BUILT, CARD, MAX_BYTES, RESULTS, SPEED, Entry
from cxredge.zoo.rows import FLOAT32, area, int8_words, model_of, parity_words, score
from cxredge.zoo.sparkline import sparkline

if TYPE_CHECKING:
    from cxredge.distill.record import LabelScore, TrainingRecord

TEMPLATES = Path(__file__).parent / "templates"
MARK = "<!-- written by `cxredge zoo --cards`; do not edit -->\n"


def write_cards(entries: Sequence[Entry]) -> list[Path]:
    """Write every model's ``CARD.md`` beside its recipe; returns the files.

    Raises what ``check_outputs`` and ``check_replaceable`` raise: a card that somebody wrote is not replaced.
    """
    goals = [entry.place / CARD for entry in entries]
    inputs = [entry.place / name for entry in entries for name in ("model.yaml", RESULTS, BUILT, SPEED, BASELINES)]
    check_outputs(goals, inputs)
    for goal in goals:
        check_replaceable(goal, _foreign)
    texts = [card_of(entry) for entry in entries]
    for goal, text in zip(goals, texts, strict=True):
        write_text(goal, text)
    return goals


def card_of(entry: Entry) -> str:
    """The card as Markdown."""
    environment = card_templates(TEMPLATES)
    model, results = model_of(entry), entry.results
    environment.filters["spark"] = sparkline
    environment.filters["area"] = area
    environment.filters["by_groups"] = lambda text: by_groups(text, model.groups)
    return MARK + environment.get_template("zoo_card.md.j2").render(
        r=entry.recipe,
        m=model,
        results=results,
        built=entry.current,
        parity=parity_words(model),
        auc=score(model.test_auc, model),
        phantom=entry.recipe.data.source == "phantom",
        splits="" if results is None else _splits(entry),
        labels="" if results is None else _labels(entry),
        unscored=[] if results is None else _unscored(entry),
        trained=[] if results is None else _trainings(entry),
        curves=results is not None and any(one.val_aucs for one in (results.teacher, results.student)),
        artifacts=_artifacts(entry, model),
        size=_size(model),
        speed=entry.current_speed,
        ours=_ours(model, entry),
        baselines=_baselines(entry),
        other_baselines=entry.baselines is not None and entry.current_baselines is None,
    )


def _splits(entry: Entry) -> str:
    assert entry.results is not None
    names = entry.recipe.labels.told
    rows = [
        (split, f"{of.films:,}", f"{of.patients:,}", *(str(of.positives.get(name, "–")) for name in names))
        for split in SPLITS
        if (of := entry.results.splits.get(split)) is not None
    ]
    return as_markdown(("split", "films", entry.recipe.card.groups, *names), rows)


def _labels(entry: Entry) -> str:
    """A row a label that was scored."""
    assert entry.results is not None
    student, teacher = entry.results.student.test.labels, entry.results.teacher.test.labels
    rows = [
        (name, f"{found.positives:,}", f"{found.negatives:,}", _auc(found), _auc(teacher.get(name)))
        for name, found in _ordered(entry, student)
        if found.auc is not None and found.positives is not None and found.negatives is not None
    ]
    return as_markdown(("label", "positive", "negative", "student", "teacher"), rows) if rows else ""


def _auc(score: LabelScore | None) -> str:
    return area(None if score is None else score.auc)


def _ordered(entry: Entry, labels: dict[str, LabelScore]) -> list[tuple[str, LabelScore]]:
    """In the recipe's order: a file has them by the alphabet."""
    return [(name, labels[name]) for name in entry.recipe.labels.names if name in labels]


def _unscored(entry: Entry) -> list[str]:
    """Labels without an AUC, and why."""
    assert entry.results is not None
    said = []
    for name, found in _ordered(entry, entry.results.student.test.labels):
        if found.auc is None:
            counts = (
                "" if found.positives is None else f"{found.positives:,} positive, {found.negatives:,} negative films"
            )
            said.append(f"{name}: {found.note or counts or 'no figure'}")
    return said


def _trainings(entry: Entry) -> list[tuple[str, TrainingRecord]]:
    assert entry.results is not None
    return [("teacher", entry.results.teacher), ("student", entry.results.student)]


def _artifacts(entry: Entry, model: ZooModel) -> str:
    """A row an artifact that was built of the recipe's weights."""
    if entry.current is None:
        return ""
    teacher = model.teacher_parameters
    rows = []
    for artifact in entry.current.artifacts:
        share = f"{100 * artifact.bytes / (FLOAT32 * teacher):.1f} %" if teacher else "–"
        rows.append(
            (
                artifact.name,
                f"{artifact.bytes:,}",
                share,
                number(artifact.logit_sqnr_db),
                number(artifact.cam_correlation),
                f"{artifact.flips:,} of {artifact.decisions:,}",
                loss(artifact.auc),
                artifact.runtime,
                "kept" if not artifact.broken else f"BROKEN: {'; '.join(artifact.broken)}",
            )
        )
    header = ("artifact", "bytes", "of the teacher", "logits SQNR dB", "map correlation", "flips", "AUC loss")
    return as_markdown((*header, "run by", "gates"), rows)


def _size(model: ZooModel) -> str:
    """The INT8 artifact against the teacher, in a sentence; empty where one of the two is not known."""
    if model.int8 is None or model.teacher_parameters is None:
        return ""
    return (
        f"The INT8 artifact `{model.int8.artifact}` has {int8_words(model.int8)} "
        f"({model.teacher_parameters:,} parameters in float32)."
    )


def _baselines(entry: Entry) -> list[str]:
    """Paragraphs on the student beside other ways; none where nothing is known of this recipe's."""
    record = entry.current_baselines
    if record is None:
        return []
    groups = entry.recipe.card.groups
    ground, finding = (by_groups(text, groups) for text in (ways_table.ground(record), record.finding))
    said = [f"{ground}.", as_markdown(*ways_table.table(record)), AsIs(f"**{escaped(finding)}**")]
    return [*said, *(by_groups(f"{line[0].upper()}{line[1:]}.", groups) for line in ways_table.notes(record))]


def _ours(model: ZooModel, entry: Entry) -> list[str]:
    """What stands beside a paper's claims."""
    lines = []
    if model.test_auc is not None:
        lines.append(f"mean AUC on test {score(model.test_auc, model)}, the teacher's {area(model.teacher_test_auc)}")
    accuracy = None if entry.results is None else entry.results.student.test.accuracy
    if accuracy is not None and entry.results is not None:
        lines.append(
            f"share of test films whose class has the greatest logit {area(accuracy)}, the teacher's "
            f"{area(entry.results.teacher.test.accuracy)}"
        )
    if model.parameters is not None:
        lines.append(f"{model.parameters:,} parameters, the teacher has {model.teacher_parameters:,}")
    if model.int8 is not None:
        lines.append(f"`{model.int8.artifact}`: {int8_words(model.int8)}")
    if entry.speed is not None:
        lines.append(
            f"`{entry.speed.artifact}` is {entry.speed.times:.2f} times as fast as the teacher in eager PyTorch"
        )
    return lines


def _foreign(file: Path) -> str | None:
    """The file's name, where no such command wrote it."""
    try:
        ours = read_bytes(file, MAX_BYTES).startswith(MARK.encode())
    except CxrError:
        ours = False
    return None if ours else file.name
