"""``cxredge init``: a whole recipe, with comments, from a data set's table.

Its text comes from ``templates/recipe.yaml.j2``.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxredge.data.data_sets import open_data
from cxredge.data.film import SPLITS, Film
from cxredge.data.folder_table import Table, sets_in
from cxredge.data.label_columns import labels_of, left_open
from cxredge.data.root import data_root
from cxredge.errors import InputError
from cxredge.files import fresh_directory, write_text
from cxredge.images.preprocess import preprocess
from cxredge.path_errors import shown
from cxredge.recipe_calibration import MIN_CALIBRATION_FILMS, USUAL_CALIBRATION_FILMS
from cxredge.recipe_data import FolderData
from cxredge.recipe_decision import Labels, Uncertain
from cxredge.recipe_file import ZOO, parse_recipe
from cxredge.recipe_input import InputSpec
from cxredge.recipe_shipping import SHIPPED
from cxredge.text_templates import templates
from cxredge.vocabulary import SLUG

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Count:
    """One split: its films, their patients, and by label the films that have it."""

    films: int
    patients: int
    positives: dict[str, int]


@dataclass(frozen=True)
class Facts:
    """What a recipe is written from."""

    set: str
    """The data set's name."""
    labels: Labels
    label_column: str | None
    left_out: tuple[str, ...]
    """0/1 columns that say that there is no finding."""
    uncertain: dict[str, int]
    """By label the train films that are uncertain of it, where there are any: a recipe must say what they count as."""
    unlabelled: dict[str, int]
    """By label the train films whose cell is empty."""
    channels: int
    """3 where films are in colour."""
    size: int
    counts: dict[str, Count]
    """By split."""
    licences: dict[str, int]
    """Films by licence class; "" where a film states none."""
    weak: dict[str, tuple[str, ...]]
    """By label, what there are too few films for, in words for comments."""

    @property
    def calibration(self) -> int:
        """Calibration films: all of val, as far as that helps, and never fewer than a build takes."""
        return max(MIN_CALIBRATION_FILMS, min(USUAL_CALIBRATION_FILMS, self.counts["val"].films))

    @property
    def allowed(self) -> list[str]:
        """Licence classes found that a training may use."""
        return [name for name in SHIPPED if name in self.licences]


def init_recipe(data: str, name: str, column: str | None, labels: Sequence[str], size: int) -> tuple[Path, Facts]:
    """Write ``model_zoo/<name>/model.yaml`` for the set ``data`` under ``CXR_DATA``; it loads as it is.

    column, labels: which columns hold the labels (``labels_of``). Raises InputError INIT-NAME, INIT-EXISTS,
    INIT-LABELS, INIT-SPLIT, DATA-*, PATH-WRITE.
    """
    if re.fullmatch(SLUG, name) is None:
        raise InputError(
            "INIT-NAME",
            f"{name[:80]!a} is no recipe's name",
            "use small letters, digits and -, a letter first, at most 40",
        )
    goal = ZOO / name
    if os.path.lexists(goal):
        raise InputError("INIT-EXISTS", f"{shown(goal)} is already there", "choose another --name, or move it away")
    found = facts(data, column, labels, size)
    text = templates(TEMPLATES).get_template("recipe.yaml.j2").render(name=name, f=found)
    parse_recipe(text.encode(), shown(goal / "model.yaml"))
    with fresh_directory(goal) as folder:
        write_text(folder / "model.yaml", text)
    return goal, found


def facts(data: str, column: str | None, labels: Sequence[str], size: int) -> Facts:
    """Look at the set. Raises InputError INIT-LABELS, INIT-SPLIT, DATA-*."""
    root = data_root()
    known = sets_in(root)
    if data not in known:
        raise InputError(
            "DATA-MISSING",
            f"there is no set {data[:80]!a}, a folder with labels.csv, in {root}",
            "name a set there, or set CXR_DATA to the folder that holds yours",
            known,
        )
    wanted, label_column, left_out = labels_of(root / data, column, labels)
    uncertain, unlabelled = ({}, {}) if label_column else left_open(Table(root / data), wanted.names)
    # for counting alone: what open findings count as is for the recipe's writer to say
    counted = wanted.model_copy(
        update={"uncertain": Uncertain(default="ignore"), "unlabelled": "ignore"} if uncertain or unlabelled else {}
    )
    whole = open_data(FolderData(source="folder", name=data, label_column=label_column), counted, root)
    counts, licences, films = {}, Counter[str](), {}
    for split in SPLITS:
        if not whole.patients(split):
            raise InputError(
                "INIT-SPLIT",
                f"{data} has no {split} films",
                "give every film a split: train, val (thresholds, calibration) or test (figures), by patient",
            )
        films[split] = whole.films(split)
        positives = {
            label: sum(bool(film.targets[i] == 1) for film in films[split]) for i, label in enumerate(wanted.names)
        }
        counts[split] = Count(len(films[split]), len({film.patient for film in films[split]}), positives)
        licences.update(film.columns.get("licence_class", "") for film in films[split])
    weak = _weak(wanted, counts["val"], films["test"])
    channels = _channels([films[split][0] for split in SPLITS], size)
    return Facts(
        set=data,
        labels=wanted,
        label_column=label_column,
        left_out=left_out,
        uncertain=uncertain,
        unlabelled=unlabelled,
        channels=channels,
        size=size,
        counts=counts,
        licences=dict(sorted(licences.items())),
        weak=weak,
    )


def _channels(films: Sequence[Film], size: int) -> int:
    """3 where each of ``films`` is refused as grey for its colour, else 1. A film that is refused for anything else is
    in no colour that is known here, and named by the command that reads it."""
    spec = InputSpec(spec=1, channels=1, height=size, width=size, fit="pad")
    for film in films:
        try:
            preprocess(film.source, spec)
        except InputError as refusal:
            if refusal.code == "IMG-COLOUR":
                continue
        return 1
    return 3


def _weak(labels: Labels, val: Count, test: Sequence[Film]) -> dict[str, tuple[str, ...]]:
    from cxredge.parity.paired import too_few
    from cxredge.statistics.cuts import MIN_CASES

    truth = np.array([film.targets for film in test]) > 0.5
    figures = too_few(truth, [film.patient for film in test])
    found = {}
    for label, few in zip(labels.names, figures, strict=True):
        lines = [] if few is None else [f"too few in test for its figures: {few}"]
        held = val.positives[label]
        for number, what in ((held, "with"), (val.films - held, "without")):
            if labels.kind == "multi-label" and number < MIN_CASES:
                lines.append(f"too few in val for a threshold: films {what} it: {number}, {MIN_CASES} are needed")
        found[label] = tuple(lines)
    return found
