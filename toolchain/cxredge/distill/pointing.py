"""The pointing game: how often a model's map of a finding has its peak in the finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from cxredge.distill.record import Hits, Pointing
from cxredge.parity.heatmaps import holds, peaks_on_film
from cxredge.progress import track

if TYPE_CHECKING:
    from cxredge.data.data_sets import DataSet
    from cxredge.distill.splits import Films
    from cxredge.recipe import Recipe
    from cxredge.students.base import Student


@torch.no_grad()
def pointing_game(student: Student, recipe: Recipe, data_set: DataSet, films: Films) -> Pointing | None:
    """Of ``films``, all of split test, with ``student`` in evaluation mode; None without masks or maps."""
    if not data_set.has_masks:
        return None
    device = next(student.parameters()).device
    by_name = {film.file: film for film in data_set.films("test")}
    hits: dict[str, list[bool]] = {label: [] for label in recipe.labels.names}
    for at in track(range(len(films)), "Pointing", len(films)):
        masks = data_set.masks(by_name[films.names[at]])
        if not masks:
            continue
        found = student(films.images[at : at + 1].float().to(device))
        if "cam" not in found:
            return None
        rows = [recipe.labels.names.index(label) for label in masks]
        maps = found["cam"][0, rows].cpu().numpy().astype(np.float64)
        sizes = np.array([mask.shape for mask in masks.values()], np.int64)
        for (label, mask), peak in zip(masks.items(), peaks_on_film(maps, sizes, recipe.input), strict=True):
            hits[label].append(holds(mask, peak))
    every = [hit for label in hits.values() for hit in label]
    if not every:
        return None
    return Pointing(all=_share(every), labels={label: _share(found) for label, found in hits.items() if found})


def _share(hits: list[bool]) -> Hits:
    return Hits(maps=len(hits), share=round(sum(hits) / len(hits), 4))
