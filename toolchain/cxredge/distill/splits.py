"""The films of one distillation: preprocessed once, mapped into memory, checked for their licences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cxredge.data.film_sources import sources_of
from cxredge.data.leaks import MOST, FilmLeaks, Leak
from cxredge.data.licences import allowed_films, licence
from cxredge.data.mask_pixels import MaskPixels
from cxredge.data.pixels import FilmPixels
from cxredge.errors import InputError
from cxredge.recipe import Recipe
from cxredge.recipe_data import PhantomData
from cxredge.recipe_input import InputSpec
from cxredge.stages import Cache

if TYPE_CHECKING:
    from cxredge.data.data_sets import DataSet
    from cxredge.data.film import Film

SPLITS = ("train", "val", "test")
LABEL_SOURCE = "label_source"
"""Column of a data set for what its labels come from."""


@dataclass(frozen=True)
class Films:
    """One split: images uint8[N, ch, H, W], targets float32[N, C] of 0 and 1, and each film's patient.

    Targets of labels that are not judged are 0, and mean nothing; NaN are those that a film of train does not tell.
    """

    images: Tensor
    targets: Tensor
    patients: tuple[str, ...]
    names: tuple[str, ...]
    """Each film's place in its set."""
    digest: str
    """The hash that names the films and their order."""
    sources: tuple[str, ...] = ()
    """Where each is from, as the column that a recipe balances says; empty: it balances none."""
    masks: Tensor | None = None
    """uint8[N, C, H, W], 255 where a label's finding lies; None: no loss looks at them."""

    def __len__(self) -> int:
        return len(self.patients)


@dataclass(frozen=True)
class Splits:
    """Train, val and test without a common patient, and the number of films by licence class, used and left out."""

    train: Films
    val: Films
    test: Films
    used: dict[str, int]
    excluded: dict[str, int]
    label_source: str | None = None
    """What the labels come from, where the data set says that of every film alike."""
    leaks: tuple[Leak, ...] | None = ()
    """Films of two splits that seem to be one picture; None: too many films to compare them all."""


def load_splits(recipe: Recipe, data_set: DataSet, allowed: Sequence[str]) -> Splits:
    """Read and preprocess the films whose ``licence_class`` is in ``allowed``.

    No patient is in two splits: ``DataSet`` refuses that (DATA-LEAK). Raises InputError DISTILL-LICENCE (a split has no
    such film) and what ``DataSet.films`` and ``read_films`` raise.
    """
    chosen: dict[str, list[Film]] = {}
    used: Counter[str] = Counter()
    excluded: Counter[str] = Counter()
    for split in SPLITS:
        films = data_set.films(split)
        chosen[split] = allowed_films(films, split, allowed)
        used.update(licence(f) for f in chosen[split])
        excluded.update(licence(f) for f in films if licence(f) not in allowed)
    parts = {split: read_films(recipe, split, films) for split, films in chosen.items()}
    every = [film for films in chosen.values() for film in films]
    sources = {film.columns.get(LABEL_SOURCE, "").strip() for film in every}
    return Splits(
        **parts,
        used=dict(sorted(used.items())),
        excluded=dict(sorted(excluded.items())),
        label_source=next(iter(sources)) or None if len(sources) == 1 else None,
        leaks=_leaks(recipe, every),
    )


def check_masks(data_set: DataSet) -> None:
    """Raises InputError LOSS-MASKS: the data set has none."""
    if not data_set.has_masks:
        raise InputError(
            "LOSS-MASKS",
            f"a loss in distill.losses looks at masks of findings, and {data_set.name} has none",
            "leave the loss out, or take phantoms (data.source: phantom)",
        )


def with_masks(recipe: Recipe, data_set: DataSet, split: str, films: Films) -> Films:
    """``films`` of ``split`` and their masks."""
    by_name = {film.file: film for film in data_set.films(split)}
    chosen = [by_name[name] for name in films.names]
    masks = MaskPixels(data_set, chosen, films.digest, recipe.labels.names, recipe.input, split)
    return replace(films, masks=torch.from_numpy(masks.read(Cache())))


def _leaks(recipe: Recipe, films: Sequence[Film]) -> tuple[Leak, ...] | None:
    if isinstance(recipe.data, PhantomData):
        return ()  # each is drawn from numbers of its own, and they are all alike
    return FilmLeaks(films).read(Cache()) if len(films) <= MOST else None


def read_films(recipe: Recipe, split: str, films: Sequence[Film]) -> Films:
    """``films`` of ``split``, preprocessed, or from the cache. Raises what ``FilmPixels.read`` and
    ``sources_of`` raise."""
    column = None if recipe.distill is None else recipe.distill.balance
    sources = () if column is None else sources_of(films, column)
    return replace(pixels_of(films, recipe.input, split), sources=sources)


def pixels_of(films: Sequence[Film], spec: InputSpec, what: str) -> Films:
    """``films`` preprocessed for ``spec``, or from the cache; ``what`` they are called while that runs."""
    pixels = FilmPixels(films, spec, what)
    images = torch.from_numpy(pixels.read(Cache()))
    targets = torch.stack([torch.as_tensor(f.targets, dtype=torch.float32) for f in films])
    return Films(images, targets, tuple(f.patient for f in films), tuple(f.file for f in films), pixels.digest)
