"""Which films each model learns from, and which it is measured on: the recipe's own split, or folds over all films."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxredge.baselines.patient_folds import owners, patient_folds
from cxredge.data.data_sets import DataSet, open_data
from cxredge.data.film import SPLITS
from cxredge.data.licences import allowed_films
from cxredge.distill.record import MIN_CASES
from cxredge.errors import InputError, counted
from cxredge.parity.paired import too_few
from cxredge.recipe import Recipe
from cxredge.recipe_data import PhantomData
from cxredge.stages import cache_folder

if TYPE_CHECKING:
    from cxredge.data.film import Film

VAL_PARTS = 8
"""Of the films that a fold leaves, one part in so many is val: it watches a training, and sets INT8 ranges."""
FILMS_AT_LEAST = 1
"""A phantom patient has at least one film."""


@dataclass(frozen=True, eq=False)
class Part:
    """What one model has: films of train, val and test, and the places of test among all that are measured.

    source: the data set that the films of train and val are from, where they have the split that they have there.
    """

    films: dict[str, tuple[Film, ...]]
    places: NDArray[np.intp]
    source: DataSet

    def data(self) -> DataSet:
        """As a data set of its own, whose films are in place. Raises InputError DATA-LEAK."""
        there = {film.file: film for films in self.films.values() for film in films}
        every = (replace(film, split=split) for split, films in self.films.items() for film in films)
        source = self.source
        masks = (lambda film: source.masks(there[film.file])) if source.has_masks else None
        return DataSet(source.name, tuple(every), None, masks)


@dataclass(frozen=True)
class Compared:
    """left_out: labels that are not in the mean AUC, and why. no_interval: why that has no interval; None: it has."""

    left_out: dict[str, str]
    no_interval: str | None


@dataclass(frozen=True, eq=False)
class HeldOut:
    """measured: every film that is measured, once. parts: of each seed, what its models learn from and answer."""

    measured: tuple[Film, ...]
    parts: tuple[tuple[Part, ...], ...]
    open_films: int = 0
    """Films that only ever teach, for one of their patient leaves a label open."""

    @property
    def truth(self) -> NDArray[np.bool_]:
        """bool[N, C] of the measured films."""
        return np.array([film.targets for film in self.measured]) > 0.5

    @property
    def patients(self) -> tuple[str, ...]:
        """Of every measured film."""
        return tuple(film.patient for film in self.measured)

    def compared(self, recipe: Recipe) -> Compared:
        """Which labels are compared.

        Those of enough patients for an interval; where no label has these, those of enough films for an AUC. One that
        some fold lacks is left out.
        """
        truth, names = self.truth, recipe.labels.names
        judged = np.array([name in recipe.labels.told for name in names])
        few = too_few(truth, self.patients, judged=judged)
        found, no_interval = dict(zip(names, few, strict=True)), None
        if all(few):
            no_interval = next((why for name, why in found.items() if name in recipe.labels.told), None)
            cases = np.minimum(truth.sum(0), (~truth).sum(0))
            for name, count in zip(names, cases, strict=True):
                if name in recipe.labels.told:
                    fewer = f"{counted(count, 'film')} of one kind, {MIN_CASES} are needed"
                    found[name] = None if count >= MIN_CASES else fewer
        self._note_absent(recipe, found)
        return Compared({name: why for name, why in found.items() if why is not None}, no_interval)

    def _note_absent(self, recipe: Recipe, found: dict[str, str | None]) -> None:
        """Of labels that were not left out yet: why, where some model's films have them all or none."""
        for at, name in enumerate(recipe.labels.names):
            for seed in self.parts:
                for number, part in enumerate(seed, 1):
                    for split in ("train", "test"):
                        told = np.array([film.targets[at] for film in part.films[split]])
                        for value, what in ((1, "positive"), (0, "negative")):
                            if found[name] is None and not (told == value).any():
                                where = f"fold {number}, {split}" if len(seed) > 1 else split
                                found[name] = f"no {what} film in {where}"


def hold_out(recipe: Recipe, seeds: Sequence[int], folds: int, test_films: int | None, drawn: bool) -> HeldOut:
    """The films of each seed's models. folds 1: the recipe's own split; test_films: see ``_more_phantoms``.

    drawn: with phantoms in their places. Raises what ``open_data`` and ``DataSet.films`` raise, and InputError
    DISTILL-LICENCE, BASELINES-FOLDS, BASELINES-TEST-FILMS.
    """
    assert recipe.distill is not None, "checked before"
    data = open_data(recipe.data, recipe.labels, cache_folder())
    more = None if test_films is None else _more_phantoms(recipe, folds, test_films)
    films = {}
    for split in SPLITS:
        chosen = more if split == "test" and more is not None else data
        listed = chosen.films(split) if drawn else chosen.listed(split)
        films[split] = tuple(allowed_films(listed, split, recipe.distill.licence_classes))
    if folds > 1:
        return _folded(recipe, data, [film for split in SPLITS for film in films[split]], seeds, folds)
    part = Part(films, np.arange(len(films["test"])), data)
    return HeldOut(films["test"], tuple((part,) for _ in seeds))


def _more_phantoms(recipe: Recipe, folds: int, wanted: int) -> DataSet:
    """A test split of ``wanted`` phantoms or a few more: of the recipe's patients, and of as many others as it takes.

    A phantom depends on its own numbers alone, so that those of the recipe's test split are the first of them. Raises
    InputError BASELINES-TEST-FILMS.
    """
    if not isinstance(recipe.data, PhantomData) or folds > 1:
        what = "folds measure all films" if folds > 1 else f"{recipe.data.name} has the films that it has"  # type: ignore[union-attr]
        raise InputError(
            "BASELINES-TEST-FILMS",
            f"{what}: no more can be drawn",
            "leave --test-films out; it is for recipes whose data are phantoms, and without --folds",
        )

    def test(patients: int) -> DataSet:
        only = recipe.data.model_copy(update={"patients": {"test": patients}})
        return open_data(only, recipe.labels, cache_folder())

    every = test(-(-wanted // FILMS_AT_LEAST)).listed("test")
    return test(len({film.patient for film in every[:wanted]}))


def _folded(recipe: Recipe, data: DataSet, films: Sequence[Film], seeds: Sequence[int], folds: int) -> HeldOut:
    told = [at for at, name in enumerate(recipe.labels.names) if name in recipe.labels.told]
    targets = np.array([film.targets for film in films])[:, told]
    owner = owners(films)
    open_ones = np.isin(owner, owner[np.isnan(targets).any(1)])
    held = np.flatnonzero(~open_ones)
    patients = len(np.unique(owner[held]))
    if patients < folds:
        raise InputError(
            "BASELINES-FOLDS",
            f"{counted(patients, 'patient')} cannot be in {folds} folds",
            "ask for fewer folds, or bring films of more patients",
        )
    parts = tuple(
        tuple(_fold(data, films, targets, owner, held, fold, number, seed) for number in range(folds))
        for seed in seeds
        for fold in (_dealt(targets, owner, held, folds, seed),)
    )
    return HeldOut(tuple(films[at] for at in held), parts, int(open_ones.sum()))


def _dealt(
    targets: NDArray[np.float32], owner: NDArray[np.intp], rows: NDArray[np.intp], folds: int, seed: int
) -> NDArray[np.intp]:
    """``patient_folds`` of some rows."""
    return patient_folds(targets[rows] > 0.5, np.unique(owner[rows], return_inverse=True)[1], folds, seed)


def _fold(
    data: DataSet,
    films: Sequence[Film],
    targets: NDArray[np.float32],
    owner: NDArray[np.intp],
    held: NDArray[np.intp],
    fold: NDArray[np.intp],
    number: int,
    seed: int,
) -> Part:
    """The part that answers a fold; fold: of each row of ``held``."""
    test, rest = held[fold == number], held[fold != number]
    val = rest[_dealt(targets, owner, rest, VAL_PARTS, seed) == 0]
    train = np.setdiff1d(np.arange(len(films)), np.concatenate([test, val]))
    rows = {"train": train, "val": val, "test": test}
    for split, found in rows.items():
        if not len(found):
            raise InputError(
                "BASELINES-FOLDS",
                f"fold {number + 1} leaves no film for {split}",
                "ask for other folds, or bring films of more patients",
            )
    chosen = {split: tuple(films[at] for at in found) for split, found in rows.items()}
    return Part(chosen, np.flatnonzero(fold == number), data)
