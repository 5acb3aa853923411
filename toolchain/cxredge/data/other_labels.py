"""What a table of other films says of a bundle's labels: by their own names, or by names that a person maps to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cxredge.data.folder_table import Table, bad_cell
from cxredge.data.label_cells import SURE, Said, read_cell
from cxredge.data.label_columns import DESCRIBING, usable_columns
from cxredge.data.misspelt import meant
from cxredge.errors import InputError, nearest, printable, some_of
from cxredge.recipe import Recipe
from cxredge.recipe_data import FolderData
from cxredge.recipe_decision import Labels

NAMED = ("file", "group", "view", "sex", "age", "source")
"""Columns that a table may call otherwise, beside labels."""
ASIDE = "judge without labels: --no-labels"
Row = Mapping[str, str]


@dataclass(frozen=True)
class Told:
    """Which labels a table tells, and how. labels: the recipe's, the others as not judged."""

    table: Table | None
    labels: Labels
    column: str | None = None
    """Names each film's class; None: a 0/1 column a label."""
    classes: Mapping[str, str] = field(default_factory=dict)
    """The recipe's name of a class by the table's, where they differ."""

    @classmethod
    def nothing(cls, labels: Labels) -> Told:
        """No label."""
        # not by validation: that exclusive classes may be unknown is no recipe's business
        return cls(None, labels.model_copy(update={"not_judged": labels.names}))

    @property
    def read(self) -> frozenset[str]:
        """Columns that say no more of a film than its labels, place and patient."""
        return frozenset({"file", "group", "split", *((self.column,) if self.column else self.labels.told)})

    def targets(self, line: int, row: Row) -> NDArray[np.float32]:
        """float32[C]. Raises InputError DATA-VALUE."""
        names, told = self.labels.names, self.labels.told
        if not told or self.table is None:
            return np.zeros(len(names), np.float32)
        if self.column is not None:
            cell = self.classes.get(row[self.column], row[self.column])
            return np.array([name == cell and name in told for name in names], np.float32)
        said = {name: read_cell(row[name]) for name in told}
        for name, what in said.items():
            if what is None:
                raise bad_cell(self.table, line, name, row[name], f"write whether it is there, or {ASIDE}", SURE)
            if what not in (Said.ABSENT, Said.PRESENT):
                raise bad_cell(
                    self.table,
                    line,
                    name,
                    row[name],
                    "films that a bundle is judged on tell every label that has a column: take the row out, or the "
                    f"column, and {name} is not judged; or {ASIDE}",
                )
        return np.array([said.get(name) == Said.PRESENT for name in names], np.float32)


def renamed_columns(table: Table, recipe: Recipe, names: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The recipe's name of every column of ``table``, and of those classes in its cells that it calls otherwise.

    names: the recipe's by the table's. Raises InputError FILMS-MAP.
    """
    columns = {head: head for head in table.header}
    classes: dict[str, str] = {}
    column = recipe.data.label_column if isinstance(recipe.data, FolderData) else None
    exclusive = recipe.labels.kind == "single-label"
    cells = {cell for found in table.cells().values() for cell in found} if exclusive else set()
    heads = [*NAMED, *([column] if column else []), *(() if exclusive else recipe.labels.names)]
    for theirs, ours in names.items():
        taken = [columns[head] for head in table.header if head != theirs and (head in classes or head not in names)]
        if theirs in columns and ours in heads:
            if ours in [*taken, *(columns[head] for head in names if head in columns and head != theirs)]:
                raise InputError(
                    "FILMS-MAP",
                    f"{printable(theirs)} cannot be {printable(ours)}: another column of {table.path} is",
                    "map one column to each",
                )
            columns[theirs] = ours
        elif theirs in cells and ours in recipe.labels.names:
            classes[theirs] = ours
        elif theirs in columns or theirs in cells:
            known = recipe.labels.names if theirs in cells else heads
            raise InputError(
                "FILMS-MAP",
                f"the model has nothing called {printable(ours)}",
                "map it to one of these",
                nearest(ours, known),
            )
        else:
            what = "column or class" if exclusive else "column"
            raise InputError(
                "FILMS-MAP",
                f"{table.path} has no {what} {printable(theirs)}",
                "name it as the table does, and then what the model calls it: --map THEIRS=OURS",
                nearest(theirs, table.header),
            )
    return columns, classes


def labels_told(
    table: Table, recipe: Recipe, heads: Sequence[str], rows: Sequence[tuple[int, Row]], classes: Mapping[str, str]
) -> Told:
    """Which of the recipe's labels the table tells, its columns called ``heads``: nothing, where it has no labels.

    Raises InputError FILMS-LABELS (it has others, or one that is misspelt), FILMS-COLUMN (several columns may be
    meant), DATA-COLUMN.
    """
    cells = {head: {row[head] for _, row in rows} for head in heads}
    if recipe.labels.kind == "single-label":
        return _class_told(table, recipe, cells, classes)
    labels = recipe.labels
    told = [name for name in labels.names if name in cells]
    for name in told:
        if heads.count(name) > 1:
            raise InputError("DATA-COLUMN", f"{table.path} has twice the column {name}", "rename one of them")
    column = recipe.data.label_column if isinstance(recipe.data, FolderData) else None
    if not told and column in cells:
        told = [name for name in labels.names if name in cells[column]]
    else:
        column = None
    free = [head for head in heads if head not in told and head not in DESCRIBING]
    for name in labels.names:
        if name not in told and (near := meant(name, free)):
            raise InputError(
                "FILMS-LABELS",
                f"{table.path} has no column {name}, and it has {', '.join(map(printable, near))}",
                f"if it tells {name}: --map '{printable(near[0])}={name}'; else rename it, or {ASIDE}",
            )
    if not told:
        return _none_told(table, recipe, cells)
    return Told(table, _judged(labels, told), column)


def _class_told(table: Table, recipe: Recipe, cells: Mapping[str, set[str]], classes: Mapping[str, str]) -> Told:
    names, own = set(recipe.labels.names), recipe.data.label_column if isinstance(recipe.data, FolderData) else None
    fit = [
        head
        for head, found in cells.items()
        if found and head not in DESCRIBING and {classes.get(cell, cell) for cell in found} <= names
    ]
    if own in fit:
        fit = [own]
    if len(fit) > 1:
        raise InputError(
            "FILMS-COLUMN",
            f"{len(fit)} columns of {table.path} name the model's classes",
            f"say which: --map 'THEIRS={own}'" if own else "rename one of them",
            fit,
        )
    if not fit:
        return _none_told(table, recipe, cells)
    return Told(table, recipe.labels, fit[0], classes)


def _none_told(table: Table, recipe: Recipe, cells: Mapping[str, set[str]]) -> Told:
    """Nothing, where the table has no labels. Raises InputError FILMS-LABELS: it has others."""
    flags, texts = usable_columns(cells)
    if not flags and not texts:
        return Told.nothing(recipe.labels)
    names = recipe.labels.names
    exclusive = recipe.labels.kind == "single-label"
    what = "has no column of which every cell is one of" if exclusive else "has a column for none of"
    raise InputError(
        "FILMS-LABELS",
        f"{table.path} {what} the model's labels {', '.join(names)}",
        f"say what the table calls them: --map THEIRS={names[0]}, as often as needed; or {ASIDE}",
        [*(() if exclusive else flags), *(f"{head}: {some_of(sorted(cells[head]), '/', 12)}" for head in texts)][:40],
    )


def _judged(labels: Labels, told: Sequence[str]) -> Labels:
    return labels.model_copy(update={"not_judged": tuple(name for name in labels.names if name not in told)})
