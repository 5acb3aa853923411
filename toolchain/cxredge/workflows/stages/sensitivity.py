"""The order in which modules are best kept in float."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from cxredge.recipe import Recipe
from cxredge.stages import Stage, Store
from cxredge.workers.jobs.rank_sensitivity import ORDER, RankSensitivity
from cxredge.workers.task import AnyJob
from cxredge.workflows.stages.base import ByJob, Ticket, Where
from cxredge.workflows.stages.rounding import RoundedWeights
from cxredge.workflows.stages.student import EAGER_PACKAGES


class Sensitivity(ByJob):
    """``order.json``."""

    kind = "sensitivity"
    step = process = "sensitivity"
    kept = "same student and calibration films as last time"
    missing = "it is not known yet which modules INT8 harms most"
    code = (RankSensitivity.__module__,)
    packages = EAGER_PACKAGES
    cost = 60

    def __init__(self, recipe: Recipe, weights: Path, rounded: RoundedWeights) -> None:
        self.recipe = recipe
        self.weights = weights
        self.rounded = rounded

    @property
    def inputs(self) -> Mapping[str, object]:
        """The rounded student stands for the student; this beside it."""
        return {"ranges": self.recipe.calibration.rule.model_dump(mode="json")}

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The rounded weights, and the films that they were rounded with."""
        return (self.rounded, self.rounded.calibration)

    def job(self, where: Where, ticket: Ticket) -> AnyJob:
        """Measures it."""
        return RankSensitivity(
            **ticket,
            recipe=self.recipe,
            weights=str(self.weights),
            calibration=str(where(self.rounded.calibration)),
            rounded=str(where(self.rounded)),
        )

    def groups(self, store: Store) -> tuple[tuple[str, ...], ...]:
        """Names of units, the group that helps most first."""
        return tuple(tuple(group) for group in json.loads((store.folder(self) / ORDER).read_text()))
