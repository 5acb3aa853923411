"""What a comparison of baselines leaves beside the recipe: ``baselines.json``."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from cxredge.bounds import MOST, Change, Count, HasEnds, Seconds, Share
from cxredge.files import canonical_json, sha256_bytes
from cxredge.recipe import Recipe
from cxredge.recipe_training import teaching
from cxredge.results import BootstrapSpec
from cxredge.vocabulary import AbsentIf, Frozen, Label, Line, Sha256, ShortLine, Slug, Sparse, Version

Way = Literal["teacher", "distilled", "hard labels", "pruned", "quantised teacher"]
"""The teacher itself; the student as the recipe teaches it; the same student without a teacher; the teacher with
channels cut away, to the student's size; the teacher in INT8."""
WAYS: tuple[Way, ...] = get_args(Way)
FILE = "baselines.json"


class Difference(HasEnds):
    """A way's figure less the distilled student's, and its interval over patients, on the same resamples."""

    value: Change
    low: Change | None
    high: Change | None
    """None: ``too_few`` says why there is no interval."""
    too_few: ShortLine | None = None

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


class WayRecord(Frozen):
    """One way. Figures are means over the seeds, of the weights as a file would hold them."""

    way: Way
    parameters: Count
    bytes: Count
    """By count, of no artifact: the teacher in float32, all others in INT8 (see ``bytes_by_count``)."""
    auc: Share | None
    """Mean over ``labels`` of the record; None where none is left."""
    auc_difference: Difference | None
    """None of the distilled student itself."""
    accuracy: Share | None
    """Of exclusive classes: share of the films whose own class has the greatest logit."""
    accuracy_difference: Difference | None
    seconds: Seconds
    """Of its own training, or of rounding and running it in INT8; together of all seeds and folds."""


class BaselinesRecord(Sparse):
    """``model_zoo/<name>/baselines.json``: what one ``cxredge baselines`` trained and measured."""

    schema_version: Literal[1] = 1
    name: Slug
    version: Version
    recipe_sha256: Sha256
    """Of what decides the trainings: see ``digest_of_recipe``."""
    data: ShortLine
    statement: Line
    """What the figures do and do not say."""
    seeds: tuple[int, ...]
    folds: int = Field(ge=1, le=MOST)
    """1: the recipe's own split; else over the films of all splits, each answered by a model that saw none of its
    patient."""
    films: Count
    """That were measured, of ``patients``."""
    patients: Count
    labels: tuple[Label, ...]
    """That the AUC is the mean of."""
    left_out: dict[Label, ShortLine]
    """Labels that it is not, and why."""
    open_films: Annotated[Count, AbsentIf(lambda films: not films)] = 0
    """Films of patients who have one that leaves a label open: no fold holds them out, they are only learnt from."""
    calibration_films: Count
    """Films of val, of one seed and fold, that set the quantised teacher's ranges."""
    ways: tuple[WayRecord, ...]
    not_run: Annotated[dict[Way, Line], AbsentIf(lambda found: not found)] = {}
    """Ways that the recipe has no room for, and why."""
    finding: Line
    """Whether distillation did better than hard labels alone, in a sentence."""
    bootstrap: BootstrapSpec
    threads: int = Field(ge=1, le=MOST)
    processes: ShortLine
    versions: dict[ShortLine, ShortLine]

    def of(self, way: Way) -> WayRecord:
        """A way that was run. Raises StopIteration."""
        return next(found for found in self.ways if found.way == way)


def digest_of_recipe(recipe: Recipe) -> str:
    """SHA-256 of all of a recipe that decides its trainings, and nothing that a training writes into it."""
    return sha256_bytes(canonical_json(teaching(recipe)).encode())


def finding(hard: WayRecord) -> str:
    """What the comparison with hard labels alone says, whichever way it went."""
    difference = hard.auc_difference or hard.accuracy_difference
    if difference is None:
        return "Nothing is said of distillation against hard labels alone: no figure could be had."
    what = "mean AUC" if hard.auc_difference is not None else "accuracy"
    if difference.low is None or difference.high is None:
        return (
            f"No difference can be shown between distillation and hard labels alone: hard labels against distilled, "
            f"{what} {difference.value:+.3f}, without an interval: {difference.too_few}."
        )
    less = f"{what} {difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
    if not difference.shown:
        return (
            "No difference is shown between distillation and hard labels alone: hard labels against distilled, "
            f"{less}; the interval includes 0."
        )
    if difference.value < 0:
        return f"Distillation does better than hard labels alone: hard labels against distilled, {less}."
    return f"Hard labels alone do better than distillation: hard labels against distilled, {less}."
