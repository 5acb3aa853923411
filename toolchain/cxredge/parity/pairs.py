"""What is compared: the reference's and one artifact's logits of the same films."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cxredge.statistics.arguments import check


class FilmFacts(Protocol):
    """What evidence needs to know of a film; ``data.film.Film`` knows it."""

    @property
    def file(self) -> str:
        """Place in the data set's folder."""

    @property
    def patient(self) -> str:
        """Films with equal patients are not independent."""

    @property
    def targets(self) -> NDArray[np.float32]:
        """float32[C], 0 or 1, in the order of the recipe's labels; of those that are not judged it says nothing."""

    @property
    def columns(self) -> Mapping[str, str]:
        """The film's other cells in its data set: view, sex, age, source ..."""


class Both(NamedTuple):
    """The same output of the reference and of the artifact on the same pictures, in the same order."""

    reference: NDArray[np.float32]
    artifact: NDArray[np.float32]

    def part(self, rows: NDArray[np.intp]) -> Both:
        """Some of the pictures."""
        return Both(self.reference[rows], self.artifact[rows])


@dataclass(frozen=True, eq=False)
class Pair:
    """Logits of the reference and of the artifact, float32[N, C], on ``films``, in their order.

    Raises InputError STATISTICS-SHAPE (films, reference and artifact do not fit, or there is no film), STATISTICS-VALUE
    (NaN or infinity).
    """

    films: Sequence[FilmFacts]
    reference: NDArray[np.float32]
    artifact: NDArray[np.float32]
    not_judged: tuple[int, ...] = ()
    """Places of the labels that the films do not tell."""

    def __post_init__(self) -> None:
        for logits in (self.reference, self.artifact):
            check(self.truth, logits)

    @property
    def truth(self) -> NDArray[np.bool_]:
        """bool[N, C]: what the data set says; it means nothing where a label is not ``judged``."""
        return np.array([film.targets for film in self.films]) > 0.5

    @property
    def judged(self) -> NDArray[np.bool_]:
        """bool[C]: the labels that the films tell."""
        return ~np.isin(np.arange(self.reference.shape[1]), self.not_judged)

    @property
    def patients(self) -> tuple[str, ...]:
        """Of every film."""
        return tuple(film.patient for film in self.films)

    def part(self, rows: Sequence[int]) -> Pair:
        """The films of these rows alone; at least one."""
        films = [self.films[i] for i in rows]
        return replace(self, films=films, reference=self.reference[list(rows)], artifact=self.artifact[list(rows)])
