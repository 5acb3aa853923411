"""The films of one distillation: preprocessed once, held in memory, checked for their licences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cxredge.errors import InputError

if TYPE_CHECKING:
    from cxredge.data.data_sets import DataSet
    from cxredge.data.film import Film
    from cxredge.recipe import Recipe

SPLITS = ("train", "val", "test")
UNSTATED = "unspecified"


@dataclass(frozen=True)
class Films:
    """One split: images uint8[N, ch, H, W], targets float32[N, C] of 0 and 1, and each film's patient.

    Targets of labels that are not judged are 0, and mean nothing.
    """

    images: Tensor
    targets: Tensor
    patients: tuple[str, ...]

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


def load_splits(recipe: Recipe, data_set: DataSet, allowed: Sequence[str]) -> Splits:
    """Read and preprocess the films whose ``licence_class`` is in ``allowed``.

    No patient is in two splits: ``DataSet`` refuses that (DATA-LEAK). Raises InputError DISTILL-LICENCE (a split has no
    such film) and what ``DataSet.films`` and ``preprocess_films`` raise.
    """
    chosen: dict[str, list[Film]] = {}
    used: Counter[str] = Counter()
    excluded: Counter[str] = Counter()
    for split in SPLITS:
        chosen[split] = allowed_films(data_set, split, allowed)
        used.update(_licence(f) for f in chosen[split])
        excluded.update(_licence(f) for f in data_set.films(split) if _licence(f) not in allowed)
    parts = {split: read_films(recipe, split, films) for split, films in chosen.items()}
    return Splits(**parts, used=dict(sorted(used.items())), excluded=dict(sorted(excluded.items())))


def allowed_films(data_set: DataSet, split: str, allowed: Sequence[str]) -> list[Film]:
    """The split's films whose licence class is in ``allowed``. Raises InputError DISTILL-LICENCE when there is none."""
    films = data_set.films(split)
    chosen = [f for f in films if _licence(f) in allowed]
    if not chosen:
        raise InputError(
            "DISTILL-LICENCE",
            f"of the {len(films)} {split} films none has a licence class that the recipe allows",
            f"use data whose licence_class is {' or '.join(allowed)}",
        )
    return chosen


def _licence(film: Film) -> str:
    return film.columns.get("licence_class") or UNSTATED


def read_films(recipe: Recipe, split: str, films: Sequence[Film]) -> Films:
    """Preprocess ``films`` of ``split``. Raises what ``preprocess_films`` raises."""
    from cxredge.images.preprocess import preprocess_films

    images = preprocess_films([f.source for f in films], recipe.input, f"Preprocessing {split}")
    targets = torch.stack([torch.as_tensor(f.targets, dtype=torch.float32) for f in films])
    return Films(torch.from_numpy(images), targets, tuple(f.patient for f in films))
