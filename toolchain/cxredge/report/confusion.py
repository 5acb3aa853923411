"""Confusion matrices as the page shows them: whole, or of the drawn classes where there are many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cxredge.decision import UNCERTAIN
from cxredge.evidence_decisions import Confusion

OTHER = "another class"


@dataclass(frozen=True)
class Cell:
    """Films of one class that got one answer."""

    films: int
    share: float | None
    """Of the class's films; None where there are none."""
    right: bool


@dataclass(frozen=True)
class MatrixRow:
    """One class that the data set says."""

    says: str
    films: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Matrix:
    """The answers of one model."""

    model: str
    columns: tuple[str, ...]
    """The classes drawn, the others together where some are not drawn, and uncertain."""
    rows: tuple[MatrixRow, ...]


def matrices(found: Confusion, artifact: str, drawn: Sequence[int]) -> tuple[Matrix, Matrix]:
    """The reference's and the artifact's; drawn: places of the classes that are shown, in their order."""
    return _matrix(found, "reference", found.reference, drawn), _matrix(found, artifact, found.artifact, drawn)


def _matrix(found: Confusion, model: str, counts: Sequence[Sequence[int]], drawn: Sequence[int]) -> Matrix:
    names = tuple(found.classes[i] for i in drawn)
    partly = len(drawn) < len(found.classes)
    rows = []
    for i in drawn:
        films = sum(counts[i])
        answers = [counts[i][j] for j in drawn]
        if partly:
            answers.append(sum(counts[i][:-1]) - sum(answers))
        answers.append(counts[i][-1])
        cells = [Cell(n, n / films if films else None, j < len(drawn) and drawn[j] == i) for j, n in enumerate(answers)]
        rows.append(MatrixRow(found.classes[i], films, tuple(cells)))
    return Matrix(model, (*names, *((OTHER,) if partly else ()), UNCERTAIN), tuple(rows))
