"""How many films of a list would be refused or questioned for how they look, there and elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cxredge.evidence_other_films import Carried, Flagged, Share
from cxredge.outputs import Outputs
from cxredge.parity.at_thresholds import compared, share
from cxredge.parity.quality_figures import REFUSED, flagged
from cxredge.recipe import Recipe
from cxredge.results import Figures
from cxredge.statistics.shares import wilson
from cxredge.vocabulary import QUALITY_KINDS


def flagged_here(recipe: Recipe, outputs: Outputs, patients: Sequence[str]) -> tuple[Flagged, ...]:
    """Shares of the films that reach the recipe's thresholds, as in ``predict``; empty without such an output."""
    if recipe.quality is None or "quality" not in outputs:
        return ()
    reached = flagged(outputs["quality"], recipe.quality.thresholds)
    held_back: NDArray[np.bool_] = np.any(reached[:, REFUSED], axis=1)
    return (
        Flagged(figure="refused", share=share(held_back, patients)),
        *(Flagged(figure=kind, share=share(reached[:, at], patients)) for at, kind in enumerate(QUALITY_KINDS)),
    )


def flagged_there(figures: Figures, patients: int) -> tuple[Flagged, ...]:
    """The reference's false alarms in a verdict on ``figures.films`` evaluation films of so many patients.

    Which films they were is not told, so that the interval is Wilson's of one film a patient, the widest that films of
    patients who resemble each other can ask for. Empty where the verdict has none.
    """
    if not figures.quality or not patients:
        return ()
    found = {"refused": (figures.quality_false_alarms.reference, figures.films)}
    found |= {one.kind: (one.false_alarms.reference, one.ordinary) for one in figures.quality}
    return tuple(
        Flagged.model_validate({"figure": figure, "share": _share(value, films, patients)})
        for figure, (value, films) in found.items()
        if value is not None
    )


def _share(value: float, films: int, patients: int) -> Share:
    low, high = wilson(value, patients)
    return Share(hits=round(value * films), films=films, patients=patients, value=value, low=low, high=high)


def carried_quality(built: Sequence[Flagged], here: Sequence[Flagged]) -> tuple[Carried, ...]:
    """Every share that is known of both, by the rule of ``at_thresholds.carried``."""
    before = {one.figure: one.share for one in built}
    return tuple(line for one in here for line in compared(one.figure, None, before.get(one.figure), one.share))
