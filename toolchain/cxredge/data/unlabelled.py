"""Films that a network may learn to see from, before it is told any label: those of train, of several sets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cxredge.data.data_sets import DataSet, open_data
from cxredge.data.film import Film
from cxredge.data.licences import licence
from cxredge.data.patients import key as patient_key
from cxredge.errors import InputError
from cxredge.recipe_data import FolderData, PhantomData
from cxredge.recipe_decision import Labels
from cxredge.recipe_distillation import Distillation, Pretraining
from cxredge.stages import cache_folder

NOBODY_ASKS = "any"
"""A label that no film tells: of these films none is read."""


def to_see(plan: Distillation, how: Pretraining, own: DataSet, drawn: bool = False) -> list[Film]:
    """Films of train of ``own``, the recipe's set, and of ``how.sets``, and of so many patients of phantoms.

    Without labels, whatever their sets tell. Only those of the recipe's licence classes, and none of a patient who is
    in val or test of any of these sets: one patient may stand in several. drawn: with phantoms in their places. Raises
    what ``open_data`` and ``DataSet.films`` raise, and InputError DISTILL-LICENCE where no film is left.
    """
    labels = Labels(names=(NOBODY_ASKS,), not_judged=(NOBODY_ASKS,))
    cache = cache_folder()
    sets = [own, *(open_data(FolderData(source="folder", name=name), labels, cache) for name in how.sets)]
    held_out = {patient_key(patient) for data in sets for split in ("val", "test") for patient in data.patients(split)}
    films = [
        film
        for data in sets
        for film in (data.films("train") if drawn else data.listed("train"))
        if licence(film) in plan.licence_classes and patient_key(film.patient) not in held_out
    ]
    if how.phantoms:
        phantoms = PhantomData(source="phantom", seed=plan.seed, patients={"train": how.phantoms})
        data = open_data(phantoms, labels, cache)
        films += data.films("train") if drawn else data.listed("train")
    if not films:
        raise InputError(
            "DISTILL-LICENCE",
            "of the train films for distill.pretraining none has a licence class that the recipe allows",
            f"use data whose licence_class is {' or '.join(plan.licence_classes)}",
        )
    untold = np.zeros(len(labels.names), np.float32)
    return [replace(film, targets=untold) for film in films]
