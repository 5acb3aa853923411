"""Which columns of a set's table tell which labels: how names that a person gives become labels of a recipe."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from pydantic import ValidationError

from cxredge.data.folder_table import TABLE, Table, sets_in
from cxredge.data.label_cells import says_all
from cxredge.data.label_columns import SHOWN, usable_columns
from cxredge.data.misspelt import meant
from cxredge.data.root import data_root
from cxredge.errors import InputError, nearest, printable, some_of
from cxredge.recipe_data import FolderData, PhantomData
from cxredge.recipe_decision import Labels
from cxredge.recipe_words import words_of
from cxredge.statistics.probabilities import Kind
from cxredge.vocabulary import LABEL, MAX_LABELS

PHANTOM = "phantom"
PHANTOMS = PhantomData(source="phantom", seed=1, patients={"train": 60, "val": 80, "test": 80})
"""What is drawn where no films are at hand."""
OWN = ("file", "group", "split")


def labelled(
    name: str, labels: Sequence[str], column: str | None, kind: Kind | None
) -> tuple[FolderData | PhantomData, Labels]:
    """The data of a recipe with these labels, in this order.

    name: of a set in ``CXR_DATA``, or ``phantom``. column: holds the label's name, of exclusive classes; None: the only
    one whose cells are all labels. kind: None: what the table tells. Labels of independent findings that the table has
    no 0/1 column of are not judged; one alone may be a class of such a column: films of that class have it, and others
    do not. Raises InputError LABELS-NAME, LABELS-SPELLING, LABELS-CELLS, LABELS-KIND, LABELS-COLUMN, LABELS-NONE, and
    what reading the table raises.
    """
    check_names(labels)
    folder = set_folder(name)
    if folder is None:
        from cxredge.phantoms.lesions import PHANTOM_LABELS

        _check_spelling(labels, PHANTOM_LABELS, "the phantoms have")
        told = [label for label in labels if label in PHANTOM_LABELS]
        return PHANTOMS, _labels(labels, kind or "multi-label", told, PHANTOM_LABELS)
    table = Table(folder)
    cells = {head: found for head, found in table.cells().items() if head not in OWN}
    flags, texts = usable_columns(cells)
    told = [label for label in labels if label in flags and table.header.count(label) == 1]
    alone = len(labels) == 1 and not told and kind != "single-label"
    if alone and (chosen := _one_class(table, labels[0], {h: cells[h] for h in texts}, column)) is not None:
        return FolderData(source="folder", name=name, label_column=chosen), Labels(names=(labels[0],))
    columns = (
        [column] if column is not None else [head for head, found in cells.items() if found and found <= set(labels)]
    )
    known = _known(cells, flags, texts)
    if kind is None:
        kind = _kind(table, labels, told, columns, column is not None, known)
    if kind == "multi-label" and column is not None:
        table.check_columns((column,))
        classes = cells.get(column, set())
        if len(classes) <= MAX_LABELS:
            _check_spelling(labels, sorted(classes), f"{table.path}, column {column}, has")
        told = [label for label in labels if label in classes]
        known = [_column(column, classes)] if classes else known
        return FolderData(source="folder", name=name, label_column=column), _labels(labels, kind, told, known)
    if kind == "multi-label":
        _check_cells(table, labels, cells)
        _check_spelling(labels, [head for head, found in cells.items() if says_all(found)], f"{table.path} has")
        return FolderData(source="folder", name=name), _labels(labels, kind, told, known)
    if not columns:
        _check_spelling(labels, [value for head in texts for value in sorted(cells[head])], f"{table.path} has")
        raise InputError(
            "LABELS-COLUMN",
            f"{table.path} has no column in which every cell is one of the labels {', '.join(map(printable, labels))}",
            "name the column with the class's name (--label-column), and every class that is in it (--labels)",
            [_column(head, cells[head]) for head in texts] or list(cells),
        )
    if len(columns) > 1:
        raise InputError(
            "LABELS-COLUMN", f"{len(columns)} columns of {table.path} name these labels", "say which: --label-column",
            columns,
        )  # fmt: skip
    return FolderData(source="folder", name=name, label_column=columns[0]), _labels(labels, kind, labels, known)


def set_folder(name: str) -> Path | None:
    """The folder of a set in ``CXR_DATA``; None for phantoms. Raises InputError DATA-MISSING."""
    if name == PHANTOM:
        return None
    folder = data_root() / name
    if not (folder / TABLE).is_file():
        raise InputError(
            "DATA-MISSING", f"there is no set {printable(name)} in the folder of data sets", "choose one",
            [*nearest(name, sets_in(data_root())), PHANTOM],
        )  # fmt: skip
    return folder


def _one_class(table: Table, label: str, classes: Mapping[str, Set[str]], column: str | None) -> str | None:
    """The column of which the only label is a class. Raises InputError LABELS-COLUMN: there are several."""
    columns = [head for head, found in classes.items() if label in found and column in (None, head)]
    if len(columns) > 1:
        raise InputError(
            "LABELS-COLUMN", f"{len(columns)} columns of {table.path} have {label}", "say which: --label-column",
            columns,
        )  # fmt: skip
    return columns[0] if columns else None


def _check_spelling(labels: Sequence[str], names: Sequence[str], has: str) -> None:
    """Raises InputError LABELS-SPELLING: a label is almost surely meant to be one of ``names``, but for its letters."""
    free = [name for name in names if name not in labels]
    for label in labels:
        found = [] if label in names else meant(label, free)
        if found:
            raise InputError(
                "LABELS-SPELLING",
                f"{has} no {printable(label)}, and it has {', '.join(map(printable, found))}",
                "write the label as the set does, or give the set's column a name that a label may have"
                if not re.fullmatch(LABEL, found[0])
                else "write the label as the set does",
                found,
            )


def _check_cells(table: Table, labels: Sequence[str], cells: Mapping[str, Set[str]]) -> None:
    """Raises InputError LABELS-CELLS: a column is called like a label, and holds more than 0 and 1; DATA-COLUMN."""
    for label in labels:
        if label not in cells:
            continue
        table.check_columns((label,))
        if odd := sorted(cell for cell in cells[label] if not says_all({cell})):
            raise InputError(
                "LABELS-CELLS",
                f"{table.path}, column {label}, holds {', '.join(repr(cell[:SHOWN]) for cell in odd[:5])}",
                "write 0 or 1 where that is known, and take rows out where it is not; or rename the column: what has "
                "no column is exported and not judged",
            )


def check_names(labels: Sequence[str]) -> None:
    """Raises InputError LABELS-NAME: a label stands twice, or is no word."""
    for number, label in enumerate(labels):
        if label in labels[:number]:
            raise InputError(
                "LABELS-NAME", f"{printable(label)} is named twice", "name each label once, in the outputs' order"
            )
        if not re.fullmatch(LABEL, label):
            mended = re.sub(r"\W+", "_", label).strip("_")
            raise InputError(
                "LABELS-NAME",
                f"{printable(label)} is no name of a label",
                "use letters, digits and _, a letter first; what people read is written as `display` in the recipe",
                [mended] if re.fullmatch(LABEL, mended) else [],
            )


def _kind(
    table: Table, labels: Sequence[str], told: Sequence[str], columns: Sequence[str], said: bool, known: Sequence[str]
) -> Kind:
    """said: whether the column was named by hand."""
    if said or (columns and not told):
        return "single-label"
    if told and not columns:
        return "multi-label"
    if not told and not columns:
        cells = table.cells()
        _check_cells(table, labels, {head: found for head, found in cells.items() if head not in OWN})
        flags, texts = usable_columns(cells)
        _check_spelling(labels, [*flags, *(v for head in texts for v in sorted(cells[head]))], f"{table.path} has")
        raise InputError(
            "LABELS-NONE",
            f"no column of the table tells {', '.join(map(printable, labels)) or 'them'}",
            "write labels as its 0/1 columns are called, or name every class of one column",
            known,
        )
    raise InputError(
        "LABELS-KIND",
        "the table does not tell whether the labels are independent findings or classes that exclude each other",
        "say --kind",
        ["multi-label", "single-label"],
    )


def _labels(labels: Sequence[str], kind: Kind, told: Sequence[str], known: Sequence[str]) -> Labels:
    """Raises InputError LABELS-NAME or LABELS-NONE."""
    if not told:
        raise InputError(
            "LABELS-NONE",
            f"the films tell none of {', '.join(map(printable, labels))}",
            "write the labels as the set's columns are called, or choose another set (--data)",
            known,
        )
    untold = [label for label in labels if label not in told]
    tree = {"kind": kind, "names": tuple(labels), **({"not_judged": tuple(untold)} if untold else {})}
    try:
        return Labels.model_validate(tree)
    except ValidationError as error:
        said = error.errors()[0]
        place = (said["loc"][1:] and f"{printable(str(said['input']))}: ") or ""
        raise InputError(
            "LABELS-NAME",
            f"{place}{words_of(said)}",
            "name each label once, with a letter first, then letters, digits and _",
        ) from error


def _known(cells: Mapping[str, Set[str]], flags: Sequence[str], texts: Sequence[str]) -> list[str]:
    """What labels could be called: 0/1 columns, and the classes of every other column."""
    return [*flags, *(_column(head, cells[head]) for head in texts)][:MAX_LABELS]


def _column(head: str, classes: Set[str]) -> str:
    """A column with its classes, as ``subtype: bacteria/normal/virus``."""
    return f"{head}: {some_of(sorted(classes), '/', 12)}"
