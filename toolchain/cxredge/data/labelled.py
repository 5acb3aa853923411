"""Which columns of a set's table tell which labels: how names that a person gives become labels of a recipe."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from cxredge.data.folder_table import TABLE, Table, sets_in
from cxredge.data.root import data_root
from cxredge.errors import InputError, nearest, printable
from cxredge.recipe import FolderData, PhantomData
from cxredge.recipe_decision import Labels
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
    no 0/1 column of are not judged. Raises InputError LABELS-NAME, LABELS-KIND, LABELS-COLUMN, LABELS-NONE, and what
    reading the table raises.
    """
    _check_names(labels)
    if name == PHANTOM:
        from cxredge.phantoms.lesions import PHANTOM_LABELS

        return PHANTOMS, _labels(labels, kind or "multi-label", [label for label in labels if label in PHANTOM_LABELS])
    folder = data_root() / name
    if not (folder / TABLE).is_file():
        raise InputError(
            "DATA-MISSING", f"there is no set {printable(name)} in the folder of data sets", "choose one",
            [*nearest(name, sets_in(data_root())), PHANTOM],
        )  # fmt: skip
    table = Table(folder)
    cells = {head: found for head, found in table.cells().items() if table.header.count(head) == 1}
    told = [label for label in labels if label in cells and _is_binary(cells[label])]
    classes = {head: found for head, found in cells.items() if head not in OWN}
    columns = (
        [head for head, found in classes.items() if found and found <= set(labels)] if column is None else [column]
    )
    if kind is None:
        kind = _kind(told, columns, column, _known(classes, labels))
    if kind == "multi-label":
        return FolderData(source="folder", name=name), _labels(labels, kind, told)
    if not columns:
        raise InputError(
            "LABELS-COLUMN",
            f"{table.path} has no column in which every cell is one of the labels {', '.join(map(printable, labels))}",
            "name the column with the class's name (--label-column), and every class that is in it (--labels)",
            [head for head in table.header if head not in OWN],
        )
    if len(columns) > 1:
        raise InputError(
            "LABELS-COLUMN", f"{len(columns)} columns of {table.path} name these labels", "say which: --label-column",
            columns,
        )  # fmt: skip
    return FolderData(source="folder", name=name, label_column=columns[0]), _labels(labels, kind, labels)


def _check_names(labels: Sequence[str]) -> None:
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


def _kind(told: Sequence[str], columns: Sequence[str], column: str | None, known: Sequence[str]) -> Kind:
    if column is not None or (columns and not told):
        return "single-label"
    if told and not columns:
        return "multi-label"
    if not told and not columns:
        raise InputError(
            "LABELS-NONE",
            "no column of the table tells these labels",
            "write them as its 0/1 columns are called, or name every class of one column",
            known,
        )
    raise InputError(
        "LABELS-KIND",
        "the table does not tell whether the labels are independent findings or classes that exclude each other",
        "say --kind",
        ["multi-label", "single-label"],
    )


def _labels(labels: Sequence[str], kind: Kind, told: Sequence[str]) -> Labels:
    """Raises InputError LABELS-NAME or LABELS-NONE."""
    if not told:
        raise InputError(
            "LABELS-NONE",
            f"the films tell none of {', '.join(map(printable, labels))}",
            "write the labels as the set's columns are called, or choose another set (--data)",
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
            f"{place}{said['msg'].removeprefix('Value error, ')}",
            "name each label once, with a letter first, then letters, digits and _",
        ) from error


def _is_binary(cells: set[str]) -> bool:
    """Whether a column is one of 0 and 1."""
    return cells <= {"0", "1"}


def _known(classes: Mapping[str, set[str]], labels: Sequence[str]) -> list[str]:
    """What labels could be called: 0/1 columns, and the cells of columns that share one with ``labels``."""
    found = [head for head, cells in classes.items() if _is_binary(cells)]
    for cells in classes.values():
        if len(cells) <= MAX_LABELS and cells & set(labels):
            found += sorted(cells)
    return found[:MAX_LABELS]
